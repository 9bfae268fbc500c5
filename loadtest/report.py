"""Results as JSON and as a Markdown table, printed and kept in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from loadtest.result import Result


def as_json(
    results: Sequence[Result], machine: Mapping[str, str], sizes: Mapping[str, float], began: str
) -> str:
    """Everything, samples included."""
    lines = [
        {**asdict(result), "value": result.value, "verdict": result.verdict} for result in results
    ]
    body = {"began": began, "machine": machine, "sizes": sizes, "results": lines}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def as_markdown(results: Sequence[Result], machine: Mapping[str, str], began: str) -> str:
    """A table to read, and below it the machine."""
    lines = [
        "| measured | median | min – max | unit | target | |",
        "|---|---:|---:|---|---:|---|",
    ]
    for result in results:
        span = f"{shown(min(result.samples))} – {shown(max(result.samples))}"
        cells = (
            result.name,
            shown(result.value),
            span if len(result.samples) > 1 else "",
            result.unit,
            result.target,
            result.verdict,
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Begun {began}. " + " · ".join(f"{k} {v}" for k, v in machine.items())]
    return "\n".join(lines) + "\n"


def shown(value: float) -> str:
    """Three digits that matter: `84,200`, `312`, `31.2`, `1.84`."""
    if value >= 1000:
        return f"{round(value, -2):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def keep(folder: Path, markdown: str, body: str) -> None:
    """Write `latest.md` and `latest.json`; a run that is cut off leaves the earlier ones whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("latest.md", markdown), ("latest.json", body)):
        draft = folder / f"{name}.tmp"
        draft.write_text(text, encoding="utf-8")
        draft.replace(folder / name)
