"""Files of a session's workspace: list, download, upload."""

from __future__ import annotations

import os
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import Query, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from perdure.api.auth import Caller, Services
from perdure.api.errors import BodyTooLarge
from perdure.api.route import STREAMED_BODY
from perdure.api.routes.parts import SessionPath, Shape, flat, router
from perdure.api.wire.files import FileList, FileOut
from perdure.api.wire.problems import problem_answers

routes = router("files")

_UPLOAD = {
    STREAMED_BODY: True,
    "requestBody": {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    },
}


class _OpenFile(FileResponse):
    """Sends a file that is open already: its path may lead elsewhere by now."""

    def __init__(self, file: BinaryIO, **options: Any) -> None:
        super().__init__(f"/dev/fd/{file.fileno()}", stat_result=os.fstat(file.fileno()), **options)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close it at the end."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


@routes.get("/api/sessions/{session_id}/files", responses=problem_answers(404))
async def list_files(
    session_id: SessionPath, perdure: Services, actor: Caller, shape: Shape = "envelope"
) -> FileList:
    """List the files of the workspace by path."""
    as_of_seq, _epoch = await perdure.history.head(session_id)
    files = [FileOut.of(info) for info in await perdure.files.list(actor, session_id)]
    if shape == "flat":
        return flat(files, len(files))  # pyright: ignore[reportReturnType]
    return FileList(session_id=session_id, files=files, total=len(files), as_of_seq=as_of_seq)


@routes.get(
    "/api/sessions/{session_id}/files.zip",
    response_class=StreamingResponse,
    responses={**problem_answers(404, 413), 200: {"content": {"application/zip": {}}}},
)
async def get_files_as_zip(session_id: SessionPath, perdure: Services, actor: Caller) -> StreamingResponse:
    """Read all files of the workspace as one ZIP file, made while it is sent."""
    chunks = await perdure.files.archive(actor, session_id)
    headers = {"Content-Disposition": f'attachment; filename="{session_id}.zip"'}
    return StreamingResponse(chunks, media_type="application/zip", headers=headers)


@routes.get(
    "/api/sessions/{session_id}/files/{path:path}",
    response_class=FileResponse,
    responses=problem_answers(404),
)
async def get_file(
    session_id: SessionPath,
    path: str,
    perdure: Services,
    actor: Caller,
    raw: Annotated[bool, Query(description="As plain text to show, not to save.")] = False,
) -> Response:
    """Read a file's bytes: as an attachment, or with `raw` as plain text; a browser never runs them."""
    info, file = await perdure.files.open(actor, session_id, path)
    name = quote(info.path.rsplit("/", 1)[-1])
    shown = raw and (
        info.media_type.startswith("text/") or info.media_type in {"application/json", "application/jsonl"}
    )
    headers = {
        "Content-Disposition": "inline" if shown else f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{info.sha256}"',
    }
    media_type = "text/plain; charset=utf-8" if shown else "application/octet-stream"
    return _OpenFile(file, media_type=media_type, headers=headers)


@routes.put(
    "/api/sessions/{session_id}/files/{path:path}",
    status_code=201,
    responses=problem_answers(404, 409, 413),
    openapi_extra=_UPLOAD,
)
async def upload_file(
    session_id: SessionPath, path: str, request: Request, perdure: Services, actor: Caller
) -> FileOut:
    """Write a file from the raw body; what was there under the path is replaced as a whole."""
    return await _upload(session_id, path, request, perdure, actor)


@routes.post(
    "/api/sessions/{session_id}/files/{path:path}",
    status_code=201,
    responses=problem_answers(404, 409, 413),
    openapi_extra=_UPLOAD,
)
async def post_file(
    session_id: SessionPath, path: str, request: Request, perdure: Services, actor: Caller
) -> FileOut:
    """Write a file from the raw body, as PUT does."""
    return await _upload(session_id, path, request, perdure, actor)


async def _upload(session_id: str, path: str, request: Request, perdure: Services, actor: Caller) -> FileOut:
    limit = perdure.settings.max_upload_bytes
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"An uploaded file is at most {limit} bytes.", max_bytes=limit)
    return FileOut.of(await perdure.files.upload(actor, session_id, path, request.stream(), limit))
