"""Score topic → tables `score_panes` and `rolling_scores`, one row a measure: the hot path here.

Windows are what somebody watches live: they are written at once, panes a little later and fewer,
since inside a batch only the highest version of a key is kept (the table drops the others anyway).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from pipeline.core.updates import GENERATION_SHIFT, Group, ScoreUpdate
from pipeline.core.vocabulary import SLOTS
from pipeline.core.windows import WINDOWS
from pipeline.errors import SchemaError
from pipeline.sink.rows import Block, Converted, Note, Record, Refused
from pipeline.wire.scores import decode_score

PANES: Final = "score_panes"
ROLLING: Final = "rolling_scores"
_SECOND: Final = 1000
_LENGTHS: Final = {w.name: w.pane * w.panes // _SECOND for w in WINDOWS}

Measures = tuple[tuple[str, str], ...]
_PaneKey = tuple[Group, int, int, Measures, int]
_WindowKey = tuple[Group, int, int, Measures, str, int]
_Counts = tuple[int, ...]


def windows(records: Sequence[Record]) -> Converted:
    """Rows of the newest windows in `records`. What is no update is for `panes` to refuse."""
    newest: dict[_WindowKey, tuple[ScoreUpdate, _Counts]] = {}
    for update in _updates(records):
        if isinstance(update, Refused):
            continue
        origin = (update.group, update.version >> GENERATION_SHIFT, update.partition)
        for window in update.windows:
            key = (*origin, update.measures, window.window, window.window_end)
            known = newest.get(key)
            if known is None or known[0].version <= update.version:
                newest[key] = (update, window.counts)
    return Converted((_window_block(newest),) if newest else ())


def panes(records: Sequence[Record]) -> Converted:
    """Rows of the newest panes in `records`, the repair notes, and what is no update."""
    newest: dict[_PaneKey, tuple[ScoreUpdate, _Counts]] = {}
    refused: list[Refused] = []
    notes: list[Note] = []
    for record, update in zip(records, _updates(records), strict=True):
        if isinstance(update, Refused):
            refused.append(update)
            continue
        origin = (update.group, update.version >> GENERATION_SHIFT, update.partition)
        for pane in update.panes:
            key = (*origin, update.measures, pane.hour)
            known = newest.get(key)
            if known is None or known[0].version <= update.version:
                newest[key] = (update, pane.counts)
        if update.repairs:
            notes.append(_note(update, (record.partition, record.offset)))
    blocks = (_pane_block(newest),) if newest else ()
    return Converted(blocks, tuple(refused), tuple(notes))


def convert(records: Sequence[Record]) -> Converted:
    """All that `windows` and `panes` find."""
    told = panes(records)
    return replace(told, blocks=windows(records).blocks + told.blocks)


def _updates(records: Iterable[Record]) -> Iterator[ScoreUpdate | Refused]:
    for record in records:
        try:
            yield _checked(decode_score(record.value or b""))
        except SchemaError:
            yield Refused(record)


def _checked(update: ScoreUpdate) -> ScoreUpdate:
    """Raises SchemaError when the counts do not match the measures, or a window is unknown."""
    width = SLOTS * len(update.measures)
    widths = {len(pane.counts) for pane in update.panes}
    widths.update(len(window.counts) for window in update.windows)
    if widths - {width}:
        raise SchemaError(f"score_update: not the {width} counts of its measures")
    for window in update.windows:
        if window.window not in _LENGTHS:
            raise SchemaError("score_update: a window that is not one of " + ", ".join(_LENGTHS))
    return update


def _note(update: ScoreUpdate, source: tuple[int, int]) -> Note:
    return Note(
        group=update.group,
        partition=update.partition,
        version=update.version,
        measures=update.measures,
        hours=update.repairs,
        as_of=update.as_of,
        last_response_at=update.last_response_at,
        source=source,
    )


def _pane_block(panes: dict[_PaneKey, tuple[ScoreUpdate, _Counts]]) -> Block:
    columns = _common(panes.values())
    hours: list[int] = []
    for _, _, _, measures, hour in panes:
        hours += [hour // _SECOND] * len(measures)
    columns["hour"] = hours
    return Block(PANES, columns)


def _window_block(windows: dict[_WindowKey, tuple[ScoreUpdate, _Counts]]) -> Block:
    columns = _common(windows.values())
    names: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for _, _, _, measures, name, end_ms in windows:
        times = len(measures)
        end = end_ms // _SECOND
        names += [name] * times
        ends += [end] * times
        starts += [end - _LENGTHS[name]] * times
    emitted: list[int] = []
    for update, _ in windows.values():
        emitted += [update.emitted_at] * len(update.measures)
    columns |= {"window": names, "window_start": starts, "window_end": ends, "emitted_at": emitted}
    return Block(ROLLING, columns)


def _common(rows: Iterable[tuple[ScoreUpdate, _Counts]]) -> dict[str, Sequence[object]]:
    """The columns that both tables share, a row for each measure of each item."""
    text: tuple[list[str], ...] = ([], [], [], [], [], [])
    numbers: tuple[list[int], ...] = ([], [], [], [], [])
    counts: list[_Counts] = []
    for update, flat in rows:
        times = len(update.measures)
        for column, code in zip(text, update.group, strict=False):
            column += [code] * times
        text[4].extend(measure for measure, _ in update.measures)
        text[5].extend(scale for _, scale in update.measures)
        facts = (
            update.version >> GENERATION_SHIFT,
            update.partition,
            update.version,
            update.last_response_at,
            update.as_of,
        )
        for values, fact in zip(numbers, facts, strict=True):
            values += [fact] * times
        counts += [flat[at : at + SLOTS] for at in range(0, len(flat), SLOTS)]
    names = ("agency", "service", "channel", "survey", "measure", "scale")
    figures = ("generation", "partition", "version", "last_response_at", "as_of")
    return {
        **dict(zip(names, text, strict=True)),
        **dict(zip(figures, numbers, strict=True)),
        "counts": counts,
    }
