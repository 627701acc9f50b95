"""The `perdure` command: one file for each group of commands."""

from __future__ import annotations


def main() -> None:
    """Run the command that the arguments name."""
    from perdure.cli.app import app

    app()
