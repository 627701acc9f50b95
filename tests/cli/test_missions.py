"""`perdure missions` against a real server."""

from __future__ import annotations

import json

from perdure.cli.exits import Exit
from perdure.client import Perdure
from tests.cli.conftest import Command
from tests.fakes.perdure_server import PerdureServer


def test_missions_are_listed_shown_and_decided(command: Command, server: PerdureServer) -> None:
    with Perdure(server.url) as client:
        made = client.missions.create(
            "Know more",
            name="Reading",
            success_criteria=["short"],
            hops=[{"name": "Read", "goal": "Find it", "agent": "researcher", "outputs": ["facts"]}],
        )
        other = client.missions.create("Something else")
    listed = command("missions", "list", "--status", "proposed")
    assert listed.exit_code == Exit.OK
    assert f"{made.mission_id}" in listed.stdout
    assert "0/1" in listed.stdout
    shown = command("missions", "show", made.mission_id).stdout
    for words in ("Reading (proposed, revision 1)", "- short", "Read [researcher]", "facts"):
        assert words in shown
    stale = command("missions", "accept", made.mission_id, "--revision", "7")
    assert stale.exit_code == Exit.CONFLICT
    assert command("missions", "accept", made.mission_id).stdout.split() == [made.mission_id, "accepted"]
    assert command("missions", "reject", made.mission_id).exit_code == Exit.CONFLICT
    cancelled = json.loads(command("missions", "cancel", made.mission_id, "--json").stdout)
    assert (cancelled["status"], cancelled["mission"]["hops"][0]["status"]) == ("cancelled", "cancelled")
    assert "rejected" in command("missions", "reject", other.mission_id, "--feedback", "no").stdout
    assert "feedback: no" in command("missions", "show", other.mission_id).stdout
    nothing = command("missions", "show", "01900000-0000-7000-8000-000000000000")
    assert nothing.exit_code == Exit.NOT_FOUND
