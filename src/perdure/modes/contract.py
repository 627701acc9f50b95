"""What a mode is and all that it sees: a description, a config, and its run context.

Built-in modes use nothing else from Perdure, so a plug-in can do whatever they do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from perdure.core.approvals import ApprovalType, OnExpiry, Resolution
from perdure.core.briefs import HopBrief, HopInput
from perdure.core.json_values import fault_in_json
from perdure.core.limits import ResourceLimits
from perdure.core.missions import Hop, HopStatus
from perdure.core.secrets import Secret
from perdure.core.tools import Permission, ToolCategory
from perdure.errors import PerdureError

Output = TypeVar("Output")
_LINE = 160
ApprovalMode = Literal["none", "after_planning", "before_each_step", "after_each_step", "both", "on_error"]


class StepFailed(PerdureError):
    """A step used up its attempts; its run fails and can go on from it."""

    code = "step-failed"


class ModelCallFailed(PerdureError):
    """A model call ended with an error of the provider."""

    code = "model-call-failed"


class ToolCallFailed(PerdureError):
    """A tool that the mode called did not do what it was called for."""

    code = "tool-failed"


class NotJson(PerdureError):
    """The mode handed over a value that a replay could not give back as it was."""

    code = "not-json"

    @classmethod
    def check(cls, what: str, value: Any) -> None:
        """Let a JSON value pass.

        Raises:
            NotJson: naming the part that is none.
        """
        fault = fault_in_json(value)
        if fault is not None:
            raise cls(f"{what} has to be JSON, as it is when it comes back from its record, but {fault}.")


class PlanRejected(PerdureError):
    """A person rejected the plan, or the work, and the run ends with it."""

    code = "rejected"


class ModeConfig(BaseModel):
    """Keys every mode has. Names are accepted in camelCase too; unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    model: str | None = Field(None, description="Model as `provider:model`; the server's default if unset.")
    default_model: str | None = Field(None, description="Model of the roles that name none of their own.")
    api_key: Secret | None = Field(
        None, description="Key for the provider of `model`, or the name of a secret; the server's if unset."
    )
    base_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?$",
        max_length=500,
        description="Address of the provider of `model`; it gets `api_key` and no key of the server's.",
    )
    agent: str | None = Field(None, description="The role that does the work.")
    on_busy: Literal["reject", "enqueue", "interrupt", "steer"] = Field(
        "reject", description="What happens to an input while a run is live."
    )
    instructions: str = Field("", description="Added to the instructions of every agent.")
    max_rounds: int = Field(25, ge=1, le=200, description="Model calls one agent may make in one step.")
    max_attempts: int | None = Field(
        None, ge=1, le=20, description="Attempts per step; the model's profile if unset."
    )
    tool_permissions: dict[ToolCategory, Permission] = Field(
        default_factory=dict[ToolCategory, Permission],
        description="`prompt`, `auto_allow` or `deny` by category; files are automatic, code, shell and "
        "network ask.",
    )
    mcp_servers: list[str] = Field(
        default_factory=list[str], description="Tool servers to use, by the names the server's settings give."
    )
    resource_limits: ResourceLimits | None = Field(
        None, description="What this run may use before it asks; the session has limits of its own."
    )


AGENT_KEYS = frozenset(
    {"model", "default_model", "api_key", "base_url", "agent", "instructions", "max_rounds", "mcp_servers"}
)
"""Keys that mean nothing to a mode in which no agent works."""


@dataclass(frozen=True)
class ModeSpec:
    """What people and programs are told about a mode."""

    id: str
    label: str
    description: str
    icon: str = "puzzle"
    supports_resume: bool = True
    """Whether a failed run can go on from a step; every run pauses and recovers."""
    supports_hitl: bool = False
    config_model: type[ModeConfig] = ModeConfig
    stays_active: bool = False
    """Whether the session waits for the next turn when a run ends."""
    consents: frozenset[ToolCategory] = frozenset()
    """What choosing the mode allows its own tool calls without asking; `deny` in the config still holds."""
    unused: frozenset[str] = frozenset()
    """Keys that every mode takes and that mean nothing to this one; forms leave them out."""

    @property
    def name(self) -> str:
        """The id, under the name the first interface gave it."""
        return self.id

    @property
    def config_schema(self) -> dict[str, Any]:
        """JSON Schema of the config, for forms: every key that does something in this mode."""
        schema = self.config_model.model_json_schema(by_alias=False)
        kept = {name: key for name, key in schema["properties"].items() if name not in self.unused}
        return {**schema, "properties": kept}


@dataclass(frozen=True, slots=True)
class Profile:
    """What the run's model can be trusted with; see the documentation of model profiles."""

    max_plan_steps: int
    plan_max_tokens: int
    step_max_tokens: int
    carry_over_chars: int
    source_chars: int
    max_attempts: int
    sentence_words: int | None
    gives_source: bool
    reviews_plans: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What an agent answered. `finish_reason` `length` means that it was cut off."""

    output: Any
    text: str
    finish_reason: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of the conversation before this run."""

    role: Literal["user", "assistant", "system", "tool"]
    text: str
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call that the mode itself makes."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of a tool call: a JSON result, or the reason why there is none."""

    ok: bool
    result: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leaves behind: a JSON checkpoint, and a line for people."""

    checkpoint: Any
    summary: str | None = None

    @classmethod
    def of(cls, result: Any) -> StepResult:
        """Return what a step's body returned as a result; a text is its own line for people, shortened.

        Raises:
            NotJson: when the checkpoint is no JSON value.
        """
        if isinstance(result, StepResult):
            NotJson.check("The checkpoint of a step", result.checkpoint)
            return result
        NotJson.check("What a step returns", result)
        line = result.strip().partition("\n")[0] if isinstance(result, str) else ""
        return cls(result, (line if len(line) <= _LINE else f"{line[: _LINE - 1]}…") or None)


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a person. `key` names it inside its run, so that a repeated step asks it once."""

    key: str
    type: ApprovalType
    title: str
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    options: Sequence[Resolution] = (Resolution.APPROVE, Resolution.REJECT)
    answer_schema: dict[str, Any] | None = None
    on_expiry: OnExpiry = OnExpiry.PAUSE
    deadline_s: float | None = None

    @classmethod
    def choice(cls, key: str, title: str, choices: Sequence[str]) -> Question:
        """Ask which of several the person wants, or what else; the `answer` is a text that is not empty."""
        return cls(
            key=key,
            type=ApprovalType.SELECTION,
            title=title,
            data={"choices": list(choices)},
            options=(Resolution.ANSWER,),
            answer_schema={"type": "string", "minLength": 1},
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person chose; `expired` answers carry the stated consequence."""

    resolution: Resolution
    feedback: str | None = None
    modifications: Any = None
    answer: Any = None
    by: str | None = None
    approval_id: str | None = None
    """The id of the question, under which it is kept."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """How a step is known: its stable key, and what people see of it."""

    key: str
    name: str
    phase: str
    goal: str | None = None
    agent: str | None = None
    hop_id: str | None = None
    number: int | None = None


class RunContext(Protocol):
    """All that a mode sees of the world. What is awaited here is durable: after a crash it is not done again."""

    @property
    def task(self) -> str:
        """What the person asked for."""
        ...

    @property
    def config(self) -> ModeConfig:
        """The run's config, an instance of the mode's config model."""
        ...

    @property
    def profile(self) -> Profile:
        """What the run's model can be trusted with."""
        ...

    @property
    def roles(self) -> dict[str, str]:
        """The roles there are, with a description each."""
        ...

    async def phase(self, name: str, number: int | None = None) -> None:
        """Enter a phase."""
        ...

    async def step(self, spec: StepSpec, body: Callable[[], Awaitable[Any]]) -> Any:
        """Run a step and return its checkpoint; finished in an earlier attempt, it is not run again.

        The body returns a `StepResult`, or just the JSON value to keep.

        Raises:
            NotJson: when it returns anything else; the step has failed then.
        """
        ...

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
        """Let an agent work and return its answer; with `say` its text is streamed into the conversation.

        `history` is what it is reminded of before the prompt.

        Raises:
            ModelCallFailed: when the provider refuses or cannot be reached.
            InvalidInput: when there is no such role.
        """
        ...

    async def tool(self, tool: str, **arguments: Any) -> Any:
        """Call a tool and return its JSON result.

        Raises:
            NotJson: when an argument is none.
            ToolCallFailed: when the tool fails, is not allowed, or the arguments do not fit it.
        """
        ...

    async def tools(self, uses: Sequence[ToolUse], *, at_once: int = 4) -> list[ToolOutcome]:
        """Call tools side by side, at most `at_once` of them; the outcomes come in the order of `uses`.

        One that fails fails alone; those that finished before a crash are not called again.
        """
        ...

    async def history(self, limit: int = 50) -> list[Said]:
        """Return the conversation before this run, oldest first, at most its `limit` newest entries."""
        ...

    async def variables(self) -> dict[str, Any]:
        """Return the session's context variables."""
        ...

    async def set_variables(self, **values: Any) -> None:
        """Merge JSON values into the session's context variables; None removes one.

        Raises:
            NotJson: when a value is none.
        """
        ...

    async def ask(self, question: Question) -> Answer:
        """Wait for a person, for days if need be, holding nothing meanwhile.

        Raises:
            NotJson: when the question's data is none.
        """
        ...

    async def say(self, text: str, *, agent: str | None = None, key: str) -> None:
        """Put a message into the conversation; the same key says it once."""
        ...

    async def console(self, *lines: str, key: str) -> None:
        """Write lines to the console; the same key writes them once."""
        ...

    async def adopt_plan(self) -> list[Hop] | None:
        """Make the mission that a person linked to the session and accepted the run's own.

        Returns its hops, or None when there is none to carry out.
        """
        ...

    async def propose_plan(
        self, goal: str, steps: list[dict[str, Any]], change: str = "proposed"
    ) -> list[Hop]:
        """Make the plan the run's mission and return its hops; proposed again, it replaces the proposal."""
        ...

    async def accept_plan(self) -> list[Hop]:
        """Accept the proposed plan."""
        ...

    async def reject_plan(self) -> None:
        """Reject the proposed plan."""
        ...

    async def move_hop(
        self,
        hop_id: str,
        status: HopStatus,
        error: dict[str, Any] | None = None,
        *,
        result: str | None = None,
    ) -> None:
        """Move one hop of the plan; the `result` of one that completes is what its outputs are, save files."""
        ...

    async def hop_brief(self, hop_id: str) -> HopBrief:
        """Return what the plan says around a hop: its inputs as they are now, and a person's words about it."""
        ...

    async def sources(self, limit_chars: int, also: Sequence[str] = ()) -> str:
        """Return the text of the workspace's text files, at most `limit_chars`.

        Those that the task names and those at the paths `also`, or all when there are none.
        """
        ...

    async def files(self) -> list[str]:
        """Return the paths of the workspace's files."""
        ...

    async def read_file(self, path: str, limit_chars: int = 1_000_000) -> str:
        """Return the text of a file of the workspace, at most `limit_chars` of it.

        Raises:
            NotFound, InvalidInput: when there is no such file, or it is not text.
        """
        ...

    async def write_file(self, path: str, content: str) -> None:
        """Write a file of the workspace."""
        ...

    async def spent(self) -> float | None:
        """Return what the run's model calls cost so far in US dollars; None when a price is not known."""
        ...

    async def added_context(self) -> list[str]:
        """Return what the person said to the run since it began, at the moment of this boundary."""
        ...


class Mode(Protocol):
    """A way of working."""

    spec: ClassVar[ModeSpec]

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Do the task and return the result, a JSON object with at least `summary`."""
        ...


__all__ = [
    "AGENT_KEYS",
    "Answer",
    "ApprovalMode",
    "ApprovalType",
    "Hop",
    "HopBrief",
    "HopInput",
    "HopStatus",
    "Mode",
    "ModeConfig",
    "ModeSpec",
    "ModelCallFailed",
    "NotJson",
    "OnExpiry",
    "Permission",
    "PlanRejected",
    "Profile",
    "Question",
    "Reply",
    "Resolution",
    "ResourceLimits",
    "RunContext",
    "Said",
    "StepFailed",
    "StepResult",
    "StepSpec",
    "ToolCallFailed",
    "ToolCategory",
    "ToolOutcome",
    "ToolUse",
]
