"""Help with a misspelt code, for error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def known(name: str, names: Iterable[str], place: str) -> str:
    """`'trees' is not in agencies.yaml; did you mean 'treas'?`, or without the question."""
    near = get_close_matches(name, sorted(names), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; add it there or correct it"
    return f"{name!r} is not in {place}{hint}"
