"""The run context modes get: every promise of `modes.contract`, kept by durable operations."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from perdure.agents.models import ModelCatalog
from perdure.agents.roles import ROLES
from perdure.agents.session_models import Access, SessionModel
from perdure.agents.tools.box import ToolBox
from perdure.core.approvals import Approval, ApprovalStatus, OnExpiry, Resolution
from perdure.core.briefs import HopBrief
from perdure.core.clock import utc_now
from perdure.core.costs import usd
from perdure.core.events import Console, NewEvent
from perdure.core.missions import Hop, HopStatus, Mission
from perdure.core.runs import Step
from perdure.core.secrets import SecretRef
from perdure.core.sessions import Session
from perdure.core.tools import ToolCategory
from perdure.engine.agent_runner import AgentRunner
from perdure.engine.agent_tools import GuardedTools
from perdure.engine.limits import LimitKeeper
from perdure.engine.mode_tools import ModeTools
from perdure.engine.operations import Operations, RunCancelled
from perdure.engine.run_secrets import RunSecrets
from perdure.engine.sources import text_of_files
from perdure.engine.steering import Steering
from perdure.engine.tool_deps import ToolDeps
from perdure.engine.tool_gate import ToolGate
from perdure.errors import InvalidInput, PerdureError
from perdure.ids import new_id
from perdure.live.deltas import Deltas
from perdure.modes.contract import (
    Answer,
    ModeConfig,
    NotJson,
    Profile,
    Question,
    Reply,
    Said,
    StepResult,
    StepSpec,
    ToolOutcome,
    ToolUse,
)
from perdure.redaction import redactor
from perdure.services import memory, plans, steps
from perdure.services.conversation import message_event
from perdure.store.transaction import Tx
from perdure.store.workspace import Workspace

Output = TypeVar("Output")

_MODEL_KEYS = {
    "planner": "planner_model",
    "reviewer": "plan_reviewer_model",
    "researcher": "researcher_model",
    "engineer": "engineer_model",
    "summariser": "summariser_model",
    "idea-maker": "idea_maker_model",
    "idea-critic": "idea_critic_model",
    "router": "router_model",
}


@dataclass
class EngineContext:
    """One execution of one run, as its mode sees it."""

    operations: Operations
    session: Session
    mode_config: ModeConfig
    catalog: ModelCatalog
    default_model: str
    workspace: Workspace
    deltas: Deltas
    box: ToolBox
    consents: frozenset[ToolCategory] = frozenset[ToolCategory]()
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    failed_step: str | None = None
    _failed: set[str] = field(default_factory=set[str])
    """The steps that failed in this execution."""
    _begun: Counter[str] = field(default_factory=Counter[str])
    """How often each step was begun in this execution: again after a failure, by its mode."""
    _step_id: str | None = None
    _hop_id: str | None = None
    _turn: int = 0
    _heard: int = 0
    """How much of what was said to the run the mode has read."""
    _phase: tuple[str, int | None] | None = None
    """The phase to enter when the next step begins; kept steps enter none."""

    def __post_init__(self) -> None:
        self._models: dict[str, SessionModel] = {}
        self._secrets = RunSecrets(self.operations.progress, self.session)
        self._limits = LimitKeeper(self.operations, self._ask_as_configured)
        self._gate = ToolGate(self.operations, self.config.tool_permissions, self._ask_as_configured)

    @property
    def task(self) -> str:
        return self.operations.run.task

    @property
    def config(self) -> ModeConfig:
        return self.mode_config

    @property
    def profile(self) -> Profile:
        found = self.catalog.profile(self._model_name("engineer"))
        return Profile(**{name: getattr(found, name) for name in Profile.__dataclass_fields__})

    @property
    def roles(self) -> dict[str, str]:
        return {role.id: role.description for role in ROLES.values()}

    async def phase(self, name: str, number: int | None = None) -> None:
        self._phase = (name, number)

    async def step(self, spec: StepSpec, body: Callable[[], Awaitable[Any]]) -> Any:
        if spec.key in self.kept:
            return self.kept[spec.key]
        await self._limits.check(spec.key)
        progress, run = self.operations.progress, self.operations.run
        if self._phase is not None:
            name, number = self._phase
            await progress.enter_phase(run, name, number, f"{name}:{number or ''}")
            self._phase = None
        step = await progress.begin_step(
            run,
            spec.key,
            phase=spec.phase,
            name=spec.name,
            goal=spec.goal,
            agent=spec.agent,
            hop_id=spec.hop_id,
            number=spec.number,
            repeated=spec.key in self._failed,
        )
        self._begun[spec.key] += 1
        end = f"{spec.key}:{self._begun[spec.key]}"
        record = await self.operations.skipped(end) or await self._carried_out(spec, step, body, end)
        self._turn, self._gate.asked, self._heard = record["counts"]
        await progress.complete_step(
            run, step, checkpoint=record["checkpoint"], summary=record["summary"], number=spec.number
        )
        return record["checkpoint"]

    async def _carried_out(
        self, spec: StepSpec, step: Step, body: Callable[[], Awaitable[Any]], end: str
    ) -> dict[str, Any]:
        """Carry a step's body out and record what it leaves behind; a replay takes the record and skips the body."""
        progress, run = self.operations.progress, self.operations.run
        self._step_id, self._hop_id = step.id, spec.hop_id
        try:
            result = StepResult.of(await body())
        except Exception as error:  # also a fault of the mode, which may be a plug-in: the step says so
            self.failed_step = spec.key
            self._failed.add(spec.key)
            fault = {"code": "mode-error", "message": f"{type(error).__name__}: {error}"}
            if isinstance(error, PerdureError):
                fault = error.to_dict()
            await self.operations.hold_if_stopping()
            await progress.fail_step(run, step, redactor.value(fault), spec.number)
            raise
        finally:
            self._step_id = self._hop_id = None
        counts = [self._turn, self._gate.asked, self._heard]
        record = {"checkpoint": result.checkpoint, "summary": result.summary, "counts": counts}
        return await self.operations.end(end, record)

    async def agent(
        self,
        role: str,
        prompt: str,
        *,
        output: type[Output] | None = None,
        tools: bool = False,
        max_tokens: int | None = None,
        say: bool = True,
        history: Sequence[Said] = (),
    ) -> Reply:
        if role not in ROLES:
            raise InvalidInput(f"There is no role {role!r}; there are {', '.join(ROLES)}.", field="agent")
        name = self._model_name(role)
        profile = self.catalog.profile(name)
        part = ROLES[role]
        self._turn += 1
        run = self.operations.run
        runner = AgentRunner(
            operations=self.operations,
            deltas=self.deltas,
            role=part,
            model=self._model(name),
            model_name=name,
            profile=profile,
            instructions="\n".join(
                text for text in (part.instructions_for(profile), self.config.instructions) if text
            ),
            step_id=self._step_id,
            hop_id=self._hop_id,
            turn=f"{run.id}:{run.attempt}:{self._turn}",
            say=say and output is None,
            gate=self._gate,
            limits=self._limits,
            more=[Steering(self.added_context, self._heard)] if tools else [],
        )
        offered = await self._offered() if tools else []
        return await runner.run(
            prompt,
            output=output,
            toolsets=[
                GuardedTools(toolset, self.box, self._gate, runner, self._ask_as_configured, role)
                for toolset in offered
            ],
            history=history,
            deps=self._deps(),
            max_tokens=max_tokens,
            max_rounds=self.config.max_rounds,
        )

    async def tool(self, tool: str, **arguments: Any) -> Any:
        return await self._mode_tools().call(ToolUse(tool, arguments), self._deps())

    async def tools(self, uses: Sequence[ToolUse], *, at_once: int = 4) -> list[ToolOutcome]:
        return await self._mode_tools().call_each(uses, self._deps(), at_once)

    async def history(self, limit: int = 50) -> list[Said]:
        run = self.operations.run

        async def read() -> list[dict[str, Any]]:
            return await self.operations.progress.read(lambda tx: memory.said_before(tx, run, limit))

        return [Said(**entry) for entry in await self.operations.durable("history", read)]

    async def variables(self) -> dict[str, Any]:
        async def read() -> dict[str, Any]:
            return await self.operations.progress.read(lambda tx: memory.variables(tx, self.session.id))

        return await self.operations.durable("variables", read)

    async def set_variables(self, **values: Any) -> None:
        NotJson.check("What a session remembers", values)
        run = self.operations.run

        async def write() -> None:
            await self.operations.progress.write(run, lambda tx: memory.set_in(tx, run.session_id, values))

        await self.operations.durable("set-variables", write)

    async def ask(self, question: Question) -> Answer:
        NotJson.check("What is asked about", [question.data, question.answer_schema])
        approval = await self._asked(question)

        async def read() -> dict[str, Any]:
            return {
                "resolution": str(approval.resolution),
                "by": approval.responded_by,
                **(approval.response_data or {}),
            }

        answer = await self.operations.durable(f"approval:{question.key}", read)
        return Answer(
            Resolution(answer["resolution"]),
            answer.get("feedback"),
            answer.get("modifications"),
            answer.get("answer"),
            answer.get("by"),
            approval.id,
        )

    async def _ask_as_configured(self, question: Question) -> Answer:
        """Ask for the engine itself, with the deadline of the config; silence may mean no there, never yes."""
        no = getattr(self.config, "expiry", OnExpiry.PAUSE) is OnExpiry.REJECT
        deadline_s = getattr(self.config, "approval_deadline_s", None)
        on_expiry = OnExpiry.REJECT if no else OnExpiry.PAUSE
        return await self.ask(replace(question, deadline_s=deadline_s, on_expiry=on_expiry))

    async def _asked(self, question: Question) -> Approval:
        run = self.operations.run
        key, again = question.key, 0
        while True:
            await self.operations.boundary()
            approval = await self.operations.progress.ask(run, self._approval(question, key))
            if approval.status is ApprovalStatus.PENDING:
                await self.operations.leave()
            if approval.status is ApprovalStatus.CANCELLED:
                raise RunCancelled
            if approval.status is not ApprovalStatus.EXPIRED or approval.on_expiry is not OnExpiry.PAUSE:
                return approval
            again += 1
            key = f"{question.key}#{run.attempt}.{again}"

    async def say(self, text: str, *, agent: str | None = None, key: str) -> None:
        run = self.operations.run
        event = message_event(
            "assistant",
            text,
            agent=agent,
            run_id=run.id,
            step_id=self._step_id,
            dedupe=f"{run.id}:{run.attempt}:say:{key}",
        )
        await self.operations.progress.log(run, event)

    async def console(self, *lines: str, key: str) -> None:
        run = self.operations.run
        event = NewEvent.of(
            Console(lines=list(lines)),
            run_id=run.id,
            step_id=self._step_id,
            dedupe=f"{run.id}:{run.attempt}:console:{key}",
        )
        await self.operations.progress.log(run, event)

    async def propose_plan(
        self, goal: str, steps: list[dict[str, Any]], change: str = "proposed"
    ) -> list[Hop]:
        run, owner, name = self.operations.run, self.session.owner_id, self.session.name
        return await self._plan(
            "propose",
            lambda tx: plans.propose_in(tx, run, owner, name=name, goal=goal, steps=steps, change=change),
        )

    async def adopt_plan(self) -> list[Hop] | None:
        run = self.operations.run

        async def body() -> list[dict[str, Any]] | None:
            mission = await self.operations.progress.write(run, lambda tx: plans.adopt_in(tx, run))
            return None if mission is None else [hop.model_dump(mode="json") for hop in mission.hops]

        found = await self.operations.durable("plan:adopt", body)
        return None if found is None else [Hop.model_validate(hop) for hop in found]

    async def accept_plan(self) -> list[Hop]:
        run = self.operations.run
        return await self._plan("accept", lambda tx: plans.accept_in(tx, run))

    async def reject_plan(self) -> None:
        run = self.operations.run
        await self._plan("reject", lambda tx: plans.reject_in(tx, run))

    async def move_hop(
        self,
        hop_id: str,
        status: HopStatus,
        error: dict[str, Any] | None = None,
        *,
        result: str | None = None,
    ) -> None:
        run = self.operations.run

        def change(tx: Tx) -> Mission:
            mission = plans.move_hop_in(tx, run, hop_id, status, error, result=result)
            if status is HopStatus.SKIPPED:
                steps.skip_in(tx, run, next(hop for hop in mission.hops if hop.id == hop_id))
            return mission

        await self._plan(f"hop-{status}", change)

    async def hop_brief(self, hop_id: str) -> HopBrief:
        run = self.operations.run

        async def read() -> dict[str, Any]:
            found = await self.operations.progress.read(lambda tx: plans.brief_in(tx, run, hop_id))
            return found.model_dump(mode="json")

        return HopBrief.model_validate(await self.operations.durable("plan:brief", read))

    async def sources(self, limit_chars: int, also: Sequence[str] = ()) -> str:
        async def read() -> str:
            return await asyncio.to_thread(text_of_files, self.workspace, self.task, limit_chars, also)

        return await self.operations.durable("sources", read)

    async def files(self) -> list[str]:
        async def read() -> list[str]:
            return await asyncio.to_thread(self.workspace.list)

        return await self.operations.durable("files", read)

    async def read_file(self, path: str, limit_chars: int = 1_000_000) -> str:
        async def read() -> dict[str, Any]:
            try:
                return {"text": await asyncio.to_thread(self.workspace.read_text, path, limit_chars)}
            except PerdureError as error:
                return {"error": error.message}

        record = await self.operations.durable(f"read:{path}", read)
        if "error" in record:
            raise InvalidInput(record["error"], field="path", path=path)
        return record["text"]

    async def write_file(self, path: str, content: str) -> None:
        async def write() -> str:
            info = await asyncio.to_thread(self.workspace.write, path, content)
            await self._deps().file_changed(info)
            return info.sha256

        await self.operations.durable(f"write:{path}", write)

    async def spent(self) -> float | None:
        async def read() -> float | None:
            run, _ = await self.operations.progress.current(self.operations.run.id)
            return None if run.unpriced_calls else usd(run.cost_usd_micros)

        return await self.operations.durable("spent", read)

    async def added_context(self) -> list[str]:
        async def read() -> list[str]:
            run, _ = await self.operations.progress.current(self.operations.run.id)
            return list(run.config.get("additional_context") or [])

        additions = await self.operations.durable("added-context", read)
        self._heard = len(additions)
        return additions

    async def _plan(self, name: str, change: Callable[[Tx], Mission]) -> list[Hop]:
        async def body() -> list[dict[str, Any]]:
            mission = await self.operations.progress.write(self.operations.run, change)
            return [hop.model_dump(mode="json") for hop in mission.hops]

        return [Hop.model_validate(hop) for hop in await self.operations.durable(f"plan:{name}", body)]

    def _deps(self) -> ToolDeps:
        return ToolDeps(self.operations, self.workspace, self._step_id, self._hop_id)

    def _mode_tools(self) -> ModeTools:
        model = self._model(self._model_name("engineer"))
        return ModeTools(self.operations, self.box, self._gate, self.consents, model, self._limits)

    async def aclose(self) -> None:
        """Close what the run had open; its secrets are not looked for in what is written any more."""
        for model in self._models.values():
            await model.aclose()
        self._models.clear()
        self._secrets.forget()

    async def know_secrets(self, names: set[str]) -> None:
        """Mask these and what tool servers use, from before the run goes on."""
        await self._secrets.know(names | self.box.secret_names(self.config.mcp_servers))

    async def _offered(self) -> list[AbstractToolset[Any]]:
        servers = self.config.mcp_servers
        names = sorted(self.box.secret_names(servers))
        return self.box.toolsets(servers, {name: await self._secrets.value(name) for name in names})

    def _model(self, name: str) -> Model:
        """Return a model, with the session's own key or address if it is of the provider of `model`."""
        key, address = self.config.api_key, self.config.base_url
        main = self.config.model or self.config.default_model or self.default_model
        if (key is None and address is None) or self.catalog.provider_of(name) != self.catalog.provider_of(
            main
        ):
            return self.catalog.resolve(name)
        if name not in self._models:
            ask = partial(self._secrets.value, key.name) if isinstance(key, SecretRef) else None
            self._models[name] = self.catalog.for_session(name, Access(ask, address))
        return self._models[name]

    def _model_name(self, role: str) -> str:
        config = self.config
        named = getattr(config, _MODEL_KEYS.get(role, ""), None)
        return named or config.model or config.default_model or self.default_model

    def _approval(self, question: Question, key: str) -> Approval:
        run, now = self.operations.run, utc_now()
        return Approval(
            id=new_id(),
            session_id=run.session_id,
            run_id=run.id,
            step_id=self._step_id,
            key=key,
            request_type=question.type,
            title=redactor.known(question.title),
            # Masked here and not before: the mark of a call, by which it is held to its answer, is of the real one.
            request_data=redactor.value(question.data, shapes=False),
            options=[str(option) for option in question.options],
            answer_schema=redactor.value(question.answer_schema, shapes=False),
            deadline=now + timedelta(seconds=question.deadline_s) if question.deadline_s else None,
            on_expiry=question.on_expiry,
            created_at=now,
        )
