"""Whether this machine can run the native code of the local model at all."""

from __future__ import annotations

import platform
from pathlib import Path

_NEEDED_FLAGS = ("avx2", "fma")


def missing_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Return the processor features that the runtime needs and this machine lacks.

    Without them the native code ends with an illegal instruction. Empty when nothing is missing, or when it
    cannot be known here.
    """
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return ()
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return ()
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), None)
    return () if flags is None else tuple(flag for flag in _NEEDED_FLAGS if flag not in flags)
