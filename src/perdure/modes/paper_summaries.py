"""What a paper says, in the fields that the context of a task needs: by one call, or field by field."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, create_model

from perdure.errors import InvalidInput
from perdure.modes.contract import RunContext, StepResult
from perdure.modes.shapes import ASCII, list_of
from perdure.modes.wording import with_source

FOLDER = "summaries"
LISTS = ("keywords", "key_findings", "software", "data_sources", "data_sets", "methods")

_ABSTRACT_CHARS = 1_500
_ABSTRACT = re.compile(r"^[#*_\s]*abstract\b[*_.:\s\u2013\u2014-]*", re.IGNORECASE | re.MULTILINE)


class PaperSummary(BaseModel):
    """A paper in short. A list stays empty when the paper says nothing about it."""

    title: str = Field(description="The paper's title.")
    authors: list[str] = Field(description="Its authors, in order.")
    date: str = Field(description="When it was published, as far as the paper says.")
    abstract: str = Field(description="What it is about, in about three sentences.")
    keywords: list[str] = Field(description="Up to five.")
    key_findings: list[str] = Field(description="The main results, each one sentence, with their numbers.")
    software: list[str] = Field(description="Scientific software that was used.")
    data_sources: list[str] = Field(
        description="Instruments, surveys, archives and sites the data came from."
    )
    data_sets: list[str] = Field(description="Data sets, by name.")
    methods: list[str] = Field(description="How the data were analysed.")


_QUESTIONS = {
    "key_findings": (3, 1, "What did the authors find? Up to 3 short sentences; keep numbers exact."),
    "methods": (3, 1, "How did the authors work? Up to 3 short sentences; keep to what the text says."),
    "keywords": (5, 1, "Copy up to 5 important terms from the text."),
    "data_sets": (3, 0, "Copy the names of the data sets that the text names; none if it names none."),
    "software": (3, 0, "Copy the names of the software that the text names; none if it names none."),
    "data_sources": (
        3,
        0,
        "Copy the names of the instruments, surveys, archives or sites that the data came from; none if the text "
        "names none.",
    ),
}
_COPIED = ("keywords", "data_sets", "software", "data_sources")
_NAMES = ("data_sets", "software")
_OF_SOFTWARE = re.compile(
    r"\b(software|packages?|librar(y|ies)|code|programs?|scripts?|tool(box|kit)|version)\b", re.I
)
_SENTENCE_END = re.compile(r"[.!?]\s|\n\s*\n")


async def summarise(ctx: RunContext, paper: dict[str, Any]) -> StepResult:
    """Summarise one paper into its file; a summary of the same text from an earlier run is kept.

    What arXiv says of title, authors, date and abstract stands in place of what a model makes of them.

    Raises:
        ModelCallFailed: when the model gives no summary.
        InvalidInput: when the paper's Markdown is not there or empty.
    """
    limit = ctx.profile.source_chars
    text = await ctx.read_file(paper["markdown"], limit)
    if not text.strip():
        raise InvalidInput("The paper has no text.", path=paper["markdown"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    target = summary_file(paper)
    earlier = await _earlier(ctx, target, digest)
    if earlier is not None:
        return StepResult({**earlier, "reused": True}, f"Kept {target}")
    brief = ctx.profile.sentence_words is not None
    said = await (_field_by_field(ctx, paper["id"], text) if brief else _at_once(ctx, text))
    found = {**said, **known_fields(paper, text if brief else None)}
    record = {
        "id": paper["id"],
        "file": paper["file"],
        "markdown": paper["markdown"],
        **{name: found.get(name, "") for name in ("title", "authors", "date", "abstract")},
        **{name: found.get(name, []) for name in LISTS},
        "chars_read": len(text),
        "whole_text": len(text) < limit,
        "text_sha256": digest,
    }
    await ctx.write_file(target, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return StepResult({**record, "reused": False}, f"Saved {target}")


def summary_file(paper: dict[str, Any]) -> str:
    """Return where a paper's summary is kept."""
    return f"{FOLDER}/{paper['stem']}/document_summary.json"


def known_fields(paper: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    """Return what is known without a model: from arXiv, or from the head of the text if that is given."""
    about = paper.get("metadata")
    if about is not None:
        return {
            "title": about["title"],
            "authors": about["authors"],
            "date": about["published"][:10],
            "abstract": about["abstract"],
        }
    return {} if text is None else {"title": _heading(text) or paper["stem"], "abstract": _abstract(text)}


async def _at_once(ctx: RunContext, text: str) -> dict[str, Any]:
    prompt = "Summarise this paper. Use only what it says; leave a list empty when it says nothing of that."
    reply = await ctx.agent(
        "summariser",
        with_source(prompt, text),
        output=PaperSummary,
        max_tokens=ctx.profile.step_max_tokens,
        say=False,
    )
    return reply.output.model_dump()


async def _field_by_field(ctx: RunContext, paper: str, text: str) -> dict[str, Any]:
    """Ask a small model one thing at a time; what it does not copy from the text, or is no name, is dropped."""
    found: dict[str, Any] = {}
    for name, (most, least, question) in _QUESTIONS.items():
        reply = await ctx.agent(
            "summariser",
            with_source(question, text),
            output=_brief(name, most, least),
            max_tokens=ctx.profile.step_max_tokens,
            say=False,
        )
        items: list[str] = [item.strip() for item in getattr(reply.output, name) if item.strip()]
        if name in _COPIED:
            items = [written for item in items if (written := as_written(item, text, name in _NAMES))]
        found[name] = list(dict.fromkeys(items))
        await ctx.console(f"{paper}: {name.replace('_', ' ')}: {len(found[name])}", key=f"{paper}:{name}")
    found["methods"] = [item for item in found["methods"] if item not in found["software"]]
    return found


def as_written(item: str, text: str, is_name: bool) -> str | None:
    """Return the words as the text has them; None if it has not, or if they are no name and should be one.

    Names have a capital or a digit wherever they stand; those of software may do without, beside a word for it.
    """
    words = r"\s+".join(re.escape(word) for word in item.split())
    places = list(re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE))
    if not places:
        return None
    plain = [place for place in places if not re.search(r"[A-Z0-9]", place[0])]
    if is_name and any(not _OF_SOFTWARE.search(_sentence_around(place, text)) for place in plain):
        return None
    return " ".join(places[0][0].split())


def _sentence_around(place: re.Match[str], text: str) -> str:
    before, after = text[: place.start()], text[place.end() :]
    return _SENTENCE_END.split(before)[-1] + _SENTENCE_END.split(after, maxsplit=1)[0]


def _brief(name: str, most: int, least: int) -> type[BaseModel]:
    shortest, longest = (2, 60) if name in _COPIED else (15, 160)
    item: Any = Annotated[str, Field(min_length=shortest, max_length=longest, pattern=ASCII)]
    fields: dict[str, Any] = {name: (list_of(item), Field(min_length=least, max_length=most))}
    return create_model("BriefAnswer", **fields)


async def _earlier(ctx: RunContext, path: str, digest: str) -> dict[str, Any] | None:
    if path not in await ctx.files():
        return None
    try:
        stored = json.loads(await ctx.read_file(path))
    except (InvalidInput, ValueError):
        return None
    if not isinstance(stored, dict):
        return None
    fields = cast("dict[str, Any]", stored)
    whole = all(name in fields for name in (*PaperSummary.model_fields, "chars_read"))
    return fields if whole and fields.get("text_sha256") == digest else None


def _heading(text: str) -> str:
    lines = (line.strip().lstrip("#*").strip(" *") for line in text.splitlines())
    return next((line[:200] for line in lines if line), "")


def _abstract(text: str) -> str:
    """Return what follows the word, up to the next heading or so many characters."""
    match = _ABSTRACT.search(text)
    if match is None:
        return ""
    found = " ".join(re.split(r"\n#", text[match.end() :], maxsplit=1)[0].split())
    return found if len(found) <= _ABSTRACT_CHARS else found[:_ABSTRACT_CHARS].rsplit(" ", 1)[0] + " …"
