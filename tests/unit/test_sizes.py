"""One idea a module, one step a function: what is longer than a screen or two hides something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import loadtest
import pipeline

MODULE_LINES: Final = 350
FUNCTION_LINES: Final = 40
"""Signature and docstring included."""

ROOTS: Final = tuple(Path(package.__path__[0]) for package in (pipeline, loadtest))


def too_long(name: str, text: str) -> Iterator[str]:
    """What in a module is longer than it may be."""
    if (lines := len(text.splitlines())) > MODULE_LINES:
        yield f"{name} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{name}:{node.lineno} {node.name} has {lines} lines"


def test_no_module_and_no_function_is_too_long() -> None:
    modules = [(path, root.parent) for root in ROOTS for path in root.rglob("*.py")]
    assert len(modules) > 200
    assert not [
        found
        for path, top in modules
        for found in too_long(str(path.relative_to(top)), path.read_text())
    ]


def test_what_is_one_line_too_long_is_found() -> None:
    body = "    x = 1\n"
    assert not list(too_long("m.py", "def f():\n" + body * (FUNCTION_LINES - 1)))
    assert list(too_long("m.py", "async def f():\n" + body * FUNCTION_LINES)) == [
        f"m.py:1 f has {FUNCTION_LINES + 1} lines"
    ]
    assert not list(too_long("m.py", "x = 1\n" * MODULE_LINES))
    assert list(too_long("m.py", "x = 1\n" * (MODULE_LINES + 1))) == [
        f"m.py has {MODULE_LINES + 1} lines"
    ]
