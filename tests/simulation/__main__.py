"""`python -m tests.simulation --schedules 100000`, or `--seed 7` for one, told event by event."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from tests.simulation.run import Played, play, play_all

EVERY = 50
"""Schedules between two looks at the clock: some seconds."""


def main() -> int:
    """Exit code 1 when a schedule failed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many to play")
    parser.add_argument("--first", type=int, default=0, help="the first seed of them")
    parser.add_argument("--seed", type=int, help="play this one, and tell what happens")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else its processes stay
    try:
        if wanted.seed is not None:
            return _report([play(wanted.seed, _say)], 1)
        seeds = range(wanted.first, wanted.first + wanted.schedules)
        return _report(_play_all(seeds), len(seeds))
    except KeyboardInterrupt:
        return 130


def _play_all(seeds: range) -> list[Played]:
    failed = []
    began = time.perf_counter()
    for number, played in enumerate(play_all(seeds), 1):
        if played.faults:
            failed.append(played)
            sys.stderr.write(f"\n{played}\n")
        if number % EVERY == 0 and sys.stderr.isatty():
            each = (time.perf_counter() - began) / number
            left = each * (len(seeds) - number)
            sys.stderr.write(f"\r{number} schedules, {len(failed)} failed, {left:.0f} s left ")
    return failed


def _report(failed: list[Played], number: int) -> int:
    found = [played for played in failed if played.faults]
    _say("\n".join(map(str, found)) if number == 1 and found else f"{number} schedules played")
    if found:
        _say(f"{len(found)} failed: " + ", ".join(f"SEED={played.seed}" for played in found))
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
