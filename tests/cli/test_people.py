"""People and keys on the database itself, and every command against a server with sign-in."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.cli import logins
from perdure.cli.exits import Exit
from perdure.client import Perdure, Tokens
from perdure.errors import Unauthenticated
from tests.cli.conftest import Command
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer
from tests.fakes.sign_in_server import EMAIL, PASSWORD, SignInServer
from tests.provision import forked

ANA, BEN = "ana@example.com", "ben@example.com"
PROGRAM = (sys.executable, "-c", "from perdure.cli import main; main()")
SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def house(provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PerdureServer]:
    """A server with sign-in; its first people are made before it runs."""
    data = tmp_path_factory.mktemp("house")
    environment = {**provider.environment(), "PERDURE_AUTH": "password", "PERDURE_RATE_LIMITS": "off"}
    running = PerdureServer(data, environment)
    for arguments in (["create", ANA, "--admin"], ["create", BEN]):
        words = ["users", *arguments, "--password-stdin", "--data", str(data)]
        made = forked.run(words, os.environ, data, stdin=f"{SECRET}\n")
        assert made.returncode == 0, made.stderr
        assert SECRET not in made.stdout + made.stderr
    with running:
        yield running


@pytest.fixture
def signed_in(perdure: Command, house: PerdureServer) -> Command:
    result = perdure("login", house.url, "--email", ANA, "--password-stdin", input=f"{SECRET}\n")
    assert result.exit_code == Exit.OK, result.output
    return perdure


def test_people_are_made_listed_and_changed_without_a_server(perdure: Command) -> None:
    made = perdure("users", "create", " Ana@Example.com ", "--admin", "--generate", "--json")
    assert made.exit_code == Exit.OK, made.output
    ana = json.loads(made.stdout)
    assert (ana["email"], ana["role"], len(ana["password"])) == (ANA, "admin", 29)
    assert perdure("users", "create", ANA, "--generate").exit_code == Exit.CONFLICT
    assert perdure("users", "create", BEN, "--name", "Ben", "--no-password").exit_code == Exit.OK
    people = {p["email"]: p for p in json.loads(perdure("users", "list", "--json").stdout)["users"]}
    assert (people[BEN]["name"], people[BEN]["role"]) == ("Ben", "member")
    assert "password" not in people[ANA]
    assert perdure("users", "disable", BEN).stdout == f"{BEN} member disabled\n"
    assert perdure("users", "enable", ana["user_id"]).exit_code == Exit.OK
    assert perdure("users", "enable", BEN).stdout == f"{BEN} member enabled\n"
    told = perdure("users", "password", BEN, "--password-stdin", input=f"{SECRET}\n")
    assert (told.exit_code, SECRET in told.output) == (Exit.OK, False)
    assert perdure("users", "role", BEN, "admin").stdout == f"{BEN} admin enabled\n"


def test_the_last_administrator_stays(perdure: Command) -> None:
    perdure("users", "create", ANA, "--admin", "--generate")
    assert perdure("users", "disable", ANA).exit_code == Exit.CONFLICT
    assert perdure("users", "role", ANA, "member").exit_code == Exit.CONFLICT
    assert perdure("users", "list").stdout.splitlines()[1].split()[2:4] == ["admin", "enabled"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "nobody", "--generate"], Exit.USAGE, "e-mail"),
        (["create", ANA], Exit.USAGE, "--password-stdin"),
        (["create", ANA, "--generate", "--password-stdin"], Exit.USAGE, "Choose one"),
        (["create", ANA, "--generate", "--no-password"], Exit.USAGE, "Choose one"),
        (["create", ANA, "--password-stdin"], Exit.USAGE, "12"),
        (["disable", ANA], Exit.USAGE, "no database"),
        (["list", "--database", "sqlite://"], Exit.USAGE, "in memory"),
    ],
)
def test_what_cannot_be_is_said(perdure: Command, arguments: list[str], code: int, said: str) -> None:
    result = perdure("users", *arguments, input="short\n")
    assert result.exit_code == code
    assert said in result.stderr
    assert not list(Path("data").glob("perdure.db"))


def test_unknown_people_are_not_found(perdure: Command) -> None:
    perdure("users", "create", ANA, "--generate")
    assert perdure("users", "disable", BEN).exit_code == Exit.NOT_FOUND
    assert perdure("users", "disable", "not-an-id").exit_code == Exit.USAGE
    assert perdure("keys", "list", "--user", BEN).exit_code == Exit.NOT_FOUND
    assert perdure("users", "role", ANA, "owner").exit_code == Exit.USAGE


def test_keys_are_made_on_the_database(perdure: Command) -> None:
    perdure("users", "create", BEN, "--generate")
    made = perdure("keys", "create", "ci", "--user", BEN, "--scope", "read", "--scope", "work")
    assert made.stdout.startswith("pdk_")
    assert len(made.stdout.splitlines()) == 1
    (key,) = json.loads(perdure("keys", "list", "--user", BEN, "--json").stdout)
    assert (key["name"], key["scopes"]) == ("ci", ["read", "work"])
    assert "pdk_" not in json.dumps(key)
    assert perdure("keys", "create", "x", "--user", BEN, "--scope", "admin").exit_code == Exit.NOT_ALLOWED
    assert perdure("keys", "create", "x", "--user", BEN, "--scope", "all").exit_code == Exit.USAGE
    assert perdure("keys", "create", "x", "--data", "data").exit_code == Exit.USAGE
    assert perdure("keys", "revoke", key["key_id"], "--user", BEN).exit_code == Exit.OK
    assert json.loads(perdure("keys", "list", "--user", BEN, "--json").stdout) == []


def test_what_is_done_on_the_database_stands_in_the_audit_log(perdure: Command, tmp_path: Path) -> None:
    perdure("users", "create", ANA, "--admin", "--generate")
    perdure("keys", "create", "ci", "--user", ANA)
    assert "2 rows verified: ok" in perdure("audit", "verify").stdout
    database = (tmp_path / "data" / "perdure.db").read_bytes() + b"".join(
        path.read_bytes() for path in (tmp_path / "data").glob("perdure.db-*")
    )
    assert b"command line of " in database


def test_signs_in_once_and_every_command_works(signed_in: Command, house: PerdureServer) -> None:
    assert signed_in("whoami").stdout == f"{ANA} admin at {house.url} by sign-in\n"
    ran = signed_in("run", "Say hello", "--json")
    assert ran.exit_code == Exit.OK, ran.output
    session = json.loads(ran.stdout.strip().splitlines()[-1])["session_id"]
    assert session in signed_in("sessions", "list").stdout
    assert signed_in("attach", session).exit_code == Exit.OK
    assert signed_in("costs", session).exit_code == Exit.OK
    assert "session.create" in signed_in("audit", "list", "--session", session).stdout
    assert signed_in("sessions", "list", "--server", house.url).exit_code == Exit.OK


def test_tokens_are_for_their_owner_alone(signed_in: Command, house: PerdureServer) -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "perdure" / "logins"
    files = list(folder.iterdir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert SECRET not in "".join(file.read_text() for file in files)
    assert logins.default_server() == house.url


def test_signs_out(signed_in: Command, house: PerdureServer) -> None:
    tokens = logins.StoredTokens(house.url).load()
    assert tokens is not None
    assert signed_in("logout", "--server", house.url).exit_code == Exit.OK
    assert logins.StoredTokens(house.url).load() is None
    refused = signed_in("sessions", "list", "--server", house.url)
    assert refused.exit_code == Exit.NOT_ALLOWED
    assert "perdure login" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    with Perdure(house.url, token=tokens.access_token) as client, pytest.raises(Unauthenticated):
        client.auth.me()
    assert "was not signed in" in signed_in("logout", "--server", house.url).stdout


def test_a_wrong_password_stores_nothing(perdure: Command, house: PerdureServer) -> None:
    result = perdure("login", house.url, "--email", ANA, "--password-stdin", input="not the password\n")
    assert result.exit_code == Exit.NOT_ALLOWED
    assert logins.StoredTokens(house.url).login is None
    assert logins.default_server() is None


def test_a_key_from_the_environment_goes_before_the_sign_in(
    signed_in: Command, house: PerdureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = signed_in("keys", "create", "reader", "--scope", "read", "--expires-in-days", "1")
    assert made.exit_code == Exit.OK, made.output
    (row,) = [line for line in signed_in("keys", "list").stdout.splitlines() if "reader" in line]
    monkeypatch.setenv("PERDURE_API_KEY", made.stdout.strip())
    assert "by key (read)" in signed_in("whoami").stdout
    assert signed_in("sessions", "list").exit_code == Exit.OK
    assert signed_in("run", "Say hello").exit_code == Exit.NOT_ALLOWED
    monkeypatch.delenv("PERDURE_API_KEY")
    assert signed_in("keys", "revoke", row.split()[0]).exit_code == Exit.OK
    with Perdure(house.url, made.stdout.strip()) as client, pytest.raises(Unauthenticated):
        client.sessions.list()


def test_people_are_changed_beside_a_running_server(perdure: Command, house: PerdureServer) -> None:
    database = ["--data", str(house.data_dir)]
    made = perdure("users", "create", "cleo@example.com", "--generate", "--json", *database)
    assert made.exit_code == Exit.OK, made.output
    cleo = json.loads(made.stdout)
    with Perdure(house.url) as client:
        client.login("cleo@example.com", cleo["password"])
        assert client.auth.me().role == "member"
        assert perdure("users", "disable", "cleo@example.com", *database).exit_code == Exit.OK
        with Perdure(house.url) as other, pytest.raises(Unauthenticated):
            other.login("cleo@example.com", cleo["password"])
    assert perdure("audit", "verify", "--database", f"sqlite:///{house.data_dir}/perdure.db").exit_code == 0


def test_many_commands_at_once_refresh_once(perdure: Command) -> None:
    with SignInServer() as server:
        done = perdure("login", server.url, "--email", EMAIL, "--password-stdin", input=f"{PASSWORD}\n")
        assert done.exit_code == Exit.OK, done.output
        server.expire()
        command = [*PROGRAM, "whoami", "--json", "--server", server.url]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
        answers = [json.loads(process.communicate()[0]) for process in running]
    assert [answer["email"] for answer in answers] == [EMAIL] * 4
    assert (server.refreshes, server.reused) == (1, False)


def test_a_server_without_sign_in_says_so(perdure: Command, server: PerdureServer) -> None:
    assert perdure("login", server.url, "--email", ANA).exit_code == Exit.CONFLICT
    assert "local" in perdure("whoami", "--server", server.url).stdout


def test_a_password_is_not_sent_in_the_open(perdure: Command) -> None:
    result = perdure("login", "http://perdure.example.com", "--email", ANA)
    assert result.exit_code == Exit.USAGE
    assert "--insecure" in result.stderr


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTPS://Perdure.Example.com:443/", "https://perdure.example.com"),
        ("localhost:8000", "http://localhost:8000"),
        ("http://[::1]:80/x/", "http://[::1]/x"),
    ],
)
def test_a_server_has_one_name(given: str, kept: str) -> None:
    assert logins.normal(given) == kept


def test_several_servers_are_kept_apart() -> None:
    first, second = logins.StoredTokens("https://one"), logins.StoredTokens("https://two")
    first.save(Tokens("a", "b", 1.0))
    second.save(Tokens("c", "d", 2.0))
    logins.make_default("https://two")
    assert (first.load(), logins.default_server()) == (Tokens("a", "b", 1.0), "https://two")
    second.save(None)
    assert (first.load(), second.load(), logins.default_server()) == (Tokens("a", "b", 1.0), None, None)


def test_a_session_is_shared_by_address_and_by_link(
    signed_in: Command, house: PerdureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Perdure(house.url) as ben, Perdure(house.url, tokens=logins.StoredTokens(house.url)) as ana:
        ben.login(BEN, SECRET)
        session = ana.sessions.create("one-shot", name="Shared").session_id
        made = signed_in("sessions", "share", session, BEN, "--role", "view", "--expires", "7d")
        assert made.exit_code == Exit.OK, made.output
        assert f"{BEN} view until " in made.stdout
        assert session in {s.session_id for s in ben.sessions.list(shared=True).sessions}
        assert ben.sessions.get(session).role == "view"
        link = signed_in("sessions", "link", session, "--role", "edit")
        assert link.stdout.startswith(f"{house.url}/join#")
        listed = json.loads(signed_in("sessions", "shares", session, "--json").stdout)
        assert [share["email"] for share in listed["shares"]] == [BEN]
        assert link.stdout.strip().rpartition("#")[2] not in json.dumps(listed)
        assert len(signed_in("sessions", "shares", session).stdout.splitlines()) == 3
        key = ben.keys.create("cli", ["work", "manage"]).key or ""
        monkeypatch.setenv("PERDURE_API_KEY", key)
        joined = signed_in("sessions", "join", "-", input=link.stdout)
        assert joined.stdout.startswith(f"{session} edit"), joined.output
        assert "took the place of what you had (view, until " in joined.stderr
        monkeypatch.delenv("PERDURE_API_KEY")
        assert signed_in("sessions", "unshare", session, BEN.upper()).exit_code == Exit.OK
        (of_link,) = listed["share_links"]
        assert signed_in("sessions", "unshare", session, of_link["share_link_id"]).exit_code == Exit.OK
        assert json.loads(signed_in("sessions", "shares", session, "--json").stdout) == {
            "shares": [],
            "share_links": [],
        }
        assert session not in {s.session_id for s in ben.sessions.list(shared=True).sessions}
        assert signed_in("sessions", "unshare", session, BEN).exit_code == Exit.NOT_FOUND


def test_of_a_share_that_is_there_only_what_is_named_changes(
    signed_in: Command, house: PerdureServer
) -> None:
    with Perdure(house.url, tokens=logins.StoredTokens(house.url)) as ana:
        session = ana.sessions.create("one-shot").session_id

    def shared(*arguments: str) -> tuple[str, str, str]:
        result = signed_in("sessions", "share", session, *arguments, "--json")
        assert result.exit_code == Exit.OK, result.output
        made = json.loads(result.stdout)
        return made["share_id"], made["role"], (made["expires_at"] or "none")[:4]

    first, role, ends = shared(BEN, "--role", "edit")
    assert (role, ends) == ("edit", "none")
    assert shared(BEN.upper(), "--expires", "2098-01-01") == (first, "edit", "2098")
    assert shared(BEN, "--role", "view") == (first, "view", "2098")
    assert shared(BEN) == (first, "view", "2098")
    assert shared(BEN, "--expires", "never") == (first, "view", "none")


@pytest.mark.parametrize(
    "arguments",
    [["--role", "owner"], ["--expires", "soon"], ["--expires", "7 years"], ["--expires", "2020-01-01"]],
)
def test_a_share_that_cannot_be_is_refused(
    signed_in: Command, house: PerdureServer, arguments: list[str]
) -> None:
    with Perdure(house.url, tokens=logins.StoredTokens(house.url)) as ana:
        session = ana.sessions.create("one-shot").session_id
    assert signed_in("sessions", "share", session, BEN, *arguments).exit_code == Exit.USAGE
