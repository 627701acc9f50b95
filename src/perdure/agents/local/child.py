"""The process that holds the model: a loopback server of OpenAI's chat API, and nothing else.

Run by path, so that it imports nothing of Perdure. The first line of standard input is its configuration (the
key never shows in the process list); the first line of standard output is its answer. It ends when its
standard input ends or its parent dies, whatever it is doing.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
_PROMPT_CACHE_MIB = 256


def _die_with(parent_pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def _exit_when_stdin_ends() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1)
        if not chunk:
            os._exit(1)
        line += chunk
    return line


def _start(config: dict[str, Any]) -> Any:
    os.environ["OMP_WAIT_POLICY"] = "passive"
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = config["model_path"]
    params.model_alias = {config["model_id"]}
    params.n_ctx = config["context_tokens"]
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.verbosity = -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.api_keys = [config["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.offline = True
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    return xllamacpp.Server(params)


def main() -> None:
    report = os.dup(1)
    os.dup2(2, 1)
    config = json.loads(_read_line())
    _die_with(config["parent_pid"])
    os.nice(config["niceness"])
    threading.Thread(target=_exit_when_stdin_ends, daemon=True).start()
    try:
        server = _start(config)
    except Exception as error:  # noqa: BLE001 - the outermost edge: the parent tells what went wrong
        os.write(report, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        os._exit(1)
    os.write(report, json.dumps({"address": server.listening_address}).encode() + b"\n")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
