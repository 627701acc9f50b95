"""Give a task on a text to a running server, approve the plan, and follow the work to its result.

    perdure serve
    python examples/client_follow.py

Stop the server in the middle and start it again: nothing is lost, and nothing is shown twice.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from perdure.client import Delta, Perdure, Reconnecting

NOTES = Path(__file__).with_name("notes.md")
TASK = "Write a one-page brief of notes.md for somebody who was not at the meeting"


def say_reconnecting(notice: Reconnecting) -> None:
    """Tell that the connection was lost."""
    print(f"\n[connection lost after event {notice.after}, reconnecting]", file=sys.stderr)


def main() -> None:
    with Perdure(os.environ.get("PERDURE_SERVER", "http://127.0.0.1:8000")) as client:
        session = client.sessions.create("planning-control", {"approval_mode": "after_planning"})
        client.files.upload(session.session_id, NOTES.name, NOTES.read_bytes())
        client.runs.start(session.session_id, TASK)
        stream = client.stream(
            session.session_id, until_idle=True, include_deltas=True, on_reconnect=say_reconnecting
        )
        for item in stream:
            if isinstance(item, Delta):
                print(item.text, end="", flush=True)
            elif item.type == "step_started":
                print(f"\n\n== {item.data['name']}")
            elif item.type == "approval_request":
                print(f"\n\n{item.data['title']} Yes.")
                client.approvals.answer(item.data["approval_id"], "approve")
        costs = client.sessions.costs(session.session_id)
        files = ", ".join(file.path for file in client.files.list(session.session_id).files)
        status = client.sessions.get(session.session_id).status
        print(f"\n\n{status}: {files}; {costs.calls} model calls")


if __name__ == "__main__":
    main()
