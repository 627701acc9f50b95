"""Approvals on the wire."""

from __future__ import annotations

from typing import Any, cast

from pydantic import AliasChoices, Field, model_validator

from perdure.api.wire.base import AuthorOut, Body, Json, ListPage, Wire, WireTime
from perdure.core.approvals import Approval, ApprovalStatus, ApprovalType, OnExpiry, Resolution


class ApprovalOut(Wire):
    """A question that waits for a person, or waited."""

    approval_id: str
    id: str
    session_id: str
    run_id: str
    step_id: str | None
    request_type: ApprovalType
    title: str
    request_data: Json
    options: list[str]
    answer_schema: Json | None
    status: ApprovalStatus
    resolution: Resolution | None
    deadline: WireTime | None
    on_expiry: OnExpiry
    response_data: Json | None
    responded_by: str | None
    answered_by: AuthorOut | None
    responded_at: WireTime | None
    created_at: WireTime

    @classmethod
    def of(cls, approval: Approval) -> ApprovalOut:
        """Return the wire form."""
        answered_by = approval.answered_by
        return cls(
            approval_id=approval.id,
            answered_by=AuthorOut.of(answered_by) if answered_by else None,
            **approval.model_dump(exclude={"key", "responded_by_id"}),
        )


class ApprovalPage(ListPage):
    """Questions, those whose deadline is nearest first."""

    approvals: list[ApprovalOut]


class ApprovalAnswer(Body):
    """The answer in any accepted spelling: `resolution`, or `approved: true`, or `approve: true`."""

    resolution: str | None = None
    approved: bool | None = Field(None, validation_alias=AliasChoices("approved", "approve"))
    feedback: str | None = Field(None, validation_alias=AliasChoices("feedback", "comment"))
    modifications: Any = None
    answer: Any = None

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, data: Any) -> Any:
        if isinstance(data, dict):
            fields = cast("dict[str, Any]", data)
            for key in ("status", "decision", "action"):
                if "resolution" not in fields and isinstance(fields.get(key), str):
                    return {**fields, "resolution": fields[key]}
        return cast("Any", data)


class ApprovalAnswered(ApprovalOut):
    """The approval with its outcome."""

    success: bool = True

    @classmethod
    def of(cls, approval: Approval) -> ApprovalAnswered:
        """Return the wire form."""
        return cls.model_validate(ApprovalOut.of(approval).model_dump())
