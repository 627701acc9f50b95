"""What one program may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Limits of one program with everything it starts. Over any of them but `output_bytes`, all of it is killed."""

    time_s: float = 600
    """Wall time that a program can ask for at most."""
    memory_bytes: int = 1024 * MIB
    """Of all its processes together."""
    output_bytes: int = MIB
    """What is shown and kept; the rest is counted and dropped."""
    processes: int = 64
    """Processes and threads."""
    file_bytes: int = 100 * MIB
    """Size of one file."""
    disk_bytes: int = 1024 * MIB
    """By how much the workspace may grow."""
    open_files: int = 256
    changed_files: int = 500
    """Files that are reported one by one."""
