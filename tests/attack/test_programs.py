"""Programs that try to get out, to take too much, or to leave traps: what holds where namespaces work, and
what is declared where they do not."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.sandbox import Choice, Isolation, Sandbox
from perdure.agents.tools.execution import execution_tools
from perdure.store.workspace import FileMissing, PathOutsideWorkspace, Workspace
from tests.fakes.programs import MIB, Runner, processes_with
from tests.fakes.tool_calls import call_tool
from tests.fakes.tool_context import RecordingToolContext

SECRET = "planted-canary-1f2e3d"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data" / "work")


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """A file beside the workspace, as the server's database and key are."""
    path = tmp_path / "data" / "secret.key"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SECRET)
    return path


@pytest.fixture
def isolated(workspace: Workspace, machine_isolation: Isolation) -> Runner:
    """The strongest that this machine has."""
    runner = Runner(workspace)
    runner.sandbox.detect()
    assert runner.sandbox.isolation is machine_isolation
    return runner


CHOICES: list[Choice] = ["auto", "limits"]


@pytest.fixture(params=CHOICES)
def either(request: pytest.FixtureRequest, workspace: Workspace, machine_isolation: Isolation) -> Runner:
    """Both kinds of isolation."""
    return Runner(workspace, request.param)


def declared(runner: Runner) -> bool:
    """Whether the sandbox says plainly that programs reach the machine."""
    return "not isolated" in runner.sandbox.state()["says"]


def holds(secret_file: Path) -> bool:
    """Whether nobody wrote to the file."""
    return secret_file.read_text() == SECRET


def is_there(path: Path) -> bool:
    """Whether there is a file."""
    return path.exists()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        yield server


async def test_files_outside_the_workspace_are_out_of_reach(isolated: Runner, secret_file: Path) -> None:
    outcome = await isolated.shell(
        f"cat {secret_file}; cat ../secret.key; cat /proc/1/root{secret_file}; cat /proc/self/root{secret_file};"
        f"cat /etc/shadow; cat /proc/*/environ | tr '\\0' '\\n'; ls -a / {secret_file.parent}"
    )

    assert (SECRET in outcome.output) is declared(isolated)
    if not declared(isolated):
        assert "root:" not in (await isolated.shell("cat /etc/passwd")).output


async def test_the_system_cannot_be_written_to(isolated: Runner, secret_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "outside"
    places = "/ /usr /etc /bin /lib /dev /run /run/program /proc /sys"
    outcome = await isolated.shell(
        f"for place in {places}; do touch $place/x 2>/dev/null && echo wrote $place; done; "
        f"echo x > {target}; echo x > {secret_file}; rm -rf {secret_file.parent}/secret.key; true"
    )

    assert is_there(target) is declared(isolated)
    assert is_there(secret_file) is not declared(isolated)
    if not declared(isolated):
        assert "wrote" not in outcome.output
        assert holds(secret_file)


async def test_no_network(isolated: Runner, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    outcome = await isolated.python(
        f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 5); print('connected')\n"
        "except OSError as error:\n    print('refused', error)"
    )

    assert ("connected" in outcome.output) is declared(isolated)
    if not declared(isolated):
        with pytest.raises(TimeoutError):
            listener.accept()


async def test_sockets_of_the_machine_are_not_seen(isolated: Runner, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        outcome = await isolated.python(
            f"import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect({str(path)!r})\nprint('reached')"
        )

    assert ("reached" in outcome.output) is declared(isolated)


async def test_other_processes_are_not_seen_or_signalled(isolated: Runner) -> None:
    outcome = await isolated.shell(f"kill -0 {os.getpid()} && echo reached; ls -d /proc/[0-9]* | wc -l")

    assert ("reached" in outcome.output) is declared(isolated)
    if not declared(isolated):
        assert int(outcome.output.split()[-1]) < 10


async def test_it_has_no_privileges_and_gets_none(isolated: Runner) -> None:
    outcome = await isolated.shell(
        "grep -E 'Cap(Eff|Prm|Bnd)|NoNewPrivs' /proc/self/status; unshare -Ur true && echo nested; "
        "mount -t tmpfs none /tmp && echo mounted; mkdir m; mount --bind /usr m && echo bound"
    )

    assert "nested" not in outcome.output or declared(isolated)
    assert "mounted" not in outcome.output
    assert "bound" not in outcome.output
    assert "NoNewPrivs:\t1" in outcome.output
    assert "CapEff:\t0000000000000000" in outcome.output


async def test_a_fork_bomb_ends_at_the_limit(either: Runner) -> None:
    outcome = await either.shell(":(){ :|:& };:; sleep 30", timeout_s=60)

    assert outcome.stopped_for == "processes"


async def test_processes_that_flee_are_counted_and_ended(either: Runner) -> None:
    mark = f"perdure-flood-{os.getpid()}-{either.choice}"
    outcome = await either.shell(
        f"for i in $(seq 100); do setsid sh -c 'sleep 600; : {mark}' & done; sleep 30"
    )

    assert outcome.stopped_for == "processes"
    assert processes_with(mark) == []


async def test_threads_count_as_processes(either: Runner) -> None:
    outcome = await either.python(
        "import threading, time\nfor _ in range(200):\n"
        "    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\ntime.sleep(30)"
    )

    assert outcome.stopped_for == "processes" or "can't start new thread" in outcome.output


async def test_one_process_gets_no_more_memory_than_agreed(either: Runner) -> None:
    outcome = await either.python("x = []\nwhile True: x.append(bytearray(1 << 20))")

    assert outcome.exit_status == 1
    assert outcome.output.endswith("MemoryError")


async def test_several_processes_get_no_more_memory_together(either: Runner) -> None:
    outcome = await either.python(
        "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(os.urandom(1 << 20) * 64)\ntime.sleep(30)"
    )

    assert outcome.stopped_for == "memory"


async def test_memory_that_looks_like_files_is_bounded(isolated: Runner) -> None:
    outcome = await isolated.shell(
        "for f in /tmp/x /dev/shm/x; do head -c 200000000 /dev/zero > $f; stat -c %s $f; rm $f; done"
    )

    sizes = [int(word) for word in outcome.output.split() if word.isdigit()]
    if declared(isolated):
        return  # they are the machine's own there
    assert sizes
    assert max(sizes) <= 64 * MIB


async def test_endless_output_is_cut_and_the_program_ended(either: Runner) -> None:
    outcome = await either.shell("yes attack", timeout_s=2)

    assert outcome.stopped_for == "time"
    assert outcome.truncated
    assert outcome.output_bytes > len("".join(either.lines("stdout")))
    assert len("".join(either.lines("stdout"))) <= either.limits.output_bytes


async def test_one_endless_line_is_cut(either: Runner) -> None:
    outcome = await either.shell("tr '\\0' x < /dev/zero", timeout_s=2)

    assert outcome.stopped_for == "time"
    assert outcome.truncated
    assert max(map(len, either.lines("stdout"))) <= 4000


async def test_a_file_has_a_largest_size(workspace: Workspace, machine_isolation: Isolation) -> None:
    runner = Runner(workspace, limits=SandboxLimits(file_bytes=MIB))

    await runner.shell("head -c 5000000 /dev/zero > big")

    assert (workspace.root / "big").stat().st_size == MIB


async def test_the_workspace_does_not_grow_without_end(
    workspace: Workspace, machine_isolation: Isolation
) -> None:
    limits = SandboxLimits(disk_bytes=20 * MIB, file_bytes=5 * MIB)
    runner = Runner(workspace, limits=limits)

    outcome = await runner.shell(
        "i=0; while true; do i=$((i+1)); head -c 4000000 /dev/urandom > f$i || break; sleep 0.01; done"
    )

    assert outcome.stopped_for == "disk"


async def test_a_program_of_root_cannot_lift_its_limits(either: Runner) -> None:
    outcome = await either.python(
        "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40)); print('lifted')\n"
        "except (ValueError, OSError):\n    print('kept')"
    )

    assert outcome.output == "kept"


async def test_links_that_a_program_leaves_are_never_followed(either: Runner, secret_file: Path) -> None:
    """End to end: the program plants them, and every way of reading the workspace refuses."""
    workspace = either.workspace
    workspace.write("plain.txt", "plain")

    outcome = await either.shell(
        f"ln -s {secret_file} file; ln -s {secret_file.parent} folder; ln -s .. up; mkdir d; ln -s / d/root;"
        "ln -s plain.txt inside; ln -s loop loop; mkfifo pipe; rm plain.txt"
    )

    assert outcome.changes.written == ()
    assert outcome.changes.removed == ("plain.txt",)
    assert workspace.list() == []
    assert workspace.search(SECRET) == []
    for path in (
        "file",
        "folder/secret.key",
        "up/secret.key",
        f"d/root{secret_file}",
        "inside",
        "loop",
        "pipe",
    ):
        with pytest.raises((PathOutsideWorkspace, FileMissing)):
            workspace.read_bytes(path)
        with pytest.raises((PathOutsideWorkspace, FileMissing)):
            workspace.info(path)
    for path in ("file", "folder/new", "up/new", "d/root/tmp/new", "loop"):
        with pytest.raises(PathOutsideWorkspace):
            workspace.write(path, "overwritten")
    assert holds(secret_file)


async def test_traps_in_the_workspace_break_nothing(either: Runner) -> None:
    """Odd names, endless depth, forbidden folders and set-user-id files: the workspace stays usable."""
    workspace = either.workspace
    code = r"""
import os
for name in (b"\xff\xfe", b"a\nb", b"a:b", b"x" * 255, b" lead", b"con", "\u202egpj.exe".encode()):
    open(name, "w").close()
os.makedirs("locked/in"); open("locked/in/f", "w").close(); os.chmod("locked/in", 0); os.chmod("locked", 0)
open("secret", "w").close(); os.chmod("secret", 0)
open("suid", "w").close(); os.chmod("suid", 0o4755)
top = os.getcwd()
os.mkdir("deep"); os.chdir("deep")
for _ in range(3000):
    os.mkdir("d"); os.chdir("d")
open("bottom", "w").close()
"""
    outcome = await either.python(code)

    assert outcome.exit_status == 0, outcome.output
    written = [info.path for info in outcome.changes.written]
    assert {"locked/in/f", "secret", "suid"} <= set(written)
    assert outcome.changes.unreported >= 4
    assert (workspace.root / "suid").stat().st_mode & 0o7000 == 0
    listed = workspace.list()
    assert set(written) <= set(listed)
    assert all(workspace.info(path).path == path for path in listed)
    assert "\n".join(listed).encode()
    assert workspace.read_text("locked/in/f") == ""
    shutil.rmtree(workspace.root)  # as a purge does it


async def test_the_events_of_a_run_name_the_isolation(tmp_path: Path, machine_isolation: Isolation) -> None:
    context = RecordingToolContext(tmp_path / "work")

    await call_tool(execution_tools(Sandbox(choice="limits")), context, "run_shell", command="echo hi")
    await call_tool(execution_tools(Sandbox()), context, "run_shell", command="echo hi")

    assert [each.isolation for each in context.executions] == ["limits-only", machine_isolation.value]
