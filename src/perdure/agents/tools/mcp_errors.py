"""What a tool server's program prints on its error output: lines of the log, with secrets masked like all others."""

from __future__ import annotations

import codecs
import logging
import os
import threading

from perdure.redaction import redactor

log = logging.getLogger("perdure.mcp")

_LONGEST_LINE = 4_000
_CHUNK_BYTES = 16 * 1024


class ErrorOutput:
    """Stands for the file that a program is started with as its error output; one pipe for each start."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._write: int | None = None

    def fileno(self) -> int:
        """Return the end to write to; the program's own copy of it outlives `close`."""
        if self._write is None:
            read, self._write = os.pipe()
            # A thread, since the program may outlive the event loop that started it; it ends with the program.
            threading.Thread(target=self._tell, args=(read,), name=f"mcp-{self._server}", daemon=True).start()
        return self._write

    def close(self) -> None:
        """Let go of this process's end, once the program has its own. A second call does nothing."""
        if self._write is not None:
            os.close(self._write)
            self._write = None

    def _tell(self, read: int) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        pieces, rest = redactor.pieces(), ""
        try:
            while chunk := os.read(read, _CHUNK_BYTES):
                *lines, rest = (rest + pieces.add(decode(chunk))).split("\n")
                for line in lines:
                    self._log(line)
                if len(rest) > _LONGEST_LINE:
                    self._log(rest)
                    rest = ""
            self._log(rest + pieces.end())
        finally:
            os.close(read)

    def _log(self, line: str) -> None:
        if line.strip():
            log.info("%s: %s", self._server, redactor.text(line)[:_LONGEST_LINE].rstrip())
