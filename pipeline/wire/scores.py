"""Score updates: core values ⇄ Avro bytes (`schemas/score_update.avsc`)."""

from __future__ import annotations

from typing import TypedDict, cast

from pipeline.core.updates import Group, PaneRow, ScoreUpdate, WindowRow
from pipeline.wire.avro import codec


class _Measure(TypedDict):
    measure: str
    scale: str


class _Pane(TypedDict):
    hour: int
    counts: list[int]


class _Window(TypedDict):
    window: str
    window_end: int
    counts: list[int]


class _Update(TypedDict):
    group: dict[str, str]
    partition: int
    version: int
    as_of: int
    emitted_at: int
    last_response_at: int
    measures: list[_Measure]
    panes: list[_Pane]
    windows: list[_Window]
    repairs: list[int]


def encode_score(update: ScoreUpdate) -> bytes:
    """Single-object bytes of one update."""
    return codec("score_update").encode(
        {
            "group": update.group._asdict(),
            "partition": update.partition,
            "version": update.version,
            "as_of": update.as_of,
            "emitted_at": update.emitted_at,
            "last_response_at": update.last_response_at,
            "measures": [{"measure": m, "scale": s} for m, s in update.measures],
            "panes": [{"hour": p.hour, "counts": p.counts} for p in update.panes],
            "windows": [
                {"window": w.window, "window_end": w.window_end, "counts": w.counts}
                for w in update.windows
            ],
            "repairs": update.repairs,
        }
    )


def decode_score(value: bytes) -> ScoreUpdate:
    """The update in `value`. Raises SchemaError when the bytes are none."""
    raw = cast(_Update, codec("score_update").decode(value))
    return ScoreUpdate(
        group=Group(**raw["group"]),
        partition=raw["partition"],
        version=raw["version"],
        as_of=raw["as_of"],
        emitted_at=raw["emitted_at"],
        last_response_at=raw["last_response_at"],
        measures=tuple((m["measure"], m["scale"]) for m in raw["measures"]),
        panes=tuple(PaneRow(p["hour"], tuple(p["counts"])) for p in raw["panes"]),
        windows=tuple(
            WindowRow(w["window"], w["window_end"], tuple(w["counts"])) for w in raw["windows"]
        ),
        repairs=tuple(raw["repairs"]),
    )
