"""Assets: the named inputs, outputs and intermediate things of a mission, often files."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from perdure.core.transitions import Lifecycle, Transition


class AssetStatus(StrEnum):
    """Whether a thing is there yet."""

    PROPOSED = "proposed"
    PENDING = "pending"
    READY = "ready"
    ERROR = "error"


class AssetRole(StrEnum):
    """What a thing is to the mission or hop it belongs to."""

    INPUT = "input"
    OUTPUT = "output"
    INTERMEDIATE = "intermediate"


class AssetCommand(StrEnum):
    """What happens to an asset."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    PROVIDE = "provide"
    FAIL = "fail"
    RETRY = "retry"


_A = AssetStatus
_C = AssetCommand

_FILE_NAME = re.compile(r"\.[A-Za-z]\w{0,7}$")
UNSETTLED_ASSETS = frozenset({_A.PROPOSED, _A.PENDING})

ASSET_LIFECYCLE: Lifecycle[AssetStatus, AssetCommand] = Lifecycle(
    noun="asset",
    rows=(
        Transition(_C.PROPOSE, frozenset({_A.PENDING, _A.ERROR}), _A.PROPOSED, "its mission is revised"),
        Transition(_C.ACCEPT, frozenset({_A.PROPOSED}), _A.PENDING, "its mission is accepted"),
        Transition(
            _C.PROVIDE,
            frozenset(_A),
            _A.READY,
            "its value or file is there; a new one raises the version",
        ),
        Transition(_C.FAIL, UNSETTLED_ASSETS, _A.ERROR, "its hop or mission ended without making it"),
        Transition(_C.RETRY, frozenset({_A.ERROR}), _A.PENDING, "the hop that makes it is executed again"),
    ),
)


class Asset(BaseModel):
    """A named thing of a mission, hop or session: a file of the workspace or a value."""

    model_config = ConfigDict(frozen=True)

    id: str
    session_id: str | None = None
    mission_id: str | None = None
    hop_id: str | None = None
    """The hop that makes it; an input has none."""
    name: str
    description: str = ""
    kind: str = "value"
    """`file` with a `path`, else what its maker calls it."""
    role: AssetRole = AssetRole.OUTPUT
    status: AssetStatus = AssetStatus.PROPOSED
    media_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    path: str | None = None
    value: Any = None
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def is_there(self) -> bool:
        """Whether it has a file or a value."""
        return self.path is not None or self.value is not None

    @property
    def names_a_file(self) -> bool:
        """Whether its name is that of a file, so that only a file keeps what it promises."""
        return _FILE_NAME.search(self.name) is not None

    def is_file(self, path: str) -> bool:
        """Whether a file of that path is what its name promises."""
        return self.name in (path, path.rsplit("/", 1)[-1])
