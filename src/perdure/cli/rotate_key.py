"""`perdure rotate-key`: a new secret key, and everything that is encrypted sealed with it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.exits import Exit
from perdure.cli.options import AsJson
from perdure.config import load_settings


def rotate_key(
    retire: Annotated[
        bool, typer.Option("--retire", help="Add no key; drop the old ones that seal nothing any more.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Folder that holds secret.key.")] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="Address of the database; default: the configured one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new secret key and seal everything with it, also while servers run.

    Cut off, run it again: it goes on. Servers that read PERDURE_SECRET_KEY need the new value first: it is
    printed, and the next call seals. Ends with exit code 1 when values are left that no key here opens.
    """
    from perdure.store import keyring_rotation

    settings = load_settings(data_dir=data, database_url=database)
    setting = settings.secret_key.get_secret_value() if settings.secret_key else None
    change = keyring_rotation.retire if retire else keyring_rotation.rotate
    result = change(
        settings.url,
        key_file=None if setting else settings.data_dir / "secret.key",
        setting=setting,
        progress=_show,
    )
    if as_json:
        output.print_json(asdict(result))
    elif result.setting is not None:
        output.note(
            "Set this on every server in place of PERDURE_SECRET_KEY and start them again" + _then(retire)
        )
        output.line(result.setting)
    else:
        _say(result)
    if result.left:
        lost = ", ".join(str(key) for key in result.missing) or "older keys"
        output.complain(
            f"{sum(result.left.values())} values are still sealed with other keys; not to be opened here: {lost}. "
            "Put the missing key back, or run this again."
        )
        raise typer.Exit(Exit.FAILED)


def _say(result: object) -> None:
    from perdure.store.keyring_rotation import Rotation

    assert isinstance(result, Rotation)
    if result.added:
        output.line(f"Key {result.newest} is new; running servers notice it by themselves.")
    output.line(f"{result.resealed} values were sealed anew with key {result.newest}.")
    if result.retired:
        output.line(f"Dropped: {', '.join(f'key {key}' for key in result.retired)}.")
    elif not result.left:
        output.note(
            "`perdure rotate-key --retire` drops the old keys. Backups made before need them: keep those apart."
        )


def _then(retire: bool) -> str:
    return "." if retire else "; then run `perdure rotate-key` again to seal everything with the new key."


def _show(done: int, wanted: int) -> None:
    if done and (done % 1000 == 0 or done == wanted):
        output.note(f"{done} of {wanted}")
