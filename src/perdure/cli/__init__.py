"""The `perdure` command: one file for each group of commands."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command that the arguments name."""
    gc.disable()  # what is imported stays: to search it for garbage again and again takes a fifth of a start
    from perdure.cli.app import app

    gc.enable()
    app()
