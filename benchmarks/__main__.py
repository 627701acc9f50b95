"""`./dev bench [names] [--quick] [--peers]`: run the benchmarks named, or all."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks import report
from benchmarks.harness import Result, Scale

NAMES = (
    "append",
    "tail",
    "burst",
    "saving",
    "listing",
    "replay",
    "size",
    "engine",
    "rest",
    "startup",
    "fanout",
    "documents",
    "console",
)


def run_one(name: str, scale: Scale) -> list[Result]:
    """Run a benchmark by its name."""
    module = "benchmarks.peers.compare" if name == "peers" else f"benchmarks.{name}"
    return importlib.import_module(module).run(scale)


def main() -> int:
    """Run, print the table, and write it down; the exit code is 1 when something was lost."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds in all; checks the mechanics only"
    )
    parser.add_argument(
        "--peers", action="store_true", help="other libraries too, each in an environment of its own"
    )
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in (*NAMES, "peers")]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    names: list[str] = list(options.names or NAMES)
    if options.peers and "peers" not in names:
        names.append("peers")
    scale = Scale(quick=options.quick, peers=options.peers)
    results: list[Result] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        found = run_one(name, scale)
        print(report.table(found), file=sys.stderr, flush=True)
        results += found
        report.write(results, options.quick)  # what has been measured stays, whatever comes next
    path = report.write(results, options.quick)
    print(report.table(results))
    print(f"\nWritten to {path}", file=sys.stderr)
    return 1 if any(result.lost for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
