"""What an answer to a question must hold: a plan that makes sense, an answer that fits its schema.

Checked before anything is stored, so that a refused answer leaves its question waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator

from perdure.core.approvals import Approval, ApprovalType, Resolution
from perdure.core.plan_check import check_steps
from perdure.errors import InvalidInput

MOST_STEPS = 30
MODIFICATIONS_SCHEMA = "modifications_schema"
"""Key of a question's data that says how an edited subject looks; plans and tool calls need none."""


def check_response(
    approval: Approval,
    resolution: Resolution,
    *,
    feedback: str | None = None,
    modifications: Any = None,
    answer: Any = None,
) -> dict[str, Any]:
    """Return the response to store: feedback, modifications and answer, checked and in one spelling.

    An edited plan comes back as `{"steps": [...]}`, whether it was sent so or as a bare list. To a question
    with one field, its bare value is an answer too.

    Raises:
        InvalidInput: naming the field, when something is missing or does not fit the question.
    """
    if resolution is Resolution.MODIFY:
        modifications = _modifications(approval, modifications)
    if resolution is Resolution.ANSWER or (answer is not None and approval.answer_schema is not None):
        answer = _answer(approval, answer, feedback)
    given = {"feedback": feedback, "modifications": modifications, "answer": answer}
    return {key: value for key, value in given.items() if value is not None}


def _modifications(approval: Approval, modifications: Any) -> Any:
    if modifications is None:
        raise InvalidInput(
            "Send `modifications`: what it is to be instead, or choose another answer.", field="modifications"
        )
    match approval.request_type:
        case ApprovalType.PLAN:
            return _plan(approval.request_data, modifications)
        case ApprovalType.TOOL:
            return _arguments(approval.request_data, modifications)
        case _:
            schema = approval.request_data.get(MODIFICATIONS_SCHEMA)
            if isinstance(schema, Mapping):
                _check(cast("Mapping[str, Any]", schema), modifications, "modifications")
            return modifications


def _plan(data: Mapping[str, Any], modifications: Any) -> dict[str, Any]:
    steps: Any = modifications
    if isinstance(modifications, Mapping):
        sent = cast("Mapping[str, Any]", modifications)
        if "steps" not in sent:
            raise InvalidInput(
                'A plan is sent as {"steps": [...]} or as the list of its steps.', field="modifications.steps"
            )
        steps = sent["steps"]
    agents, most = data.get("agents"), data.get("max_steps")
    checked = check_steps(
        steps,
        agents=cast("list[str]", agents) if isinstance(agents, list) else None,
        most=most if isinstance(most, int) else MOST_STEPS,
        field="modifications.steps",
    )
    return {"steps": checked}


def _arguments(data: Mapping[str, Any], modifications: Any) -> dict[str, Any]:
    inner: Any = modifications
    if isinstance(modifications, Mapping):
        sent = cast("Mapping[str, Any]", modifications)
        inner = sent.get("arguments", sent)
    if not isinstance(inner, Mapping):
        raise InvalidInput(
            "The arguments of a tool are an object: a value for each name.", field="modifications"
        )
    parameters = data.get("parameters")
    if isinstance(parameters, Mapping):
        _check(cast("Mapping[str, Any]", parameters), inner, "modifications.arguments")
    return {"arguments": dict(cast("Mapping[str, Any]", inner))}


def _answer(approval: Approval, answer: Any, feedback: str | None) -> Any:
    schema = approval.answer_schema
    if schema is None:
        if answer is None and not feedback:
            raise InvalidInput("Send `answer`.", field="answer")
        return answer
    if answer is None:
        names = ", ".join(schema.get("properties") or [])
        raise InvalidInput("Send `answer`" + (f" with {names}." if names else "."), field="answer")
    fitting = _in_shape(schema, answer)
    _check(schema, fitting, "answer")
    return fitting


def _in_shape(schema: Mapping[str, Any], answer: Any) -> Any:
    """Return the answer as the schema spells it: a lone value in its field, digits as the number they are."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return answer
    fields = cast("Mapping[str, Mapping[str, Any]]", properties)
    if not isinstance(answer, Mapping):
        if len(fields) != 1:
            return answer
        answer = {next(iter(fields)): answer}
    return {
        name: _in_type(fields.get(name, {}), value)
        for name, value in cast("Mapping[str, Any]", answer).items()
    }


def _in_type(schema: Mapping[str, Any], value: Any) -> Any:
    if schema.get("type") == "integer" and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value


def _check(schema: Mapping[str, Any], value: Any, field: str) -> None:
    errors = [
        {"field": ".".join([field, *(str(part) for part in path)]), "message": message, "type": "answer"}
        for path, message in sorted(_faults(schema, value), key=lambda fault: [str(p) for p in fault[0]])
    ]
    if errors:
        sentence = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
        raise InvalidInput(sentence, field=errors[0]["field"], errors=errors)


def _faults(schema: Mapping[str, Any], value: Any) -> list[tuple[list[Any], str]]:
    found: list[tuple[list[Any], str]] = []
    validator: Any = Draft202012Validator(dict(schema))
    for error in validator.iter_errors(value):
        path = list(error.absolute_path)
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            found += [([*path, name], "This is needed.") for name in missing]
        elif isinstance(error.instance, str) and not error.instance.strip():
            found.append((path, "This may not be empty."))
        else:
            found.append((path, f"{error.message}."))
    return [fault for at, fault in enumerate(found) if fault not in found[:at]]
