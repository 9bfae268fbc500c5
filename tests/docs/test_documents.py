"""What the documents show is run: commands, queries, code, links."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.operate.topics import TopicReport
from pipeline.settings import Settings
from tests.docs.blocks import DOCUMENTS, ROOT, blocks, commands
from tests.fixtures.emitted import read_emitted
from tests.fixtures.schema import migrated

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]+)[^)]*\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: object) -> None:
    path = ROOT / "docs" / str(document)
    links = _LINK.findall(path.read_text(encoding="utf-8"))
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize(("document", "line"), commands())
def test_every_command_shown_is_one_that_exists(document: str, line: str) -> None:
    words = shlex.split(line.split(" | ")[0].split(" > ")[0], comments=True)[1:]
    # Everything before --help is parsed first: an unknown command or option ends with 2.
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0, f"{document}: {result.output}"


def test_every_query_for_analysts_runs(clickhouse: str) -> None:
    queries = blocks(ROOT / "docs" / "analysts.md", "sql")
    assert len(queries) >= 5
    with migrated(clickhouse) as client:
        for query in queries:
            assert client.raw_query(query, fmt="TSVWithNames").count(b"\t") >= 1


async def test_the_example_for_emitters_sends_one_response(
    settings: Settings, topics: TopicReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = blocks(ROOT / "docs" / "emitters.md", "python")
    monkeypatch.setenv("CXPULSE_KAFKA_BOOTSTRAP", settings.kafka.bootstrap)
    monkeypatch.setenv("CXPULSE_KAFKA_TOPIC_PREFIX", settings.kafka.topic_prefix)
    names: dict[str, object] = {}
    exec(compile(example, "emitters.md", "exec"), names)
    send_one = names["send_one"]
    assert callable(send_one)
    assert await send_one() == 1
    assert len(await read_emitted(settings)) == 1
