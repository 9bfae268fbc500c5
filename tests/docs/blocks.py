"""The code blocks of the documents, so that what they show is what is tested."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    text = document.read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]


def commands() -> list[tuple[str, str]]:
    """(document, line) of every `cxpulse` command shown, without shell prompts."""
    return [
        (document.name, line.strip())
        for document in DOCUMENTS
        for block in blocks(document, "sh")
        for line in block.splitlines()
        if line.strip().startswith("cxpulse")
    ]
