"""What idea makers and critics hand over, in whole for large models and idea by idea for small ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from pydantic import BaseModel, Field, create_model

from perdure.modes.shapes import list_of

SENTENCES = 5
FACTS = 3
_TITLE = r"^[A-Z0-9][ !#-\[\]-~]+$"
# One sentence: it ends with a stop, and a stop inside it belongs to a number. Its length is part of the
# pattern, because grammars of local models do not take a choice together with `maxLength`.
_SENTENCE = r"^[A-Z0-9](?:[ !#-\-/-\[\]-~]|\.[0-9]){%d,%d}\.$"
_ENDS_INSIDE = re.compile(r"[.!?][\"')\]]?\s+(?=[A-Z0-9\"'(])")
_ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|etc|vs|approx|Dr|Mr|Ms|Mrs|No|Fig|St)\.\s")
_ALIKE = 0.82

ANGLES = (
    ("Change", "that changes a rule or a setting"),
    ("Tell", "that gives people what they need to know, in time"),
    ("Fix", "that removes a cause of the trouble"),
    ("Offer", "that lets people help themselves"),
    ("Measure", "that finds out more before it is decided"),
    ("Move", "that does something at another time or place"),
    ("Combine", "that brings two things together"),
    ("Remove", "that leaves something out"),
    ("Ask", "that asks those who are affected"),
    ("Try", "that tries something new on a small scale"),
    ("Share", "that gives the work to others"),
    ("Warn", "that prevents the trouble before it appears"),
)
"""How each idea of a small model begins, and what it is about: left alone, it says the same again and again."""

PARTS = {
    "what_it_is": "The idea is to",
    "problem_it_solves": "It solves the problem that",
    "first_step": "The first step is to",
    "risk": "The main risk is that",
    "how_to_test_it": "To test it,",
}
"""The five sentences of a small model's text and how each begins, so that it is whole and about one thing."""


class Idea(BaseModel):
    """One idea, as a large model writes it."""

    title: str = Field(min_length=1)
    idea: str = Field(min_length=1)


class Ideas(BaseModel):
    """The ideas of one round."""

    ideas: list[Idea] = Field(min_length=1)


class Judgement(BaseModel):
    """What a critic thinks of the idea with that number; each score is from 1 to 10."""

    number: int
    value: int = Field(ge=1, le=10)
    novelty: int = Field(ge=1, le=10)
    feasibility: int = Field(ge=1, le=10)
    strength: str = Field(min_length=1)
    weakness: str = Field(min_length=1)


class Judgements(BaseModel):
    """A critic's round."""

    judgements: list[Judgement] = Field(min_length=1)


class FinalText(BaseModel):
    """The chosen idea written up."""

    title: str = Field(min_length=1)
    sentences: list[str] = Field(min_length=SENTENCES, max_length=SENTENCES)


def brief_idea(first_word: str | None = None) -> type[BaseModel]:
    """Return the shape of one idea of a small model: the sentence, then a title for it."""
    sentence = _SENTENCE % (20, 240) if first_word is None else _beginning(first_word)
    return create_model(
        "BriefIdea",
        idea=(str, Field(pattern=sentence)),
        title=(str, Field(min_length=4, max_length=50, pattern=_TITLE)),
    )


def brief_facts() -> type[BaseModel]:
    """Return the shape of what a small model finds in the text before it has ideas about it."""
    fact = create_model("BriefFact", fact=(str, Field(pattern=_SENTENCE % (20, 220))))
    return create_model("BriefFacts", facts=(list_of(fact), Field(min_length=FACTS, max_length=FACTS)))


def brief_judgement() -> type[BaseModel]:
    """Return the shape of one judgement of a small model; the reasons come before the scores."""
    score: Any = (int, Field(ge=1, le=10))
    sentence: Any = (str, Field(pattern=_SENTENCE % (10, 220)))
    return create_model(
        "BriefJudgement", strength=sentence, weakness=sentence, value=score, novelty=score, feasibility=score
    )


def brief_final() -> type[BaseModel]:
    """Return the shape of a small model's final text: a field for each sentence."""
    fields: dict[str, Any] = {name: (str, Field(pattern=_beginning(words))) for name, words in PARTS.items()}
    return create_model(
        "BriefFinal", title=(str, Field(min_length=4, max_length=60, pattern=_TITLE)), **fields
    )


def _beginning(words: str) -> str:
    return (_SENTENCE % (15, 220)).replace("^[A-Z0-9]", f"^{words} ", 1)


def score_of(judgement: dict[str, Any]) -> float:
    """Return the mean of value, novelty and feasibility, with one decimal."""
    return round((judgement["value"] + judgement["novelty"] + judgement["feasibility"]) / 3, 1)


def is_new(idea: dict[str, Any], known: Sequence[dict[str, Any]]) -> bool:
    """Whether an idea has a title of its own and a text that is not nearly one of those known."""
    titles = {_plain(other["title"]) for other in known}
    return _plain(idea["title"]) not in titles and not any(
        _alike(idea["idea"], other["idea"]) for other in known
    )


def text_problem(title: str, sentences: Sequence[str]) -> str | None:
    """Return what keeps a text from being a title and five sentences, in words for its writer."""
    if not title.strip() or "\n" in title.strip():
        return "The title is one line."
    if len(sentences) != SENTENCES:
        return f"There are {len(sentences)} sentences; exactly {SENTENCES} are wanted."
    for number, sentence in enumerate(sentences, 1):
        text = sentence.strip()
        if "\n" in text or not text.rstrip("\"')]").endswith((".", "!", "?")):
            return f"Sentence {number} is not one whole sentence that ends with a full stop."
        if _ENDS_INSIDE.search(_ABBREVIATIONS.sub(r"\1 ", text)):
            return f"Sentence {number} holds more than one sentence."
    if len({s.strip().casefold() for s in sentences}) < SENTENCES:
        return "The same sentence stands there twice."
    return None


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, _plain(one), _plain(other)).ratio() > _ALIKE


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
