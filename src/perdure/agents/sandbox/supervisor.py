"""A small program between the server and a program it runs; it lives exactly as long as that program.

It starts the program under limits, watches what its processes use together, and kills every one of them
at a limit, when the program ends, or when the server goes away. It is run by path with `python -I -S`, so
it imports the standard library alone.

It reads one JSON line from standard input, whose end means "stop", and writes one JSON line to the
descriptor named there. Orphans come to it because it asks the kernel for them, so nothing that a program
leaves behind gets away, whatever it ignores and however it detaches itself.
"""
# ruff: noqa: PTH110, PTH116, PTH123, PTH208  -- it starts with every program: pathlib would cost as much again

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

_TICK_S = 0.05
_DISK_CHECK_S = 0.5
_END_TRIES_S = 10
_STATUS_FD = 3  # in the program's own descriptors, for what starts it to say how it went
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 24, 38, 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Run one program as the line on standard input says."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    spec = json.loads(_read_line())
    os.set_inheritable(spec["report_fd"], False)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(OSError):  # where it may: a flood of processes must not keep it from counting
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    report = _Watch(spec).run()
    with contextlib.suppress(BrokenPipeError):
        os.write(spec["report_fd"], json.dumps(report).encode() + b"\n")
    if report["reason"] == "cancelled":  # the server may be gone, and with it who would clean up
        os.execvp("rm", ["rm", "-rf", "--", spec["private"]])


class _Watch:
    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._pid = 0
        self._status: int | None = None
        self._wrapped = bool(spec["wrapped"])
        self._free_at_start = _free_bytes(spec["workspace"])
        self._next_disk_check = 0.0

    def run(self) -> dict[str, Any]:
        started = time.monotonic()
        status_read, status_write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _become(self._spec, status_write)
        os.close(status_write)
        reason = self._watch(started + self._spec["timeout_s"])
        left = _end_all(self._reap)
        said = _read_all(status_read)
        started_it = not self._wrapped or '"child-pid"' in said
        exit_status, number = self._outcome()
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "exit": exit_status,
            "signal": number,
            "reason": reason if started_it or reason else "setup",
            "left": left,
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
            "duration_s": round(time.monotonic() - started, 3),
        }

    def _watch(self, deadline: float) -> str | None:
        """Wait for the program's end; return why it has to be ended, if it has to."""
        poll = select.poll()
        poll.register(0, select.POLLIN | select.POLLHUP)
        ended = os.pidfd_open(self._pid)
        poll.register(ended, select.POLLIN)
        while True:
            ready = dict(poll.poll(_TICK_S * 1000))
            self._reap()
            if self._status is not None:
                return None
            if 0 in ready and not os.read(0, 4096):
                return "cancelled"
            if time.monotonic() >= deadline:
                return "time"
            if reason := self._over_limit():
                return reason

    def _over_limit(self) -> str | None:
        spec = self._spec
        pids = _descendants()
        extra = 2 if self._wrapped else 0  # what makes the namespaces, outside and inside
        if sum(_threads(pid) for pid in pids) - extra > spec["processes"]:
            return "processes"
        # Shared pages count once only in the second sum, which costs more.
        limit = spec["memory_bytes"]
        if sum(map(_resident_bytes, pids)) > limit and sum(map(_proportional_bytes, pids)) > limit:
            return "memory"
        return self._disk_over_limit()

    def _disk_over_limit(self) -> str | None:
        limit, now = self._spec["disk_bytes"], time.monotonic()
        if now < self._next_disk_check:
            return None
        self._next_disk_check = now + _DISK_CHECK_S
        place = self._spec["workspace"]
        if self._free_at_start - _free_bytes(place) <= limit:  # cheap, but others write to the disk too
            return None
        return "disk" if _folder_bytes(place) - self._spec["workspace_bytes"] > limit else None

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._status = status

    def _outcome(self) -> tuple[int | None, int | None]:
        if self._status is None:
            return None, None
        if os.WIFSIGNALED(self._status):
            return None, os.WTERMSIG(self._status)
        code = os.WEXITSTATUS(self._status)
        if self._wrapped and 128 < code < 128 + signal.NSIG:
            return None, code - 128
        return code, None


def _become(spec: dict[str, Any], status_fd: int) -> None:
    """Turn the forked child into the program. Never returns."""
    try:
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        if spec["wrapped"]:
            os.dup2(status_fd, _STATUS_FD)
        os.closerange(_STATUS_FD + 1 if spec["wrapped"] else _STATUS_FD, 1024)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o077)
        os.nice(5)
        os.chdir(spec["cwd"])
        for name, value in spec["rlimits"].items():
            _limit(getattr(resource, name), value)
        # Above the limit that is watched, so that a flood is ended; the kernel only keeps it small until then.
        _limit(resource.RLIMIT_NPROC, _own_threads() + 2 * spec["processes"] + 16)
        if not spec["wrapped"]:
            _give_up_privileges()
        os.execve(spec["argv"][0], spec["argv"], spec["env"])
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on as its parent
        os.write(2, f"the program could not be started: {error}\n".encode())
    finally:
        os._exit(127)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _give_up_privileges() -> None:
    """No set-user-id program helps, and a program of root cannot lift its own limits again."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


def _end_all(reap: Any) -> int:
    """Kill what is left until nothing is; return how many could not be killed in time."""
    deadline = time.monotonic() + _END_TRIES_S
    while True:
        reap()
        pids = _descendants()
        if not pids or time.monotonic() > deadline:
            return len(pids)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _descendants() -> list[int]:
    """Return every process below this one. Not those that have ended: they hold nothing."""
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return [pid for pid in found if _state(pid) not in ("Z", "X", "")]


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        found += [int(word) for word in _text(f"/proc/{pid}/task/{thread}/children").split()]
    if _KERNEL_LISTS_CHILDREN:
        return found
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(name) == pid]


def _parent(pid: str) -> int:
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _state(pid: int) -> str:
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].strip()[:1]


def _threads(pid: int) -> int:
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[17]) if len(fields) > 17 else 1


def _resident_bytes(pid: int) -> int:
    fields = _text(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if len(fields) > 1 else 0


def _proportional_bytes(pid: int) -> int:
    for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident_bytes(pid)


def _own_threads() -> int:
    """Return how many threads this user has: the kernel counts them against the limit, whoever started them."""
    own, total = os.getuid(), 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == own:
                    total += _threads(int(name))
    return total


def _free_bytes(folder: str) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _folder_bytes(folder: str) -> int:
    total, waiting = 0, [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if not (chunk := os.read(0, 65536)):
            sys.exit(0)
        line += chunk
    return line


def _read_all(descriptor: int) -> str:
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, 65536).decode("utf-8", "replace")
    return ""


if __name__ == "__main__":
    main()
