"""The command that runs a program in namespaces of its own.

The program sees a read-only system, the server's Python, one writable folder at a fixed place, and
nothing else of the machine: no network, no other processes, no other files, no environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure.agents.sandbox.limits import SandboxLimits

WORKSPACE_PLACE = "/workspace"
PROGRAM_PLACE = "/run/program"
_STATUS_FD = "3"
_SYSTEM = ("/usr", "/nix/store")
_ALIASES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_CONFIGURATION = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
)
_ACCOUNT = "agent:x:1000:1000::/tmp:/bin/sh\n"
_HELP_TIMEOUT_S = 10


class NotInstalled(Exception):
    """There is no bubblewrap on this machine."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A bubblewrap as installed. `hidden` folders are covered even where they lie inside the system."""

    path: str
    can_bound_memory_folders: bool
    can_forbid_namespaces: bool
    hidden: tuple[Path, ...] = field(default=(), compare=False)

    @classmethod
    def find(cls, hidden: Sequence[Path] = ()) -> Bubblewrap:
        """Return the machine's bubblewrap; it may still be forbidden to work.

        Raises:
            NotInstalled: when there is none, or it does not run.
        """
        path = shutil.which("bwrap")
        if path is None:
            raise NotInstalled("bubblewrap is not installed")
        try:
            told = subprocess.run(
                [path, "--help"], capture_output=True, text=True, timeout=_HELP_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotInstalled(f"bubblewrap does not run: {error}") from error
        options = told.stdout + told.stderr
        places = tuple(folder.resolve() for folder in hidden)
        return cls(path, "--size" in options, "--disable-userns" in options, places)

    def command(
        self, workspace: Path, private: Path, program: Sequence[str], limits: SandboxLimits
    ) -> list[str]:
        """Return the command line for `program`, whose own files are in `private`."""
        (private / "passwd").write_text(_ACCOUNT)
        forbid = ["--disable-userns"] if self.can_forbid_namespaces else []
        return [
            self.path,
            "--json-status-fd",
            _STATUS_FD,
            "--unshare-all",
            "--unshare-user",
            *forbid,
            "--uid",
            "1000",
            "--gid",
            "1000",
            "--hostname",
            "sandbox",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            *self._environment(),
            *self._system(),
            *("--proc", "/proc", "--dev", "/dev"),
            *self._in_memory("/dev/shm", limits),
            *self._in_memory("/tmp", limits),
            *self._python(),  # after /tmp, where a checkout may lie
            *("--ro-bind", str(private), PROGRAM_PLACE),
            *("--ro-bind", str(private / "passwd"), "/etc/passwd"),
            *self._covered(),
            *("--bind", str(workspace), WORKSPACE_PLACE),
            *("--remount-ro", "/dev", "--remount-ro", "/"),
            *("--chdir", WORKSPACE_PLACE),
            "--",
            *program,
        ]

    def _environment(self) -> list[str]:
        values = environment(home="/tmp", temporary="/tmp")
        return [word for name, value in values.items() for word in ("--setenv", name, value)]

    def _system(self) -> list[str]:
        words = [word for folder in _SYSTEM for word in ("--ro-bind-try", folder, folder)]
        for alias in map(Path, _ALIASES):
            if alias.is_symlink():
                words += ["--symlink", str(alias.readlink()), str(alias)]
            elif alias.is_dir():
                words += ["--ro-bind", str(alias), str(alias)]
        for path in _CONFIGURATION:
            words += ["--ro-bind-try", path, path]
        return words

    def _python(self) -> list[str]:
        folders = map(str, _python_folders())
        return [word for path in folders for word in ("--ro-bind-try", path, path)]

    def _in_memory(self, place: str, limits: SandboxLimits) -> list[str]:
        if not self.can_bound_memory_folders:
            return ["--tmpfs", place]
        return ["--size", str(limits.memory_bytes // 4), "--tmpfs", place]

    def _covered(self) -> list[str]:
        shown = [Path(folder) for folder in _SYSTEM] + _python_folders()
        inside = [each for each in self.hidden if any(each.is_relative_to(folder) for folder in shown)]
        return [word for folder in inside for word in ("--tmpfs", str(folder))]


def environment(*, home: str, temporary: str) -> dict[str, str]:
    """Return all that a program finds in its environment; nothing of the server's is in it."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": temporary,
        "USER": "agent",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _python_folders() -> list[Path]:
    """Return where the server's Python is, outside the system's own folders."""
    folders = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve())
    return [folder for folder in dict.fromkeys(folders) if not folder.is_relative_to("/usr")]
