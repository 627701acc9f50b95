"""How the server writes its log: to its error output, a line each, as set."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from perdure.errors import StartupError
from perdure.redaction import guard_logs

if TYPE_CHECKING:
    from perdure.config import Settings

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_IDS = ("session_id", "run_id", "step_id")


def write_logs(settings: Settings) -> None:
    """Write the log lines of this process. Those of libraries from warnings on, with DEBUG all of them.

    Where somebody has set up handlers already, they are left as they are.

    Raises:
        StartupError: when the level is none.
    """
    level = level_of(settings)
    guard_logs()
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Json() if settings.log_format == "json" else _Plain())
        root.addHandler(handler)
        root.setLevel(level if level != "INFO" else "WARNING")
    logging.getLogger("perdure").setLevel(level)


def level_of(settings: Settings) -> str:
    """Return the level as `logging` names it.

    Raises:
        StartupError: when it is none.
    """
    level = settings.log_level.upper()
    if level not in _LEVELS:
        raise StartupError(
            f"PERDURE_LOG_LEVEL is {settings.log_level!r}; it is one of {', '.join(_LEVELS)}.",
            setting="PERDURE_LOG_LEVEL",
        )
    return level


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's
        about = "".join(f" {name}={value}" for name, value in _about(record).items())
        return super().formatMessage(record) + about

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the library's
        return _time(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
        }
        if record.exc_text:  # made with the record, and masked
            line["exception"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


def _about(record: logging.LogRecord) -> dict[str, str]:
    """Return the ids of what a line is about."""
    return {name: str(record.__dict__[name]) for name in _IDS if name in record.__dict__}


def _time(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"
