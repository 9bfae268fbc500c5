"""`cxpulse trace` finds every copy of an event in ClickHouse, and tells no answers unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID

import pytest
import typer

from pipeline.core.updates import make_version
from pipeline.errors import InputError, StoreError
from pipeline.operate.trace_command import parse, trace
from pipeline.operate.trace_store import find_stored, judged_until
from pipeline.operate.trace_text import as_lines, to_json
from pipeline.operate.traces import EXPIRED, NOT_JUDGED
from pipeline.settings import ClickHouseSettings, Settings
from pipeline.store.client import Client
from tests.fixtures.schema import at, insert, migrated, score
from tests.fixtures.variables import Setter

pytestmark = pytest.mark.engine

EVENT = UUID(int=7)
TOTALS = {"received": 0, "accepted": 0, "duplicate": 0, "late": 0, "retraction": 0, "missing": 0}


@pytest.fixture(scope="module")
def client(clickhouse: str) -> Iterator[Client]:
    """Six copies of one event in two partitions; the ledger knows all but the last."""
    with migrated(clickhouse) as made:
        answered = at("2026-01-01 05:30")
        row: dict[str, object] = {
            "generation": 1,
            "event_id": EVENT,
            "occurred_at": answered,
            "received_at": answered,
            "agency": "va",
            "service": "vha-east",
            "channel": "email",
            "survey": "east\x1b[31m",
            "answers": {"trust": 4},
            "comment": "thank you",
            "retracted": False,
        }
        places = [(0, 3), (0, 4), (0, 9), (1, 0), (1, 7), (1, 50)]
        copies = [row | {"partition": p, "offset": o, "retracted": o == 9} for p, o in places]
        insert(made, "responses", [*copies, copies[0]])
        outcome = {"generation": 1, "partition": 0, "reason": ""}
        insert(
            made,
            "outcomes",
            [
                outcome | {"offset": 4, "outcome": "duplicate"},
                outcome | {"offset": 9, "outcome": "retraction"},
                outcome
                | {"partition": 1, "offset": 0, "outcome": "dead_letter", "reason": "conflicting"},
            ],
        )
        entry = {"generation": 1, "from_offset": 0, "start_offset": 0, "as_of": answered}
        entry |= {"watermark": answered, "catalogue": "c", "dead_letter": 0, "marker": 0} | TOTALS
        told = [(0, 5), (0, 10), (1, 50)]
        insert(made, "ledger", [entry | {"partition": p, "next_offset": n} for p, n in told])
        gap = {"generation": 1, "partition": 1, "from_offset": 6, "next_offset": 8}
        insert(made, "gaps", [gap])
        letter = {"topic": "cx.responses", "generation": 1, "partition": 1, "offset": 0}
        letter |= {"reason": "conflicting", "attempt": 1, "schema": "c301", "size": 99}
        insert(made, "dead_letters", [letter | {"stage": "score", "received_at": answered}])
        pane = score("vha-east", "trust", [0, 0, 0, 0, 8, 0], offset=10)
        pane |= {"survey": row["survey"], "hour": at("2026-01-01 05:00")}
        pane |= {"last_response_at": answered, "as_of": answered}
        insert(made, "score_panes", [pane, pane | {"measure": "response", "scale": "count"}])
        yield made


@pytest.fixture
def stored(client: Client, clickhouse: str) -> Settings:
    database = str(client.database)
    return Settings(clickhouse=ClickHouseSettings(url=clickhouse, database=database))


def test_each_stored_copy_has_its_outcome_reason_and_dead_letter(stored: Settings) -> None:
    copies = find_stored(stored, EVENT)
    assert [(*c.place, c.outcome, c.reason) for c in copies] == [
        (1, 0, 3, "accepted", ""),
        (1, 0, 4, "duplicate", ""),
        (1, 0, 9, "retraction", ""),
        (1, 1, 0, "dead_letter", "conflicting"),
        (1, 1, 7, EXPIRED, ""),
        (1, 1, 50, NOT_JUDGED, ""),
    ]
    assert [(x.stage, x.reason, x.size) for x in copies[3].letters] == [
        ("score", "conflicting", 99)
    ]
    assert [c.pane is not None for c in copies] == [True, False, True, False, False, False]
    assert copies[0].pane is not None
    assert copies[0].pane.version == make_version(1, 10)
    assert copies[0].pane.measures == ("trust", "response")
    assert find_stored(stored, UUID(int=8)) == []
    assert judged_until(stored) == at("2026-01-01 05:30")


def test_answers_comments_and_counts_are_told_only_when_asked(stored: Settings) -> None:
    copies = find_stored(stored, EVENT)
    quiet = "\n".join(as_lines(EVENT, copies, show_answers=False))
    assert quiet.startswith(
        f"Event {EVENT}: 6 copies, not counted: taken back\n\npartition 0, offset 3: acc"
    )
    assert "2026-01-01 05:00 UTC: trust, response; now from offsets below 10" in quiet
    assert "\x1b" not in quiet
    telling = "\n".join(as_lines(EVENT, copies, show_answers=True))
    plain = to_json(EVENT, copies, show_answers=False)
    for said in ("trust=4", "thank you", "[0, 0, 0, 0, 8, 0]"):
        assert said in telling
        assert said not in quiet
    assert "thank you" not in plain
    assert '"answers"' not in plain
    assert '"counts"' not in plain
    told = json.loads(to_json(EVENT, copies, show_answers=True))
    assert told["copies"][0]["answers"] == {"trust": 4}
    assert told["copies"][3]["dead_letters"][0]["stage"] == "score"


def test_what_is_asked_wrongly_or_not_there_is_told(
    stored: Settings,
    clickhouse: str,
    database: str,
    capsys: pytest.CaptureFixture[str],
    setting: Setter,
) -> None:
    for wrong in ("7", "not a uuid", str(UUID(int=0))):
        with pytest.raises(InputError):
            parse(wrong)
    assert parse(f" {{{EVENT}}} ") == EVENT
    setting(CLICKHOUSE_URL=clickhouse, CLICKHOUSE_DATABASE=stored.clickhouse.database)
    with pytest.raises(typer.Exit) as ended:
        trace(str(UUID(int=8)))
    assert ended.value.exit_code == 1
    assert "is judged until 2026-01-01 05:30:00.000 UTC" in capsys.readouterr().err
    setting(CLICKHOUSE_DATABASE=database)
    with pytest.raises(StoreError, match="run `cxpulse migrate`"):
        trace(str(EVENT))
