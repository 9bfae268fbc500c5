"""Names that become aliases, or cease to be, while records wait: whatever raw rows stand under, the
panes are what they say."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.operate.reconcile.run import Comparison, reconcile
from pipeline.resources import resource
from pipeline.settings import KafkaSettings, Settings
from tests.fixtures.scoring import VHA, YEAR_MS, now_ms, received, response, scoring, send, until
from tests.fixtures.sink import Pipe, piping

pytestmark = [pytest.mark.broker, pytest.mark.engine]

PATIENCE = 20.0
TOTALS = (
    "SELECT agency, service, sum(counts[1]) FROM score_panes FINAL WHERE measure = 'response' "
    "GROUP BY ALL"
)
CURRENT = "SELECT agency, service, count() FROM responses_current GROUP BY ALL"


@pytest.fixture
async def pipe(
    kafka_settings: KafkaSettings, clickhouse: str, tables: str, tmp_path: Path
) -> AsyncIterator[Pipe]:
    """With catalogue files of its own."""
    folder = Path(shutil.copytree(resource("deploy", "catalog"), tmp_path / "catalog"))
    async with piping(kafka_settings, clickhouse, tables) as made:
        made.settings = made.settings.model_copy(update={"catalog": folder})
        yield made


def alias(settings: Settings, *names: str) -> None:
    """Make these the aliases of the service that is asked about."""
    path = settings.catalog / "services.yaml"
    head, _, rest = path.read_text(encoding="utf-8").partition("  - {code: va-vha,")
    line, _, rest = rest.partition("\n")
    line = line.split(", aliases:")[0].removesuffix("}")
    path.write_text(
        f"{head}  - {{code: va-vha,{line}, aliases: [{', '.join(names)}]}}\n{rest}",
        encoding="utf-8",
    )


async def stored(pipe: Pipe, rows: int) -> None:
    await pipe.wait_for("SELECT max(next_offset) FROM sink_progress", [(rows,)])


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each repair whether there was anything to mend."""
    said: list[bool] = []
    mend = Comparison.mend

    async def noted(comparison: Comparison) -> bool:
        said.append(await mend(comparison))
        return said[-1]

    monkeypatch.setattr(Comparison, "mend", noted)
    return said


async def equal(pipe: Pipe, judged: int, mended: list[bool]) -> None:
    """Nothing differs, and a repair finds nothing to change: one look at everything is enough."""
    mended.clear()
    report = await reconcile(pipe.settings, PATIENCE, repair=True)
    assert (report.differences, report.judged, mended) == ((), judged, [False])


async def test_names_that_are_judged_by_a_newer_catalogue_than_they_were_stored_by(
    pipe: Pipe, mended: list[bool]
) -> None:
    settings = pipe.settings
    old = now_ms() - YEAR_MS
    named, late = ({"event_id": str(uuid.uuid4()), "service": "hospitals"} for _ in "12")
    now, then = {"occurred_at": now_ms()}, {"occurred_at": old}
    alias(settings, "clinics")
    async with pipe.sinking():
        async with scoring(settings):
            await send(settings, [response(), response(service="clinics")])
            await received(settings, 2)
        # The scorer is away, the sink goes on; then one name comes and another one goes.
        ahead = [response(**named, **now), response(service="clinics"), response(**late, **then)]
        await send(settings, ahead)
        await stored(pipe, 5)
        alias(settings, "hospitals")
        async with scoring(settings) as worker:
            await received(settings, 5)
            await equal(pipe, 5, mended)
            canonical = {"service": VHA.service, "retracted": True}
            taken_back = [response(**{**named, **canonical}, **now), response(occurred_at=old)]
            await send(settings, [*taken_back, response(**{**late, **canonical}, **then)])
            await received(settings, 8)
            assert worker._tenures[0].state.totals.late == 3
            await equal(pipe, 8, mended)
    # Two by the first catalogue, one of last year; of the four others one was refused.
    assert pipe.rows(TOTALS) == pipe.rows(CURRENT) == [("va", "va-vha", 3)]
    assert pipe.rows("SELECT count() FROM responses WHERE service = 'hospitals'") == [(2,)]


async def test_a_name_becomes_an_alias_while_nothing_waits(pipe: Pipe, mended: list[bool]) -> None:
    settings = pipe.settings
    async with pipe.sinking(), scoring(settings) as worker:
        await send(settings, [response(), response(service="hospitals")])
        await received(settings, 2)
        before = worker._tenures[0].state.catalogue.digest
        alias(settings, "hospitals")
        await until(lambda: worker._tenures[0].state.catalogue.digest != before)
        # The sink may still go by the old files here: each looks at its own time.
        await send(settings, [response(service="hospitals"), response()])
        await received(settings, 4)
        await equal(pipe, 4, mended)
    assert pipe.rows(TOTALS) == pipe.rows(CURRENT) == [("va", "va-vha", 3)]
    assert pipe.rows("SELECT reason FROM dead_letters") == [("unknown_service",)]
