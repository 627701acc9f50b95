"""Hands out the files that take longest first, so that no worker is left with one of them at the end."""

from __future__ import annotations

import pytest

SECONDS: dict[str, int] = {
    "tests/attack/test_described_answers.py": 100,
    "tests/engine/test_gates.py": 110,
    "tests/documents/test_scans.py": 110,
    "tests/faults/test_kills.py": 100,
    "tests/engine/test_copilot.py": 100,
    "tests/attack/test_row_security.py": 100,
    "tests/contract/test_benchmarks.py": 90,
    "tests/faults/test_kills_with_tools.py": 80,
    "tests/engine/test_control.py": 80,
    "tests/store/test_forking.py": 60,
    "tests/api/test_sign_in_cookies.py": 50,
    "tests/cli/test_people.py": 50,
    "tests/client/test_documentation.py": 45,
    "tests/client/test_real_server.py": 45,
    "tests/api/test_oidc.py": 45,
    "tests/api/test_sign_in.py": 40,
    "tests/cli/test_with_server.py": 40,
    "tests/cli/test_run_control.py": 40,
    "tests/client/test_run_control.py": 40,
    "tests/integrations/test_session_manager.py": 40,
    "tests/cli/test_backup_postgres.py": 35,
    "tests/engine/test_postgres.py": 35,
    "tests/faults/test_viewers.py": 35,
    "tests/engine/test_upgrade.py": 30,
    "tests/faults/test_take_over.py": 30,
    "tests/store/test_kills.py": 30,
    "tests/state_machine/test_sessions.py": 30,
    "tests/documents/test_tools.py": 30,
    "tests/contract/test_ui_toolchain.py": 25,
    "tests/browser/test_people_states.py": 150,
    "tests/browser/test_people_sharing.py": 150,
    "tests/browser/test_screens.py": 80,
    "tests/browser/test_journeys.py": 70,
    "tests/browser/test_hostile_text.py": 50,
    "tests/browser/test_session_page.py": 50,
    "tests/browser/test_showcase.py": 40,
    "tests/browser/test_people.py": 40,
    "tests/browser/test_modes.py": 40,
}
"""Seconds a file takes by itself, where it is more than a few; their order matters, not the figures."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves long files forward, after the shuffling; within a file, and among all others, chance decides.

    Workers take files in this order with `--dist loadfile --no-loadscope-reorder`; without the second they take
    those with most tests first, and what takes a minute for a single test last.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[bool, int]:
    # Browser tests stay behind the others, whichever of the two orders was made first.
    return item.get_closest_marker("browser") is not None, -SECONDS.get(item.nodeid.split("::")[0], 0)
