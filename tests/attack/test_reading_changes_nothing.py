"""Every address that is read, with ids of real things and as each kind of person: the database stays as it was."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path
from typing import Any

from perdure.api.app import describe_app
from tests.attack.access_world import filled, world

PATHS: dict[str, dict[str, Any]] = describe_app()["paths"]
READ = sorted(path for path, methods in PATHS.items() if "get" in methods)
ENDLESS = {path for path in READ if path.endswith("/stream")}
NOT_MINE = {"/api/auth/oidc/{provider}/login", "/api/auth/oidc/{provider}/callback"}
"""They begin a sign-in: that is what a browser is sent to."""
AUDIT = {"pd_audit_entries", "pd_audit_head"}
"""Somebody who asks for what is refused to them is written down: that is no change of theirs."""
OF_SIGN_INS = {"last_used_at", "last_seen_at", "seen_at", "used_at"}
"""When somebody was last here is no change of anything."""


def content(file: Path) -> dict[str, str]:
    """Return a digest of each table, without the times of the last visit."""
    found: dict[str, str] = {}
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(tables):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info('{table}')")]
            kept = ", ".join(f'"{name}"' for name in columns if name not in OF_SIGN_INS)
            rows = sorted(map(repr, database.execute(f'SELECT {kept} FROM "{table}"')))
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    database.close()
    return found


async def test_no_get_of_a_real_thing_changes_anything(tmp_path: Path) -> None:
    async with world(tmp_path) as everybody:
        things = await everybody.things()
        things["path"] = "notes.txt"
        file = tmp_path / "perdure.db"
        before = content(file)
        assert len(before) > 15
        found = 0
        for person in ("owner", "viewer", "stranger", "admin", None):
            for path in READ:
                if path in ENDLESS | NOT_MINE:
                    continue
                target = re.sub(r"\{(\w+):path\}", r"{\1}", path)
                answer = await everybody.ask(person, "GET", filled(target, things))
                assert answer.status_code < 500, (person, path, answer.text)
                found += answer.is_success
                now = content(file)
                changed = sorted(table for table in now if now[table] != before[table] and table not in AUDIT)
                assert changed == [], f"GET {path} as {person} changed {changed}"
            if person == "owner":
                assert found > 30, "the ids lead nowhere"
        await everybody.made("owner", "POST", "/api/sessions", {"mode": "one-shot"})
        assert content(file) != before  # the measure itself sees a change
