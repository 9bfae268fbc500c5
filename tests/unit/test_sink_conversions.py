from __future__ import annotations

from collections import Counter
from dataclasses import replace

from aiokafka import ConsumerRecord

from pipeline.core.updates import Group, PaneRow, ScoreUpdate, WindowRow, make_version
from pipeline.core.vocabulary import LIKERT_MEASURES
from pipeline.resources import resource
from pipeline.sink import scored
from pipeline.sink.raw import LATEST_MS, NO_EVENT, RawRows, clip_answers, redacted_comment
from pipeline.sink.rows import Block, Converted, Record
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.dead_letters import REPAIR_HEADER
from pipeline.wire.responses import ResponseDecoder, encode_response
from pipeline.wire.scores import encode_score
from tests.support.world import response as example

HOUR = 3_600_000
UPDATE = ScoreUpdate(
    group=Group("va", "va-vha", "email", "va-vha-post-visit"),
    partition=3,
    version=make_version(2, 10),
    as_of=5,
    emitted_at=6,
    last_response_at=4,
    measures=(("trust", "likert5"), ("response", "count")),
    panes=(PaneRow(2 * HOUR, tuple(range(12))),),
    windows=(WindowRow("1h", 3 * HOUR, tuple(range(12))),),
)


def record(offset: int, value: bytes | None, *headers: tuple[str, bytes]) -> Record:
    made: Record = ConsumerRecord("t", 1, offset, 77, 1, None, value, None, 0, 0, headers)
    return made


def blocks(*updates: ScoreUpdate) -> dict[str, Block]:
    records = [record(n, encode_score(update)) for n, update in enumerate(updates)]
    return {block.table: block for block in scored.convert(records).blocks}


def test_a_pane_is_a_row_for_each_measure_in_seconds() -> None:
    columns = blocks(UPDATE)["score_panes"].columns
    assert columns["counts"] == [(0, 1, 2, 3, 4, 5), (6, 7, 8, 9, 10, 11)]
    assert columns["measure"] == ["trust", "response"]
    assert columns["scale"] == ["likert5", "count"]
    assert columns["hour"] == [7200, 7200]
    assert columns["generation"] == [2, 2]
    assert {len(column) for column in columns.values()} == {2}


def test_a_window_starts_its_length_before_its_end() -> None:
    columns = blocks(UPDATE)["rolling_scores"].columns
    assert (columns["window_start"], columns["window_end"]) == ([7200, 7200], [10800, 10800])


def test_of_a_key_only_the_highest_version_of_a_batch_is_written() -> None:
    newer = replace(UPDATE, version=make_version(2, 11), panes=(PaneRow(2 * HOUR, (9,) * 12),))
    for order in ((UPDATE, newer), (newer, UPDATE)):
        assert blocks(*order)["score_panes"].columns["counts"] == [(9,) * 6] * 2


def test_an_update_whose_counts_do_not_match_its_measures_is_refused() -> None:
    odd = replace(UPDATE, panes=(PaneRow(HOUR, (1, 2, 3)),))
    unknown = replace(UPDATE, windows=(WindowRow("2h", HOUR, (0,) * 12),))
    records = [record(0, encode_score(odd)), record(1, encode_score(unknown)), record(2, None)]
    assert scored.windows(records) == Converted(())
    converted = scored.convert(records)
    assert [one.record.offset for one in converted.refused] == [0, 1, 2]
    assert converted.blocks == ()


def test_a_hostile_response_is_stored_as_far_as_the_columns_go() -> None:
    fields = {"agency": "x" * 500, "service": "va-vha", "channel": "email", "survey": "?"}
    hostile = {"event_id": "A" * 36, "occurred_at": 2**62, "location": "y" * 9999, **fields}
    answers = {"trust": -1, "ease": 5, "my name is": 3}
    value = encode_response(hostile | {"answers": answers, "comment": None, "retracted": True})
    rows = RawRows(
        load_catalogue(resource("deploy", "catalog")), ResponseDecoder(), lambda partition: 3
    )
    (block,) = rows.convert([record(9, value), record(10, b"?")]).blocks
    row = {name: column[0] for name, column in block.columns.items()}
    assert block.rows == 1
    assert row | {"agency": "", "location": ""} == {
        "generation": 3,
        "partition": 1,
        "offset": 9,
        "received_at": 77,
        "event_id": NO_EVENT,
        "occurred_at": LATEST_MS,
        "agency": "",
        "service": "va-vha",
        "channel": "email",
        "survey": "?",
        "answers": {"ease": 5},
        "location": "",
        "comment": None,
        "retracted": True,
        "repair": False,
    }
    assert len(str(row["agency"])) == 64
    assert len(str(row["location"])) == 200


def test_answers_that_fit_are_stored_as_they_are() -> None:
    answers = dict.fromkeys(LIKERT_MEASURES, 5)
    assert clip_answers(answers) is answers


def test_comments_are_redacted_counted_by_kind_and_left_out_when_too_long() -> None:
    kinds: Counter[str] = Counter()
    assert redacted_comment("call 202-555-0143", kinds) != "call 202-555-0143"
    assert kinds.total() == 1
    assert redacted_comment("x" * 10_001, kinds) is None
    assert redacted_comment(None, kinds) is None


def test_a_retraction_that_is_a_repair_is_stored_as_one() -> None:
    rows = RawRows(
        load_catalogue(resource("deploy", "catalog")), ResponseDecoder(), lambda partition: 3
    )
    value = encode_response(example(retracted=True))
    (block,) = rows.convert([record(9, value, REPAIR_HEADER), record(10, value)]).blocks
    assert block.columns["repair"] == (True, False)
