"""The description of the whole interface: REST, socket frames and every event type in one document.

`python -m perdure.api.openapi` prints it without opening any storage.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from perdure.api.socket.protocol import ClientFrame, FirstFrame, ServerFrame
from perdure.api.wire.problems import Problem, problem_answers

_REF = "#/components/schemas/{model}"
Schema = dict[str, Any]
PUBLIC = "x-public"
"""Set in `openapi_extra` of routes that answer without sign-in."""


def operation_id(route: APIRoute) -> str:
    """Return the route's function name: the name of the call in generated clients."""
    return route.name


def describe(app: FastAPI) -> Schema:
    """Return the OpenAPI document of `app` with socket frames and events among its schemas."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=True,
    )
    schemas: Schema = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in _wire_schemas().items():
        if name in schemas and _plain(schemas[name]) != _plain(schema):
            raise ValueError(f"Two different schemas are called {name}.")
        schemas[name] = schema
    _drop_framework_parts(document)
    _say_who_may_call(document)
    return cast("Schema", _plain(document))


def canonical(document: Schema) -> str:
    """Return the document as text that only changes when its meaning does."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _wire_schemas() -> Schema:
    parts = {
        "ServerFrame": TypeAdapter[Any](cast("Any", ServerFrame)).json_schema(
            mode="serialization", ref_template=_REF
        ),
        "ClientFrame": TypeAdapter[Any](ClientFrame).json_schema(mode="validation", ref_template=_REF),
        "FirstFrame": TypeAdapter(FirstFrame).json_schema(mode="validation", ref_template=_REF),
        "Problem": TypeAdapter(Problem).json_schema(mode="serialization", ref_template=_REF),
    }
    found: Schema = {}
    for name, schema in parts.items():
        found.update(schema.pop("$defs", {}))
        found[name] = schema
    return found


def _drop_framework_parts(document: Schema) -> None:
    """Take out FastAPI's own validation answer: ours is a problem document."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            answer = operation.get("responses", {}).get("422", {}).get("content", {})
            if "application/problem+json" in answer or "HTTPValidationError" in json.dumps(answer):
                answer.pop("application/json", None)
                answer["application/problem+json"] = {"schema": {"$ref": _REF.format(model="Problem")}}


def _say_who_may_call(document: Schema) -> None:
    """Add the credentials, and the answers that every route can give to whoever lacks them."""
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API key."}
    }
    common = {str(status): answer for status, answer in problem_answers(401, 403, 429).items()}
    for path, methods in document["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in methods.values():
            answers = operation.setdefault("responses", {})
            public = bool(operation.pop(PUBLIC, False))
            if not public:
                operation["security"] = [{"bearer": []}, {}]  # the empty one: no sign-in in local mode
            for status in ("403", "429") if public else ("401", "403", "429"):
                answers.setdefault(status, common[status])


def _plain(node: Any) -> Any:
    """Drop the titles that pydantic makes from names; a property called `title` stays."""
    if isinstance(node, dict):
        items = cast("dict[str, Any]", node).items()
        return {
            key: _plain(value) for key, value in items if not (key == "title" and _is_made_title(node, value))
        }
    return [_plain(item) for item in cast("list[Any]", node)] if isinstance(node, list) else node


def _is_made_title(node: Any, value: Any) -> bool:
    return isinstance(value, str) and "version" not in node


def main() -> None:
    """Print the document."""
    from perdure.api.app import describe_app

    sys.stdout.write(canonical(describe_app()))


if __name__ == "__main__":
    main()
