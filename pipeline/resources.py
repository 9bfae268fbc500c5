"""Where the files that ship with the code are: `schemas/` and `deploy/`, checkout or wheel."""

from __future__ import annotations

from pathlib import Path


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder, such as `resource("schemas", "ledger_entry.avsc")`.

    A wheel carries both folders in `pipeline/_resources`; a checkout has them beside `pipeline`.
    """
    package = Path(__file__).resolve().parent
    packed = package / "_resources"
    root = packed if packed.is_dir() else package.parent
    return root.joinpath(*parts)
