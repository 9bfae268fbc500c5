"""A score update of very many hours goes out in several messages."""

from __future__ import annotations

from pipeline.core.updates import MOST_ROWS, Group, PaneRow, ScoreUpdate, WindowRow, in_parts


def test_every_row_is_told_once_and_no_message_is_too_long() -> None:
    update = ScoreUpdate(
        group=Group("a", "b", "c", "d"),
        partition=0,
        version=1,
        as_of=1,
        emitted_at=1,
        last_response_at=1,
        measures=(("response", "count"),),
        panes=tuple(PaneRow(hour, (1, 0, 0, 0, 0, 0)) for hour in range(2 * MOST_ROWS + 3)),
        windows=(WindowRow("1h", 60_000, (1, 0, 0, 0, 0, 0)),),
        repairs=tuple(range(MOST_ROWS + 1)),
    )
    parts = list(in_parts(update))
    assert [row for part in parts for row in part.panes] == list(update.panes)
    assert [hour for part in parts for hour in part.repairs] == list(update.repairs)
    assert [row for part in parts for row in part.windows] == list(update.windows)
    assert max(len(part.panes) for part in parts) <= MOST_ROWS
