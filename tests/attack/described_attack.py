"""Requests made from the description of the interface, each sent as everybody, and what came of them."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
from tests.attack.access_cases import CASES, Case, Right
from tests.attack.access_world import filled
from tests.attack.described_world import RIGHT_OF, Described

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
"""Of one operation at a time."""
NEVER_ENDS = {"/api/sessions/stream", "/api/sessions/{session_id}/stream"}
ENDS_SIGN_IN = {"/api/auth/logout", "/api/auth/logout-everywhere"}
REFUSED_TO_ALL = {
    "POST /api/auth/login": "the password is wrong",
    "POST /api/auth/refresh": "the token is made up",
    "POST /api/auth/register": "nobody may register here",
    "GET /api/auth/oidc/{provider}/login": "there is no such provider",
    "GET /api/auth/oidc/{provider}/callback": "likewise",
    "PUT /api/sessions/{session_id}/queue": "the engine works on the queue meanwhile",
    **{
        f"POST /api/runs/{{run_id}}/{command}": "the run has failed by then: no model answers"
        for command in ("cancel", "pause", "resume", "retry")
    },
}
"""What has no answer of success on this server, and why."""
BEFORE = {
    "POST /api/sessions/{session_id}/archive": ["/api/sessions/{session_id}/complete"],
    "POST /api/sessions/{session_id}/restore": [
        "/api/sessions/{session_id}/complete",
        "/api/sessions/{session_id}/archive",
    ],
    "POST /api/sessions/{session_id}/resume": ["/api/sessions/{session_id}/suspend"],
    "POST /api/missions/{mission_id}/fail": ["/api/missions/{mission_id}/accept"],
    "POST /api/missions/{mission_id}/complete": [
        "/api/missions/{mission_id}/accept",
        "/api/hops/{hop_id}/start",
        "/api/hops/{hop_id}/skip",
    ],
    "POST /api/hops/{hop_id}/{command}": ["/api/missions/{mission_id}/accept"],
}
"""What the owner does first, where a new thing is not yet in the state that the operation is for."""
OF_ONES_OWN = {
    "DELETE /api/secrets/{name}": "others may have made a secret of that name too",
    "POST /api/auth/logout": "there is nothing to end for whoever has not signed in",
}
"""What anybody may do to their own, whatever the path names."""
_SLOW_IS_FINE = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]
_PLACE = re.compile(r"\{(\w+)\}")
_LONGEST_TEXT = 6000
_REPORT_EVERY_S = 30.0


class Attack:
    """Tries every described operation as everybody, and counts the answers."""

    def __init__(self, world: Described) -> None:
        self._world = world
        schema = schemathesis.openapi.from_url(f"{world.server.url}/openapi.json", headers=self._of("owner"))
        described = list(schema.get_all_operations())
        self.operations = {found.ok().label: found.ok() for found in described if isinstance(found, Ok)}
        assert len(self.operations) == len(described)
        self._session = requests.Session()
        self._session.trust_env = False
        self._chance = random.Random(new_id())
        self._rights = _least_rights()
        self.answers: Counter[tuple[str, str, int]] = Counter()
        """How often an operation gave a person this status."""
        self.ways: Counter[tuple[str, str]] = Counter()
        """How often somebody asked with which kind of credential."""
        self.failures: dict[str, str] = {}
        self.seconds = 0.0

    def run(self, seconds: float, report: Path | None = None) -> None:
        """Send what succeeds, and then anything for so long, at least once to every operation as everybody."""
        with self._session:
            begun = time.monotonic()
            reported = begun
            for case in CASES:
                if case.route in self.operations:
                    self._example(case)
            complete = False
            while not complete or time.monotonic() < begun + seconds:
                operations = list(self.operations.values())
                self._chance.shuffle(operations)
                for place, operation in enumerate(operations):
                    if complete and time.monotonic() >= begun + seconds:
                        break
                    if place % 20 == 0:
                        self._world.sign_in_again()
                        self._world.add_things()
                    self._fuzz(operation)
                    self.seconds = time.monotonic() - begun
                    if report is not None and time.monotonic() > reported + _REPORT_EVERY_S:
                        reported = time.monotonic()
                        self.write(report)
                complete = True
        if report is not None:
            self.write(report)

    def said(self) -> str:
        """Return what was not as described."""
        return "\n\n".join(f"{label}: {text}" for label, text in self.failures.items())

    def untried(self) -> set[tuple[str, str]]:
        """Return who never asked for which operation, and never signed in with which kind of credential."""
        asked = {(label, person) for label, person, _ in self.answers}
        wanted = {(label, person) for label in self.operations for person in RIGHT_OF}
        ways = {(person, way) for person, ways in self._world.ways.items() for way in ways}
        return (wanted - asked) | (ways - set(self.ways))

    def never_succeeded(self) -> set[tuple[str, str]]:
        """Return which operations never succeeded for whom: what reads, for all who may; else for any of them."""
        found: set[tuple[str, str]] = set()
        for label in self.operations.keys() - REFUSED_TO_ALL.keys():
            may = self.who_may(label)
            if label.startswith("GET "):
                found |= {(label, person) for person in may if not self.successes(label, [person])}
            elif not self.successes(label, may):
                found.add((label, ", ".join(may)))
        return found

    def successes(self, label: str, people: Iterable[str]) -> int:
        """Return how many answers of success an operation gave to these people."""
        return sum(
            count
            for (operation, person, status), count in self.answers.items()
            if operation == label and person in people and 200 <= status < 300
        )

    def who_may(self, label: str) -> list[str]:
        """Return who has the right that an operation asks for."""
        return [person for person, right in RIGHT_OF.items() if right >= self._rights[label]]

    def write(self, report: Path) -> None:
        """Write what was tried and answered so far, for people to read."""
        lines = [
            "# Described answers",
            "",
            f"{sum(self.answers.values())} requests in {self.seconds:.0f} s; the same for everybody, side by side.",
            "",
            "| who | requests | 2xx | 4xx | 5xx | with |",
            "|---|---|---|---|---|---|",
        ]
        for person in RIGHT_OF:
            by_kind = Counter[int]()
            for (_, who, status), count in self.answers.items():
                by_kind[status // 100] += count if who == person else 0
            ways = ", ".join(f"{way}: {count}" for (who, way), count in self.ways.items() if who == person)
            kinds = " | ".join(str(by_kind[kind]) for kind in (2, 4, 5))
            lines.append(f"| {person} | {by_kind.total()} | {kinds} | {ways} |")
        lines += ["", "| operation | answers, of all | who may | their 2xx |", "|---|---|---|---|"]
        for label in sorted(self.operations):
            found = Counter[int]()
            for (operation, _, status), count in self.answers.items():
                if operation == label:
                    found[status] += count
            told = ", ".join(f"{status}: {count}" for status, count in sorted(found.items()))
            may = {person: self.successes(label, [person]) for person in self.who_may(label)}
            fine = ", ".join(f"{person}: {count}" for person, count in may.items())
            lines.append(f"| `{label}` | {told} | {self._rights[label].name.lower()} | {fine} |")
        lines += ["", f"## Not as described: {len(self.failures)}", ""]
        lines += [f"### `{label}`\n\n```\n{text}\n```\n" for label, text in self.failures.items()]
        report.write_text("\n".join(lines))
        rows = [[*key, count] for key, count in sorted(self.answers.items())]
        report.with_suffix(".json").write_text(json.dumps({"seconds": self.seconds, "answers": rows}))

    def _of(self, person: str) -> dict[str, str]:
        return self._world.ways[person]["key"]

    def _example(self, case: Case) -> None:
        """Send the request that succeeds for whoever may, the weakest first, so that little is left to the last."""
        operation = self.operations[case.route]
        before = BEFORE.get(case.route, [])
        things = self._world.add_things(case, *before)
        for path in before:
            self._world.ask("owner", "POST", filled(path, things))
        query = dict(pair.split("=", 1) for pair in filled(case.query, things).split("&") if pair)
        names = _PLACE.findall(case.path)
        body: Any = None if case.body is None else json.loads(filled(json.dumps(case.body), things))
        kind = "application/json"
        if case.content is not None:
            body, kind = case.content, "application/octet-stream"
        given: dict[str, Any] = {} if body is None else {"body": body, "media_type": kind}
        for person in RIGHT_OF:
            named = {name: things.get(name, new_id()) for name in names}
            self._send(operation.Case(path_parameters=named, query=query, **given), person, self._way(person))
            if case.path in ENDS_SIGN_IN and RIGHT_OF[person] > Right.PUBLIC:
                self._world.sign_in(person)

    def _fuzz(self, operation: Any) -> None:
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        self._chance.shuffle(modes)
        for mode in modes:
            try:
                self._fuzz_in(operation, mode)
            except Unsatisfiable:
                continue  # nothing about it can be wrong
            return
        raise AssertionError(f"no request could be made for {operation.label}")

    def _fuzz_in(self, operation: Any, mode: GenerationMode) -> None:
        ends_sign_in = operation.path in ENDS_SIGN_IN

        @seed(self._chance.getrandbits(64))
        @settings(
            max_examples=1 if ends_sign_in else EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=_SLOW_IS_FINE,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def everybody(case: Any) -> None:
            self._name_known_things(case)
            for person in RIGHT_OF:
                self._send(case, person, self._way(person))
                if ends_sign_in and RIGHT_OF[person] > Right.PUBLIC:
                    self._world.sign_in(person)

        everybody()

    def _way(self, person: str) -> str:
        return self._chance.choice(list(self._world.ways[person]))

    def _name_known_things(self, case: Any) -> None:
        for part, often in ((case.path_parameters, 0.8), (case.query, 0.5)):
            for name, values in self._world.known.items():
                if name in (part or {}) and self._chance.random() < often:
                    part[name] = self._chance.choice(values)

    def _send(self, case: Any, person: str, way: str) -> None:
        label = case.operation.label
        self.ways[person, way] += 1
        try:
            status = self._answered(case, self._world.ways[person][way])
        except Failure as failure:
            self._note(label, person, way, str(failure))
        except FailureGroup as group:
            self._note(label, person, way, "\n".join([str(group), *(str(one) for one in group.exceptions)]))
        except (AssertionError, requests.RequestException) as error:
            self._note(label, person, way, f"{case!r}\n{error}")
        else:
            self.answers[label, person, status] += 1
            if 200 <= status < 300 and self._is_beyond(case, person):
                self._note(
                    label, person, way, f"{case!r}\n{person} may not do this, and was answered {status}"
                )
            return
        self.answers[label, person, 599] += 1

    def _answered(self, case: Any, headers: dict[str, str]) -> int:
        if case.operation.path in NEVER_ENDS:
            return self._head_of_stream(case, headers)
        # with `shape=flat` the answer is a bare array, which its description says in words
        flat = "flat" in str((case.query or {}).get("shape"))
        checks = [check for check in CHECKS if not (flat and check is response_schema_conformance)]
        self._session.cookies.clear()
        answer = case.call_and_validate(session=self._session, headers=headers, checks=checks, timeout=60)
        return answer.status_code

    def _head_of_stream(self, case: Any, headers: dict[str, str]) -> int:
        wanted = case.as_transport_kwargs(headers=headers)
        with self._session.request(**wanted, stream=True, timeout=60) as answer:
            if answer.status_code != 200:
                case.validate_response(answer, checks=CHECKS)
                return answer.status_code
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in case.operation.definition.raw["responses"]["200"]["content"], kind
            assert next(answer.iter_lines()), "the stream said nothing"
        return 200

    def _is_beyond(self, case: Any, person: str) -> bool:
        """Whether somebody was let at a thing of the owner's, or of the server's, for which they lack the right."""
        needed = self._rights[case.operation.label]
        if case.operation.label in OF_ONES_OWN or RIGHT_OF[person] >= needed:
            return False
        # without an id in the path it is decided by the query or the body whose things are meant
        return "{" in case.operation.path or needed in {Right.SIGNED_IN, Right.SERVER}

    def _note(self, label: str, person: str, way: str, text: str) -> None:
        self.failures.setdefault(f"{label} as {person} with {way}", text[:_LONGEST_TEXT])


def _least_rights() -> dict[str, Right]:
    found: dict[str, Right] = {}
    for case in CASES:
        found[case.route] = min(case.right, found.get(case.route, case.right))
    return found
