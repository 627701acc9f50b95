"""Files of a session's workspace: list, read, upload."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from perdure.client import models
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, reads, segment


def _path(session_id: str, path: str) -> str:
    return f"/api/sessions/{segment(session_id)}/files/{quote(path.lstrip('/'))}"


def _bytes(response: httpx.Response) -> bytes:
    return response.content


def list_(session_id: str) -> Call[models.FilePage]:
    """List the workspace."""
    return Call("GET", f"/api/sessions/{segment(session_id)}/files", reads(models.FilePage))


def read(session_id: str, path: str) -> Call[bytes]:
    """Read a whole file."""
    return Call("GET", _path(session_id, path), _bytes)


def upload(session_id: str, path: str, content: bytes) -> Call[models.File]:
    """Write a file into the workspace, replacing one of that path."""
    headers = {"Content-Type": "application/octet-stream"}
    return Call("PUT", _path(session_id, path), reads(models.File), content=content, headers=headers)


class Files(Group):
    """`client.files`."""

    list = Sync(list_)
    read = Sync(read)
    upload = Sync(upload)


class AsyncFiles(AsyncGroup):
    """`client.files`, awaited."""

    list = Async(list_)
    read = Async(read)
    upload = Async(upload)
