"""Which life of the responses topic its records belong to."""

from __future__ import annotations

from typing import Final

FIRST: Final = 1


def current_generation() -> int:
    """The generation of raw records, which do not carry one themselves.

    It is 1 until a command of a later release re-creates the topic and starts the next; scores and
    ledger entries name their own.
    """
    return FIRST
