"""Typed clients of a Perdure server, and a stream that survives restarts.

from perdure.client import Perdure

with Perdure("http://127.0.0.1:8000") as client:
    session = client.sessions.create("one-shot")
    client.runs.start(session.session_id, "Summarise notes.md")
    for event in client.stream(session.session_id, until_idle=True):
        print(event.seq, event.type)
"""

from perdure.client.client import AsyncPerdure, Perdure
from perdure.client.credentials import Tokens, TokenStore
from perdure.client.problems import LogReset, ServerUnreachable, Superseded
from perdure.client.stream import Delta, Reconnecting

__all__ = [
    "AsyncPerdure",
    "Delta",
    "LogReset",
    "Perdure",
    "Reconnecting",
    "ServerUnreachable",
    "Superseded",
    "TokenStore",
    "Tokens",
]
