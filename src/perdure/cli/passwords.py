"""Where a password comes from: a prompt, standard input, or chance; never an argument."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from perdure.cli.answering import is_interactive
from perdure.errors import InvalidInput

FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password up and print it.")]

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def from_stdin() -> str:
    """Return the first line of standard input.

    Raises:
        InvalidInput: when it is empty.
    """
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise InvalidInput("Standard input holds no password.")
    return password


def ask(prompt: str = "Password") -> str:
    """Ask at the terminal, unseen.

    Raises:
        InvalidInput: when there is no terminal.
    """
    if not is_interactive():
        raise InvalidInput("There is no terminal to ask for a password at: use --password-stdin.")
    return typer.prompt(prompt, hide_input=True, err=True)


def new(stdin: bool, generate: bool) -> tuple[str, bool]:
    """Return a new password, and whether it was made up and has to be shown.

    Raises:
        InvalidInput: when both ways are asked for, or neither is possible.
    """
    if stdin and generate:
        raise InvalidInput("Choose one of --password-stdin and --generate.")
    if stdin:
        return from_stdin(), False
    if generate:
        return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(5)), True
    if not is_interactive():
        raise InvalidInput(
            "There is no terminal to ask for a password at: use --password-stdin or --generate."
        )
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True), False
