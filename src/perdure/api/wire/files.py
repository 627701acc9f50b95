"""Files of a workspace on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.api.wire.base import Wire

if TYPE_CHECKING:
    from perdure.store.workspace import FileInfo


class FileOut(Wire):
    """One file; its content is at `/files/{path}`."""

    path: str
    name: str
    size: int
    size_bytes: int
    sha256: str
    media_type: str
    created: bool
    changed: bool

    @classmethod
    def of(cls, info: FileInfo) -> FileOut:
        """Return the wire form."""
        return cls(
            path=info.path,
            name=info.path.rsplit("/", 1)[-1],
            size=info.size_bytes,
            size_bytes=info.size_bytes,
            sha256=info.sha256,
            media_type=info.media_type,
            created=info.created,
            changed=info.changed,
        )


class FileList(Wire):
    """All files of a session's workspace, by path."""

    session_id: str
    files: list[FileOut]
    total: int
    as_of_seq: int
