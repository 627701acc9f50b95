"""Whatever is sent to a described route, by whomever: never a server error, never an answer that is not described.

A minute for each kind of person, an hour in `./dev soak`; `PERDURE_FUZZ_SECONDS` says how long otherwise.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from perdure.ids import new_id
from tests.fakes.perdure_server import PerdureServer

SECONDS = float(os.environ.get("PERDURE_FUZZ_SECONDS", "60"))
LONG_SECONDS = float(os.environ.get("PERDURE_FUZZ_SECONDS", "3600"))
KINDS = ["anonymous", "stranger", "viewer", "editor", "owner", "admin"]
PASSWORD = "a password of some length"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6
"""Of one operation at a time."""
_SLOW_IS_FINE = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]
LEFT_OUT = {
    "/api/sessions/stream": "never ends",
    "/api/sessions/{session_id}/stream": "never ends",
    "/api/auth/logout": "ends the sign-in that the test lives on",
    "/api/auth/logout-everywhere": "likewise",
}

pytestmark = pytest.mark.timeout(SECONDS * 2 + 300)


@dataclass
class Fuzzed:
    """A server with somebody of every kind, and ids that mean something."""

    server: PerdureServer
    tokens: dict[str, str] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)

    def ask(self, person: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = httpx.request(
            method,
            f"{self.server.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[person]}"},
            trust_env=False,
            timeout=30,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def add_things(self) -> None:
        """Make a session that is shared, with things in it that paths can name."""
        session = self.ask("owner", "POST", "/api/sessions", {"mode": "one-shot"})["id"]
        base = f"/api/sessions/{session}"
        for person, role in (("viewer", "view"), ("editor", "edit")):
            self.ask("owner", "POST", f"{base}/shares", {"email": f"{person}@example.org", "role": role})
        run = self.ask("owner", "POST", f"{base}/messages", {"content": "Say hello"})["run_id"]
        hops = [{"name": "Read", "goal": "Find the facts", "outputs": ["facts"]}]
        body = {"goal": "Know more", "session_id": session, "hops": hops}
        mission = self.ask("owner", "POST", "/api/missions", body)["id"]
        whole = self.ask("owner", "GET", f"/api/missions/{mission}")
        assets = self.ask("owner", "GET", f"/api/assets?mission_id={mission}")["assets"]
        found = {
            "session_id": session,
            "run_id": run,
            "other_id": run,
            "mission_id": mission,
            "hop_id": whole["hops"][0]["id"],
            "asset_id": assets[0]["id"],
        }
        for name, value in found.items():
            self.known.setdefault(name, []).append(value)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """One server for all kinds of people."""
    folder = tmp_path_factory.mktemp("fuzzed")
    environment = {
        "PERDURE_AUTH": "password",
        "PERDURE_DATA_DIR": str(folder),
        "PERDURE_RATE_LIMITS": "off",
        "PERDURE_MODEL": "openai-chat:test",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",  # nobody answers: runs fail, requests must not
        "OPENAI_API_KEY": "none",
    }
    for person in ("admin", "owner", "viewer", "editor", "stranger"):
        command = [sys.executable, "-c", "from perdure.cli import main; main()", "users", "create"]
        role = ["--admin"] if person == "admin" else []
        subprocess.run(
            [*command, f"{person}@example.org", "--password-stdin", *role],
            input=PASSWORD.encode(),
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
    with PerdureServer(folder, environment) as server:
        made = Fuzzed(server)
        for person in ("admin", "owner", "viewer", "editor", "stranger"):
            body = {"email": f"{person}@example.org", "password": PASSWORD}
            answer = httpx.post(f"{server.url}/api/auth/login", json=body, trust_env=False, timeout=30)
            access = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            scope = "admin" if person == "admin" else "manage"
            key = httpx.post(  # a key does not run out while an hour's test is under way
                f"{server.url}/api/auth/keys",
                json={"name": "fuzz", "scopes": [scope]},
                headers=access,
                trust_env=False,
            )
            made.tokens[person] = key.json()["key"]
        yield made


@pytest.mark.parametrize("person", KINDS)
def test_no_server_error_and_no_undescribed_answer(fuzzed: Fuzzed, person: str) -> None:
    _attack_for(SECONDS, fuzzed, person)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("person", KINDS)
def test_no_server_error_in_an_hour(fuzzed: Fuzzed, person: str) -> None:
    _attack_for(LONG_SECONDS, fuzzed, person)


def _attack_for(seconds: float, fuzzed: Fuzzed, person: str) -> None:
    schema = schemathesis.openapi.from_url(
        f"{fuzzed.server.url}/openapi.json", headers=_headers(fuzzed, "owner")
    )
    described = list(schema.get_all_operations())
    operations = [found.ok() for found in described if isinstance(found, Ok)]
    assert len(operations) == len(described)
    operations = [one for one in operations if one.path not in LEFT_OUT]
    assert len(operations) > 100
    chance = random.Random(new_id())
    ends_at = time.monotonic() + seconds
    done = 0
    failures: dict[str, str] = {}
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < ends_at:
            fuzzed.add_things()
            chance.shuffle(operations)
            for operation in operations:
                if time.monotonic() >= ends_at:
                    break
                mode = chance.choice([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
                try:
                    _attack(fuzzed, operation, mode, chance, session, _headers(fuzzed, person))
                except Unsatisfiable:
                    continue  # nothing about it can be wrong
                except Failure as failure:
                    failures.setdefault(operation.label, str(failure))
                except FailureGroup as group:
                    failures.setdefault(operation.label, "\n".join(str(one) for one in group.exceptions))
                done += 1
    assert done, "no operation was tried"
    assert not failures, "\n\n".join(f"{label}: {text}" for label, text in failures.items())


def _headers(fuzzed: Fuzzed, person: str) -> dict[str, str]:
    return {} if person == "anonymous" else {"Authorization": f"Bearer {fuzzed.tokens[person]}"}


def _attack(
    fuzzed: Fuzzed,
    operation: Any,
    mode: GenerationMode,
    chance: random.Random,
    session: requests.Session,
    headers: dict[str, str],
) -> None:
    @seed(chance.getrandbits(64))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=_SLOW_IS_FINE,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def once(case: Any) -> None:
        for name, values in fuzzed.known.items():
            if name in (case.path_parameters or {}) and chance.random() < 0.8:
                case.path_parameters[name] = chance.choice(values)
        # with `shape=flat` the answer is a bare array, which its description says in words
        flat = "flat" in str((case.query or {}).get("shape"))
        checks = [check for check in CHECKS if not (flat and check is response_schema_conformance)]
        case.call_and_validate(session=session, headers=headers, checks=checks, timeout=30)

    once()
