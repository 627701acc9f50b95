"""The server writes its log as it is set, a line for each thing, and nothing secret in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest

from perdure.api.logs import write_logs
from perdure.config import load_settings
from perdure.errors import StartupError
from perdure.redaction import redactor


@contextmanager
def a_new_process() -> Iterator[io.StringIO]:
    """Nobody has set up logging, not even this test's framework; yields what the error output gets."""
    root, ours, shown = logging.getLogger(), logging.getLogger("perdure"), io.StringIO()
    kept = (root.handlers, root.level, ours.level, logging.getLogRecordFactory())
    root.handlers = []
    try:
        with redirect_stderr(shown), redactor.knowing("canary-in-a-line"):
            yield shown
    finally:
        root.handlers = kept[0]
        root.setLevel(kept[1])
        ours.setLevel(kept[2])
        logging.setLogRecordFactory(kept[3])


def say() -> None:
    logging.getLogger("perdure.test").debug("Looked")
    logging.getLogger("perdure.test").info("Done %s", "canary-in-a-line")
    logging.getLogger("somebody.else").info("Chatter")
    try:
        raise ValueError("canary-in-a-line")
    except ValueError:
        logging.getLogger("somebody.else").exception("Failed\nbadly")


def test_lines_are_json_when_that_is_set() -> None:
    with a_new_process() as stream:
        write_logs(load_settings(log_format="json"))
        say()
    done, failed = map(json.loads, stream.getvalue().splitlines())
    assert (done["level"], done["logger"], done["message"]) == ("INFO", "perdure.test", "Done •••")
    assert (failed["message"], failed["exception"].splitlines()[-1]) == ("Failed\nbadly", "ValueError: •••")
    assert done["time"] <= failed["time"]
    assert done["time"].endswith("Z")


@pytest.mark.parametrize(("level", "said"), [("debug", 4), ("INFO", 2), ("WARNING", 1)])
def test_the_level_says_how_much_is_written(level: str, said: int) -> None:
    with a_new_process() as stream:
        write_logs(load_settings(log_level=level))
        say()
    lines = [line for line in stream.getvalue().splitlines() if line[:2] == "20"]
    assert len(lines) == said
    assert lines[-1].endswith(" ERROR somebody.else: Failed")
    assert "canary" not in stream.getvalue()


def test_what_is_no_level_is_refused() -> None:
    with pytest.raises(StartupError, match="PERDURE_LOG_LEVEL"):
        write_logs(load_settings(log_level="LOUD"))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_lines_about_a_run_name_it(log_format: str) -> None:
    with a_new_process() as stream:
        write_logs(load_settings(log_format=log_format))
        logging.getLogger("perdure.test").warning("Taken over", extra={"run_id": "r1", "session_id": "s1"})
    line = stream.getvalue().strip()
    if log_format == "json":
        assert (json.loads(line)["run_id"], json.loads(line)["session_id"]) == ("r1", "s1")
    else:
        assert line.endswith("Taken over session_id=s1 run_id=r1")
