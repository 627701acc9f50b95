"""The console's files, as they lie in the package; every address that is not a file is the console itself."""

from __future__ import annotations

import mimetypes
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from perdure.api.errors import problem, problem_response

FOLDER = Path(__file__).resolve().parent.parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Perdure</title>
<h1>Perdure is running</h1><p>The console is not part of this installation: <code>./dev build</code> makes it.
The interface is described at <a href="/docs">/docs</a>.</p></html>"""


class Console:
    """Serves one folder, packed copies (`.gz`) included."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    async def answer(self, request: Request) -> Response:
        """Return the file at the address, or the console's page."""
        path = PurePosixPath(request.url.path.lstrip("/"))
        if request.url.path.startswith(("/api", "/ws", "/assets/")):
            file = self._find(path) if path.parts[0] == "assets" else None
            if file is None:
                return _nothing(request)
            return self._send(request, file, _FOR_EVER)
        file = self._find(path)
        if file is not None and file.name != "index.html":
            return self._send(request, file, "no-cache")
        index = self._folder / "index.html"
        if not index.is_file():
            return HTMLResponse(_NOT_BUILT)
        return self._send(request, index, "no-cache")

    def _find(self, path: PurePosixPath) -> Path | None:
        if not path.parts or any(part.startswith(".") for part in path.parts) or "\x00" in str(path):
            return None
        file = self._folder.joinpath(*path.parts)
        return file if file.is_file() and file.resolve().is_relative_to(self._folder.resolve()) else None

    def _send(self, request: Request, file: Path, cache: str) -> Response:
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
        packed = file.with_name(file.name + ".gz")
        if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
            headers["Content-Encoding"] = "gzip"
            file = packed
        return FileResponse(file, media_type=media_type, headers=headers)


def _nothing(request: Request) -> Response:
    return problem_response(problem(404, "not-found", f"There is nothing at {request.url.path}."))
