"""Appends until it is killed, and prints each number it was given, once it has been given it."""

import sys

from perdure.store.store import Store
from tests.factories import KEY, line


def main(url: str, session_id: str) -> None:
    """Append in several shapes for ever."""
    store = Store(url, secret_key=KEY, durability="full")
    store.open()
    number = 0
    while True:
        number += 1
        if number % 3:
            acknowledged = store.append_now(session_id, [line(f"{number}")])
        else:
            acknowledged = store.write_now(lambda tx: tx.append(session_id, line("a"), line("b")))
        sys.stdout.write("".join(f"{seq}\n" for seq in acknowledged))
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
