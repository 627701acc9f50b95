"""The seam between agents and the engine: every model request and tool call is a durable operation.

Written on pydantic-ai's public surface for durable engines (`pydantic_ai.durable_exec`). Records are
JSON; event streams are live only and never recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from dbos import DBOS
from dbos import error as dbos_error
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    CallableOperationBackend,
    DurabilityEngineSpec,
    EventStreamHandlerId,
    JournalOperationNamer,
    ModelRequestId,
    RoleBasedOperationConfig,
)

from perdure.engine.operations import RunCancelled


class AgentOperations(Protocol):
    """What an agent's operations are carried out by."""

    async def model_request(self, name: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Make a model call, once."""
        ...

    async def other(self, name: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Call a tool, or discover tools, once."""
        ...


class _Backend(CallableOperationBackend[dict[str, Any]]):
    def __init__(self, name: str, operations: AgentOperations) -> None:
        super().__init__(
            namer=JournalOperationNamer(name),
            config=RoleBasedOperationConfig(model={}, event={}, capability={}, tool={}),
        )
        self._operations = operations

    async def execute(
        self, *, operation_id: Any, name: str, body: Callable[[], Awaitable[Any]], cache_key: Any, config: Any
    ) -> Any:
        if isinstance(operation_id, EventStreamHandlerId):
            return await body()
        if isinstance(operation_id, ModelRequestId):
            return await self._operations.model_request(name, body)
        return await self._operations.other(name, body)


class PerdureDurability(BaseDurabilityCapability[Any]):
    """Makes one agent's model requests and tool calls operations of a run."""

    engine_spec = DurabilityEngineSpec(
        engine_name="Perdure",
        durable_unit_noun="step",
        durable_container_noun="run",
        codec=JSON_CODEC,
        cancellation_error_types=(
            dbos_error.DBOSWorkflowCancelledError,
            dbos_error.DBOSWorkflowConflictIDError,
            RunCancelled,
        ),
    )

    def __init__(self, operations: AgentOperations, **options: Any) -> None:
        super().__init__(**options)
        self._operations = operations

    @property
    def in_durable_context(self) -> bool:
        """Whether a workflow executes, and not one of its steps."""
        return DBOS.workflow_id is not None and DBOS.step_id is None

    def get_durable_operation_backend(self) -> _Backend:
        """Return the backend of this agent."""
        return _Backend(self.name, self._operations)
