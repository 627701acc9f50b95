"""The two parts of idea work: a maker who proposes, improves and writes, and a critic who scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from perdure.modes.contract import RunContext, StepFailed
from perdure.modes.idea_shapes import (
    ANGLES,
    FACTS,
    PARTS,
    SENTENCES,
    FinalText,
    Idea,
    Ideas,
    Judgements,
    brief_facts,
    brief_final,
    brief_idea,
    brief_judgement,
    is_new,
    score_of,
    text_problem,
)
from perdure.modes.wording import with_context, with_source

_TRIES = 3


@dataclass(frozen=True, slots=True)
class IdeaWork:
    """Makes and judges ideas for one run; every method is to be called inside a step."""

    ctx: RunContext
    task: str

    @property
    def _brief(self) -> bool:
        return self.ctx.profile.sentence_words is not None

    async def propose(self, number: int) -> list[dict[str, Any]]:
        """Return exactly that many ideas `{number, title, idea}`, all different.

        Raises:
            StepFailed: when the maker finds no more that differ.
        """
        found: list[dict[str, Any]] = []
        misses = 0
        facts = await self._facts() if self._brief else []
        while len(found) < number:
            proposed = await (
                self._one_idea(facts, len(found) + misses) if self._brief else self._ideas(found, number)
            )
            fresh = False
            for idea in proposed:
                if len(found) < number and is_new(idea, found):
                    found.append({"number": len(found) + 1, **idea})
                    fresh = True
            misses = 0 if fresh else misses + 1
            if misses >= _TRIES:
                raise StepFailed(
                    f"The idea maker found only {len(found)} different ideas of {number}; resume to ask again, "
                    "or lower `n_ideas`.",
                    step="propose",
                )
        return found

    async def judge(self, ideas: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the ideas with `score`, its three parts, `strength` and `weakness`, in the order given.

        Raises:
            StepFailed: when the critic leaves an idea out again and again.
        """
        judged: dict[int, dict[str, Any]] = {}
        for _ in range(_TRIES):
            open_ = [idea for idea in ideas if idea["number"] not in judged]
            if self._brief:
                for idea in open_:
                    judged[idea["number"]] = await self._one_judgement(idea)
            else:
                judged |= await self._judgements(open_)
            if all(idea["number"] in judged for idea in ideas):
                return [
                    {**idea, **judged[idea["number"]], "score": score_of(judged[idea["number"]])}
                    for idea in ideas
                ]
        missing = [idea["title"] for idea in ideas if idea["number"] not in judged]
        raise StepFailed(f"The critic did not judge {', '.join(missing)}; resume to ask again.", step="judge")

    async def improve(self, idea: dict[str, Any]) -> dict[str, Any]:
        """Return the idea improved where its critique is right, under the number of the one it comes from."""
        length = "Keep it to one sentence, at most 20 words. " if self._brief else ""
        prompt = (
            f"The task: {self.task}\n\nThe idea: {idea['title']}. {idea['idea']}\n\n"
            f"The critic says. Strength: {idea['strength']} Weakness: {idea['weakness']}\n\n"
            f"Change the idea so that the weakness is gone and the strength stays. {length}"
            "Say concretely what is done."
        )
        improved = await self._asked("idea-maker", prompt, brief_idea() if self._brief else Idea)
        return {"number": idea["number"], **improved}

    async def write(self, chosen: dict[str, Any], wish: str | None = None) -> dict[str, Any]:
        """Return `{title, sentences}` of the chosen idea: exactly five sentences.

        Raises:
            StepFailed: when the maker does not keep to that.
        """
        problem: str | None = None
        for _ in range(_TRIES):
            prompt = self._write_prompt(chosen, wish, problem)
            written = await self._asked("idea-maker", prompt, brief_final() if self._brief else FinalText)
            given: list[str] = [written[part] for part in PARTS] if self._brief else written["sentences"]
            sentences = [sentence.strip() for sentence in given]
            title = str(written["title"]).strip("# ").strip()
            problem = text_problem(title, sentences)
            if problem is None:
                return {"title": title, "sentences": sentences}
        raise StepFailed(
            f"The final text is not a title and {SENTENCES} sentences: {problem} Resume to ask again.",
            step="write",
        )

    async def _ideas(self, found: Sequence[dict[str, Any]], number: int) -> list[dict[str, Any]]:
        missing = number - len(found)
        prompt = (
            f"Propose {missing} idea{'' if missing == 1 else 's'} for this task: {self.task}\n\n"
            "Give each a short title and say in two or three sentences what is done and why it works. They "
            "differ in approach, not in wording."
        )
        if found:
            prompt += f"\n\nThere are these already; propose others:\n{_listed(found)}"
        return (await self._asked("idea-maker", prompt, Ideas))["ideas"]

    async def _facts(self) -> list[str]:
        prompt = (
            f"The task: {self.task}\n\nWhich {FACTS} facts of the text matter most for this task? Name different "
            "causes, each in one sentence of at most 20 words with its number."
        )
        return [found["fact"] for found in (await self._asked("researcher", prompt, brief_facts()))["facts"]]

    async def _one_idea(self, facts: Sequence[str], turn: int) -> list[dict[str, Any]]:
        # What is there already is not listed: a small model would repeat just that.
        first_word, kind = ANGLES[turn % len(ANGLES)]
        prompt = (
            f"The task: {self.task}\n\nA fact from the text: {facts[turn % len(facts)]}\n"
            f"Propose one idea for the task {kind}, because of this fact. First one sentence of at most 20 words "
            f"that says what is done; it begins with '{first_word}'. Then a title of at most 6 words."
        )
        return [await self._asked("idea-maker", prompt, brief_idea(first_word))]

    async def _judgements(self, ideas: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
        prompt = (
            f"Judge these ideas for the task: {self.task}\n\n{_listed(ideas)}\n\n"
            "Judge each by its number. Score value, novelty and feasibility from 1 to 10 and use the whole scale."
        )
        given = (await self._asked("idea-critic", prompt, Judgements))["judgements"]
        wanted = {idea["number"] for idea in ideas}
        return {
            j["number"]: {key: j[key] for key in j if key != "number"} for j in given if j["number"] in wanted
        }

    async def _one_judgement(self, idea: dict[str, Any]) -> dict[str, Any]:
        prompt = (
            f"The task: {self.task}\n\nThe idea: {idea['title']}. {idea['idea']}\n\n"
            "Say its strength and its weakness, each in one short sentence of at most 12 words. Then "
            "score value, novelty and feasibility from 1 (bad) to 10 (excellent); most ideas get 3 to 7."
        )
        return await self._asked("idea-critic", prompt, brief_judgement())

    def _write_prompt(self, chosen: dict[str, Any], wish: str | None, problem: str | None) -> str:
        rules = (
            "Write each part as one sentence of at most 20 words, with facts from the text: what the idea is; "
            "which problem it solves, with a number; the first step; the main risk; how to test that it works."
            if self._brief
            else f"Write it as a title and exactly {SENTENCES} sentences: what the idea is, which problem it "
            "solves, how it is done, what speaks against it, and how to test it."
        )
        parts = [
            f"The task: {self.task}",
            f"The chosen idea: {chosen['title']}. {chosen['idea']}",
            f"The person adds: {wish}" if wish else "",
            rules,
            f"The text before was refused: {problem}" if problem else "",
        ]
        return "\n\n".join(part for part in parts if part)

    async def _asked(self, role: str, prompt: str, shape: type[BaseModel]) -> dict[str, Any]:
        ctx = self.ctx
        source = await ctx.sources(ctx.profile.source_chars) if ctx.profile.gives_source else ""
        reply = await ctx.agent(
            role,
            with_source(with_context(prompt, await ctx.added_context()), source),
            output=shape,
            tools=not ctx.profile.gives_source,
            max_tokens=ctx.profile.step_max_tokens,
            say=False,
        )
        answer = reply.output.model_dump()
        if isinstance(answer.get("title"), str):
            answer["title"] = _headline(answer["title"])
        return answer


def _headline(text: str) -> str:
    """Return a title without what a small model runs on with."""
    return text.split(". ")[0].strip(" .:#*") or text


def _listed(ideas: Sequence[dict[str, Any]]) -> str:
    return "\n".join(f"{idea['number']}. {idea['title']}: {idea['idea']}" for idea in ideas)
