"""What is masked on its way out, and what is not."""

from __future__ import annotations

import io
import json
import logging
from itertools import product

import pytest

from perdure import redaction
from perdure.redaction import MASK, Redactor, guard_logs, redactor, secrets_of_environment

VALUE = 'canary-9f27\\c"é5d'


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-4f9A0b2Cd3Ef4Gh5Ij6K",
        "pdk_ab12cd34_Zx9Zx9Zx9Zx9Zx9Zx9",
        "pdr_Zx9Zx9Zx9Zx9Zx9Zx9Zx9Zx9",
        "pdt_Zx9Zx9Zx9Zx9Zx9Zx9Zx9Zx9",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2" * 9,
        "glpat-" + "a1B2" * 5,
        "xoxb-1234567890-abcdef",
        "AIza" + "a1B2_" * 7,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_well_known_shapes_are_masked_in_text_and_in_json(secret: str) -> None:
    known = Redactor()
    assert known.text(f"before ({secret}) after") == f"before ({MASK}) after"
    assert json.loads(known.text(json.dumps({"a": f"x {secret}", "b": 1}))) == {"a": f"x {MASK}", "b": 1}


def test_what_follows_bearer_and_passwords_in_addresses_are_masked() -> None:
    known = Redactor()
    assert known.text("Authorization: Bearer abcdefghijklmnop") == f"Authorization: Bearer {MASK}"
    assert known.text("postgresql://user:hunter2@host/db") == f"postgresql://user:{MASK}@host/db"


@pytest.mark.parametrize(
    "plain",
    [
        "a task-management-and-learning list",
        "sk-learn-is-a-library-of-words",
        "the bearer of bad news",
        "mail me@example.org or see https://example.org/@me",
        "pd_sessions and pd_events",
        "eyJ is how it begins",
        "",
    ],
)
def test_ordinary_words_stay(plain: str) -> None:
    assert Redactor().text(plain) == plain


def test_values_in_use_are_masked_in_every_form_and_only_while_in_use() -> None:
    known = Redactor()
    texts = [f"a {VALUE} b", json.dumps([VALUE]), json.dumps([VALUE], ensure_ascii=False)]
    with known.knowing(VALUE), known.knowing(VALUE):
        pass
    with known.knowing(VALUE):
        with known.knowing(VALUE):
            pass
        assert known.known(texts[0]) == f"a {MASK} b"
        assert json.loads(known.known(texts[1])) == [MASK]
        assert json.loads(known.known(texts[2])) == [MASK]
        assert known.value({VALUE: [VALUE, 1, None]}) == {MASK: [MASK, 1, None]}
    assert [known.known(text) for text in texts] == texts


def test_a_value_within_another_does_not_give_the_rest_away() -> None:
    known = Redactor()
    with known.knowing("abcdefgh", "abcdefghijklmnop"):
        assert known.known("abcdefghijklmnop") == MASK


def test_short_values_are_no_secrets() -> None:
    known = Redactor()
    with known.knowing("short"):
        assert known.known("a short text") == "a short text"


def test_the_environment_names_its_secrets() -> None:
    found = secrets_of_environment(
        {
            "OPENAI_API_KEY": "value-of-openai",
            "AWS_SECRET_ACCESS_KEY": "value-of-aws",
            "PERDURE_DATABASE_URL": "postgresql://me:value%2Dof-db@host/x",
            "HF_TOKEN": "value-of-hf",
            "HF_TOKEN_PATH": "somewhere",
            "GIT_SSH_KEY": "/home/me/.ssh/id",
            "MONKEY": "banana-banana",
            "HOME": "/home/me",
        }
    )
    assert sorted(found) == ["value%2Dof-db", "value-of-aws", "value-of-db", "value-of-hf", "value-of-openai"]


def test_log_lines_and_tracebacks_are_masked_whoever_writes_them() -> None:
    before = logging.getLogRecordFactory()
    guard_logs()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    log = logging.getLogger("somebody.else")
    log.addHandler(handler)
    try:
        with redactor.knowing("canary-in-the-log"):
            log.error("said %s and %s", "canary-in-the-log", {"k": "sk-4f9A0b2Cd3Ef4Gh5Ij6K7"})
            try:
                raise ValueError("canary-in-the-log")
            except ValueError:
                log.exception("failed")
    finally:
        log.removeHandler(handler)
        logging.setLogRecordFactory(before)
    assert "canary-in-the-log" not in stream.getvalue()
    assert "4f9A0b2Cd3" not in stream.getvalue()
    assert f"ValueError: {MASK}" in stream.getvalue()


def test_no_mark_of_a_key_is_overlooked_for_speed() -> None:
    # What stands between is long and short of the characters that decide how closely a text is looked at.
    between = ("", " ", "_", "-", "a", "K", "I", "J", "pd", "sk", "at", "x" * 200, "-" * 20, "_ " * 20)
    for mark, before, after in product(redaction._MARKS, between, between):
        for text in (f"{before}{mark}{after}", f"{'y' * 300}{before}{mark}{after}"):
            looked_for = [each for each in redaction._MARKS if each in text]
            assert redaction._marks_in(text) == looked_for
    for text in between:
        assert redaction._marks_in(text) == []


@pytest.mark.parametrize(
    "value", ["aaaaaaaa", "abababab", "Zq/+é9Zq/+", "plain words", "QZQZQZQZ", '"quo\\te"']
)
def test_a_value_is_masked_whatever_characters_it_is_made_of(value: str) -> None:
    known = Redactor()
    known.remember([value])
    assert known.known(f"It is {value}.") == f"It is {MASK}."
    assert known.known(json.dumps({"it": value})) == json.dumps({"it": MASK}, ensure_ascii=False)
    almost = value[:-1]
    assert known.known(f"It is {almost}.") == f"It is {almost}."


def in_pieces(known: Redactor, pieces: list[str]) -> list[str]:
    """Return what is shown after each piece, and after the last."""
    found = known.pieces()
    return [*(found.add(piece) for piece in pieces), found.end()]


SEVERAL = ("canary-9f27", "canary-9f27-and-more", "27-and-then", "aaaaaaaa", 'quo"te\\d')


@pytest.mark.parametrize(
    "text",
    [
        "It is canary-9f27. And canary-9f27-and-mor, canary-9f27-and-more, canary-9f27-and-then.",
        'As JSON "quo\\"te\\\\d" and plain quo"te\\d, canary-9f2 canary-9f27',
        "a" * 7 + " " + "a" * 8 + " " + "a" * 19 + " canary-9f27" + "a" * 20,
        "nothing of the kind",
    ],
)
def test_a_text_in_pieces_is_masked_as_the_whole_wherever_it_is_cut(text: str) -> None:
    known = Redactor()
    known.remember(SEVERAL)
    whole = known.known(text)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            shown = in_pieces(known, [text[:first], text[first:second], text[second:]])
            assert "".join(shown) == whole, (first, second)
    assert "".join(in_pieces(known, list(text))) == whole


def test_of_a_value_in_pieces_nothing_is_shown_and_nothing_else_waits() -> None:
    known = Redactor()
    known.remember([VALUE])
    begun = ["It is ", *VALUE, "!"]
    assert in_pieces(known, begun) == ["It is ", *[""] * (len(VALUE) - 1), MASK, "!", ""]
    assert in_pieces(known, ["It ", "is ", VALUE[:5], "x"]) == ["It ", "is ", "", f"{VALUE[:5]}x", ""]
    assert in_pieces(known, [VALUE[:5]]) == ["", VALUE[:5]]
    pieces = known.pieces()
    assert (pieces.add(VALUE[:-1]), pieces.end(cut_off=True)) == ("", MASK)
    assert pieces.end(cut_off=True) == ""


def test_what_waits_is_bounded_also_when_values_overlap_without_an_end() -> None:
    known = Redactor()
    known.remember(["aaaaaaaa", "abababab"])
    pieces, taken = known.pieces(), 0
    for piece in ["a", "ab", "aaa"] * 200:
        taken += len(piece)
        pieces.add(piece)
        assert len(pieces._waiting) <= 2 * 8
    assert taken > 1000


def test_a_private_key_without_its_end_is_masked_as_far_as_it_goes() -> None:
    begun = "-----BEGIN EC PRIVATE KEY-----\n" + ("MIIEowIBAAKCAQEA0" * 3 + "\n") * 4
    assert Redactor().text(f"{begun}and so on") == f"{MASK}\nand so on"
    assert json.loads(Redactor().text(json.dumps([begun, 1]))) == [f"{MASK}\n", 1]


@pytest.mark.parametrize(
    "part", ["-----BEGIN PRIVATE KEY-----\n", "eyJaaaaaaa-", "sk-aaaaaaaa ", "://a:b", "bearer "]
)
def test_hostile_text_costs_no_more_than_its_length(part: str) -> None:
    """Texts that begin like a key over and over: their square would be hours here, and a test that is killed."""
    text = "@" + part * (500_000 // len(part))
    assert len(Redactor().text(text)) > 100
