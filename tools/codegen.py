"""Writes the OpenAPI document and the TypeScript types made from it; both are committed."""

import hashlib
import subprocess

from tools.environment import PYTHON, ROOT, node, say
from tools.webbuild import UI, install_packages

SCHEMA = UI / "schema" / "openapi.json"
TYPES = UI / "src" / "gen" / "api.d.ts"
GENERATOR = UI / "codegen"


def first_line(schema: bytes) -> str:
    """What api.d.ts must start with for this schema: lets a test see staleness without Node."""
    return f"// Made by ./dev codegen from schema/openapi.json, sha256 {hashlib.sha256(schema).hexdigest()}"


def run() -> None:
    say("ui/schema/openapi.json")
    document = subprocess.run(
        [PYTHON, "-m", "perdure.api.openapi"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout
    SCHEMA.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA.write_bytes(document)

    say("ui/src/gen/api.d.ts")
    install_packages(node(), with_tests=True, cwd=GENERATOR)
    TYPES.parent.mkdir(parents=True, exist_ok=True)
    node().run("node_modules/openapi-typescript/bin/cli.js", SCHEMA, "--output", TYPES, cwd=GENERATOR)
    TYPES.write_text(f"{first_line(document)}\n{TYPES.read_text()}")
