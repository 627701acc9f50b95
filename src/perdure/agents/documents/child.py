"""The process that reads documents: one at a time, because PDFium is not made for several threads.

Each request is a line of JSON on standard input, followed by the bytes of the file; each answer is a line of
JSON on standard output. It ends when its standard input ends or its parent dies, whatever it is doing.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
_NICENESS = 5
_LOOK_AFTER_PARENT_S = 1.0


def main() -> None:
    """Serve requests until standard input ends."""
    parent, memory_bytes, threads = (int(word) for word in sys.argv[1:4])
    _follow(parent)
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print must not end up between the answers
    os.nice(_NICENESS)
    _limit_memory(memory_bytes)
    os.environ.update({"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)})

    def answer(**fields: Any) -> None:
        data = json.dumps(fields).encode() + b"\n"
        while data:
            data = data[os.write(answers, data) :]

    from perdure.agents.documents import pages

    recognition = pages.Recognition(threads)
    while line := sys.stdin.buffer.readline():
        request: dict[str, Any] = json.loads(line)
        content = sys.stdin.buffer.read(request["size"])
        if len(content) < request["size"]:
            return
        if not _serve(request, content, recognition, answer):
            return


def _serve(request: dict[str, Any], content: bytes, recognition: Any, answer: Any) -> bool:
    """Answer one request; False when the process had better end after it."""
    from perdure.agents.documents import pages
    from perdure.agents.documents.limits import DocumentLimits, ReadingFailed
    from perdure.errors import PerdureError

    limits = DocumentLimits(**request["limits"])
    try:
        opened = pages.open_document(content, limits)
        try:
            facts = {"pages": opened.pages, "encrypted": opened.encrypted}
            if request["op"] == "inspect":
                answer(done=facts)
                return True
            numbers = pages.chosen_pages(opened, request["pages"], limits)
            answer(opened={**facts, "chosen": len(numbers)})
            for page in pages.read_pages(opened, numbers, limits, recognition):
                answer(page=page.to_dict())
            answer(done={**facts, "engines": pages.engine_versions()})
        finally:
            opened.close()
    except PerdureError as error:
        answer(error=error.to_dict())
    except MemoryError:
        answer(error=ReadingFailed("reading it takes more memory than the limit allows").to_dict())
        return False
    except Exception as error:  # noqa: BLE001 - the outermost edge: the parent tells what went wrong
        failure = ReadingFailed(f"reading it failed: {type(error).__name__}: {error}")
        answer(error=failure.to_dict())
        return False
    return True


def _follow(parent: int) -> None:
    """Die when the parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_AFTER_PARENT_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit_memory(memory_bytes: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (ImportError, ValueError, OSError) as error:
        print(f"no limit on memory: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
