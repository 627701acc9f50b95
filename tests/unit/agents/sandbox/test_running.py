"""A program runs in the workspace, is followed while it runs, and is gone afterwards, under either isolation."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.sandbox import Choice, Isolation, Sandbox
from perdure.errors import StartupError
from perdure.store.workspace import Workspace
from tests.fakes.programs import Runner, processes_with

CHOICES: list[Choice] = ["auto", "limits"]


@pytest.fixture(params=CHOICES)
def runner(request: pytest.FixtureRequest, workspace: Workspace, machine_isolation: Isolation) -> Runner:
    return Runner(workspace, request.param)


async def test_reports_output_exit_status_and_changes(runner: Runner) -> None:
    runner.workspace.write("old.txt", "old")
    runner.workspace.write("same.txt", "same")
    runner.workspace.write("gone.txt", "gone")

    outcome = await runner.shell(
        "cat old.txt; echo; echo no >&2; echo new > old.txt; mkdir d; echo x > d/a; rm gone.txt; exit 3"
    )

    assert (outcome.exit_status, outcome.signal, outcome.stopped_for) == (3, None, None)
    assert runner.lines("stdout") == ["old"]
    assert runner.lines("stderr") == ["no"]
    assert sorted(outcome.output.split("\n")) == ["no", "old"]
    assert outcome.output_bytes == 7
    assert [(info.path, info.created) for info in outcome.changes.written] == [
        ("d/a", True),
        ("old.txt", False),
    ]
    assert outcome.changes.removed == ("gone.txt",)
    assert outcome.isolation is runner.sandbox.isolation
    assert outcome.duration_ms > 0


async def test_python_is_the_servers_and_finds_modules_of_the_workspace(runner: Runner) -> None:
    runner.workspace.write("mine.py", "NAME = 'mine'")
    runner.workspace.write("json.py", "raise SystemExit('shadowed')")

    outcome = await runner.python(
        "from __future__ import annotations\nimport sys, json, mine\nprint(mine.NAME, __name__, sys.flags.isolated)"
    )

    assert (outcome.exit_status, outcome.output) == (0, "mine __main__ 1")
    assert outcome.changes.written == ()


async def test_a_traceback_shows_the_line(runner: Runner) -> None:
    outcome = await runner.python("x = 1\ny = x / 0  # here")

    assert outcome.exit_status == 1
    assert "line 2" in outcome.output
    assert "# here" in outcome.output
    assert outcome.output.endswith("ZeroDivisionError: division by zero")


async def test_a_signal_is_named(runner: Runner) -> None:
    outcome = await runner.python("import os; os.kill(os.getpid(), 11)")

    assert (outcome.exit_status, outcome.signal) == (None, 11)


async def test_output_is_shown_while_the_program_runs(runner: Runner) -> None:
    """The program waits for a file that is made only when its line has been seen."""

    async def answer() -> None:
        await runner.printed.wait()
        (runner.workspace.root / "go").write_text("go")

    task = asyncio.create_task(answer())
    outcome = await runner.shell("echo waiting; until [ -e go ]; do sleep 0.02; done; echo went")
    await task

    assert outcome.exit_status == 0
    assert runner.lines("stdout") == ["waiting", "went"]


async def test_many_lines_come_in_few_batches(runner: Runner) -> None:
    await runner.shell("seq 1000")

    assert runner.lines("stdout") == [str(number) for number in range(1, 1001)]
    assert len(runner.batches) < 50


async def test_odd_bytes_become_text(runner: Runner) -> None:
    outcome = await runner.shell(r"printf 'a\377b\000c\r\n\303'; sleep 0.01; printf '\251 end'")

    assert runner.lines("stdout") == ["a\ufffdb\ufffdc", "é end"]
    assert outcome.output == "a\ufffdb\ufffdc\né end"


async def test_what_reads_input_finds_none(runner: Runner) -> None:
    outcome = await runner.shell("cat; read x; echo read: $?")

    assert outcome.output == "read: 1"


async def test_the_environment_holds_nothing_of_the_servers(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_SECRET_KEY", "planted-secret")

    outcome = await runner.shell("env; tr '\\0' '\\n' < /proc/self/environ; cat /proc/$PPID/environ")

    assert "planted-secret" not in outcome.output
    assert "PATH=" in outcome.output


async def test_a_time_limit_ends_it_with_everything_it_started(runner: Runner) -> None:
    """The grandchild leaves the group and the session, ignores signals and closes its streams."""
    mark = f"perdure-mark-{os.getpid()}-{runner.choice}"
    runner.workspace.write(
        "child.py",
        f"""
import os, signal, sys, time
mark = "{mark}"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", "import time; open('alive', 'w'); time.sleep(600)", mark])
    os._exit(0)
time.sleep(600)
""",
    )

    outcome = await runner.python("import child", timeout_s=2)

    assert outcome.stopped_for == "time"
    assert outcome.exit_status is None
    assert [info.path for info in outcome.changes.written] == ["alive"]
    assert processes_with(mark) == []


async def test_what_is_left_behind_at_a_normal_end_is_ended_too(runner: Runner) -> None:
    mark = f"perdure-left-{os.getpid()}-{runner.choice}"

    outcome = await runner.shell(
        f"setsid sh -c 'trap \"\" TERM; : > up; sleep 600; : {mark}' & until [ -e up ]; do sleep 0.02; done"
    )

    assert outcome.exit_status == 0
    assert processes_with(mark) == []


async def test_a_cancellation_ends_it(runner: Runner) -> None:
    mark = f"perdure-cancelled-{os.getpid()}-{runner.choice}"
    task = asyncio.create_task(
        runner.shell(f"(setsid sh -c 'trap \"\" TERM; sleep 600; : {mark}' &) ; echo up; sleep 600")
    )
    await runner.printed.wait()
    assert processes_with(mark)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert processes_with(mark) == []


async def test_a_killed_server_takes_its_programs_along(runner: Runner, tmp_path: Path) -> None:
    mark = f"perdure-orphan-{os.getpid()}-{runner.choice}"
    server = f"""
import asyncio, sys
from pathlib import Path
from perdure.agents.sandbox.sandbox import Sandbox
from perdure.store.workspace import Workspace

async def show(lines, stream):
    print(*lines, flush=True)

command = "(setsid sh -c 'trap \\"\\" TERM; echo up; sleep 600; : {mark}' &) ; sleep 600"
sandbox = Sandbox(choice={runner.choice!r})
workspace = Workspace(Path({str(runner.workspace.root)!r}))
asyncio.run(sandbox.run(workspace, "shell", command, timeout_s=600, on_output=show))
"""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", server),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    found = processes_with(mark)
    assert found

    process.kill()
    await process.wait()

    async with asyncio.timeout(30):
        # Nobody is left who could tell.
        while processes_with(mark) or any(temporary.iterdir()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_failing_listener_ends_it(runner: Runner) -> None:
    mark = f"perdure-deaf-{os.getpid()}-{runner.choice}"

    async def refuse(lines: list[str], stream: str) -> None:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        await runner.sandbox.run(
            runner.workspace, "shell", f"echo up; sleep 600; : {mark}", timeout_s=60, on_output=refuse
        )

    assert processes_with(mark) == []


async def test_output_over_the_limit_is_counted_and_dropped(workspace: Workspace) -> None:
    runner = Runner(workspace, "limits", SandboxLimits(output_bytes=1000))

    outcome = await runner.shell("head -c 300000 /dev/zero | tr '\\0' x; echo; echo end")

    assert outcome.exit_status == 0
    assert (outcome.output_bytes, outcome.truncated) == (300_005, True)
    assert len("".join(runner.lines("stdout"))) == 1000
    assert len(runner.lines("log")) == 1


async def test_the_last_part_of_long_output_is_kept(workspace: Workspace) -> None:
    outcome = await Runner(workspace, "limits").shell("seq 1 9000")

    assert outcome.output.startswith("[the beginning is left out]\n")
    assert outcome.output.endswith("\n8999\n9000")
    assert not outcome.truncated


async def test_only_so_many_files_are_reported(workspace: Workspace) -> None:
    runner = Runner(workspace, "limits", SandboxLimits(changed_files=3))

    outcome = await runner.shell("for i in 1 2 3 4 5; do echo $i > f$i; done")

    assert [info.path for info in outcome.changes.written] == ["f1", "f2", "f3"]
    assert outcome.changes.unreported == 2


async def test_two_programs_run_side_by_side(runner: Runner) -> None:
    one, two = await asyncio.gather(
        runner.shell("echo 1 > a; until [ -e b ]; do sleep 0.02; done"),
        runner.shell("echo 2 > b; until [ -e a ]; do sleep 0.02; done"),
    )

    assert (one.exit_status, two.exit_status) == (0, 0)


def test_says_what_is_in_force(machine_isolation: Isolation) -> None:
    found, asked = Sandbox(), Sandbox(choice="limits")
    assert found.state()["isolation"] == "unknown"
    found.detect()
    asked.detect()

    assert found.state()["isolation"] == machine_isolation.value
    if machine_isolation is Isolation.BUBBLEWRAP:
        assert "no network" in found.state()["says"]
    else:
        assert "not isolated" in found.state()["says"]
        assert "bubblewrap" in found.state()["says"]
    assert asked.state()["isolation"] == "limits-only"
    assert "not isolated" in asked.state()["says"]


def test_without_bubblewrap_auto_falls_back_and_a_demand_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Sandbox()
    found.detect()

    assert found.state()["isolation"] == "limits-only"
    assert "bubblewrap is not installed" in found.state()["says"]
    with pytest.raises(StartupError, match="PERDURE_SANDBOX"):
        Sandbox(choice="bubblewrap").detect()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
        ('while [ "$1" != -- ]; do shift; done; shift; exec "$@"', "can be seen|cannot|No such file"),
        ("exit 0", "write to the workspace|setup"),
    ],
)
def test_a_bubblewrap_that_does_not_isolate_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --help ] && exit 0\n{script}\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(StartupError, match=reason):
        Sandbox(choice="bubblewrap").detect()
