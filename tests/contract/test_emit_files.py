"""Files through the real broker: every good line arrives once, every other is told by its place."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from pipeline.emit.files import LISTED, FileReport, emit_files
from pipeline.errors import InputError
from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.fixtures.emitted import read_emitted

pytestmark = pytest.mark.broker

AT = 1_714_564_800_000


def record(number: int, **changes: object) -> dict[str, object]:
    return {
        "event_id": str(uuid.UUID(int=number)),
        "occurred_at": AT + number,
        "agency": "va",
        "service": "va-vha",
        "channel": "email",
        "survey": "va-vha-post-visit",
        "answers": {"trust": 1 + number % 5},
        **changes,
    }


async def emit(settings: Settings, *paths: Path) -> FileReport:
    return await emit_files(settings, paths, None, lambda report: None, asyncio.Event())


async def test_csv_and_json_lines_carry_the_same_responses(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    whole = {"location": "office-01", "comment": 'said "no",\nthen left', "retracted": False}
    wanted = [record(i, **whole) for i in range(2500)]
    csv, lines = tmp_path / "a.csv", tmp_path / "b.jsonl"
    head = "event_id,occurred_at,agency,service,channel,survey,trust,location,comment\n"
    csv.write_text(
        head
        + "".join(
            f"{r['event_id']},{r['occurred_at']},va,va-vha,email,va-vha-post-visit,"
            f'{1 + i % 5},office-01,"said ""no"",\nthen left"\n'
            for i, r in enumerate(wanted)
        )
    )
    lines.write_text("".join(json.dumps(r) + "\n" for r in wanted))
    report = await emit(settings, csv, lines)
    assert (report.lines, report.sending.sent, report.listed) == (5000, 5000, [])
    assert report.bytes == report.size
    assert [e.record for e in await read_emitted(settings)] == wanted + wanted


async def test_refused_lines_are_told_by_file_line_field_and_reason_only(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    bad = [
        json.dumps(record(1, answers={"trust": 6})),
        json.dumps(record(2, comment="private " * 2000)),
        json.dumps(record(3, occurred_at="2024-05-01 12:00")),
        "private words",
    ]
    path.write_text("\n".join([json.dumps(record(0)), *bad, json.dumps(record(4))]))
    report = await emit(settings, path)
    assert report.sending.sent == 2
    assert [line.removeprefix(f"{path}:") for line in report.listed] == [
        "2: answers.trust: value_out_of_scale",
        "3: comment: comment_too_long",
        "4: occurred_at: no_time_zone (end the time with Z or an offset such as -05:00)",
        "5: not_json",
    ]
    assert sum(report.sending.refused.values()) == 4


async def test_a_bad_file_does_not_flood_the_report(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("x\n" * 500)
    report = await emit(settings, path)
    assert len(report.listed) == LISTED
    assert report.sending.refused == {"not_json": 500}


async def test_a_file_that_cannot_be_read_is_named(
    settings: Settings, topics: TopicReport, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot read it"):
        await emit(settings, tmp_path / "none.csv")
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match=r"a\.txt: is it CSV or JSON lines"):
        await emit(settings, tmp_path / "a.txt")
