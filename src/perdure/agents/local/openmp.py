"""The OpenMP runtime for a model's process on hosts that have none, such as slim containers."""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path

NAME = "libgomp.so.1"
PACKAGE = "libgomp1"
_CARRIER = "dtaidistance"
"""A package whose wheel brings the library along; nothing else of it is used."""


def environment(folder: Path) -> dict[str, str]:
    """Return what the process needs in its environment to find the library; nothing where the host has it.

    A link to the library is put in `folder`, because the loader goes by its name. It is needed until the
    process has loaded its code.
    """
    if sys.platform != "linux" or _is_on_host():
        return {}
    library = find_bundled()
    if library is None:
        return {}
    (folder / NAME).symlink_to(library)
    return {"LD_LIBRARY_PATH": str(folder)}


def find_bundled() -> Path | None:
    """Return the library that a wheel brought along, if one did."""
    spec = find_spec(_CARRIER)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.with_name(f"{_CARRIER}.libs")
    return next(iter(sorted(folder.glob("libgomp*.so*"))), None)


def _is_on_host() -> bool:
    try:
        ctypes.CDLL(NAME)
    except OSError:
        return False
    return True
