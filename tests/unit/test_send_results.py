"""No send result is ignored: here is each place that sends, and who looks at the result."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from pipeline.errors import KafkaError
from pipeline.score.outbox import Letter, Outbox
from tests.docs.blocks import ROOT

PIPELINE = ROOT / "pipeline"
SENDS = {"send", "send_batch", "send_and_wait"}

TO_KAFKA = {
    "score/outbox.py producer.send": "post waits for every future and raises",
    "sink/letters.py self._producer.send_and_wait": "gathered; a failure repeats the batch",
    "emit/outbox.py self._producer.send_batch": "_done counts what failed; the emitter reports it",
    "operate/replay/resend.py self._sender.send": "_settled waits for each and raises",
    "operate/reconcile/mend.py sender.send_and_wait": "awaited; a failure ends the repair",
}
ELSEWHERE = {
    "emit/files.py emitter.send": "queues; flush tells what failed",
    "emit/blocking.py self._emitter.send": "the same, from another thread",
    "operate/replay/reinsert.py self._letters.send": "sink/letters.py",
    "sink/writer.py self._outbox.send": "sink/letters.py",
    "wire/refusals.py connection.send": "a request for metadata, whose failure is the answer",
}


def calls(names: set[str]) -> Iterator[tuple[str, ast.Call, list[ast.AST]]]:
    """(module and callee, the call, what it stands in from the inside out) of calls by name."""
    for path in sorted(PIPELINE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _within(path, tree, names, [])


def _within(
    path: Path, node: ast.AST, names: set[str], outer: list[ast.AST]
) -> Iterator[tuple[str, ast.Call, list[ast.AST]]]:
    func = node.func if isinstance(node, ast.Call) else None
    if isinstance(node, ast.Call) and isinstance(func, ast.Attribute) and func.attr in names:
        yield f"{path.relative_to(PIPELINE)} {ast.unparse(func)}", node, outer
    for child in ast.iter_child_nodes(node):
        yield from _within(path, child, names, [node, *outer])


def test_every_place_that_sends_is_known() -> None:
    assert {name for name, _, _ in calls(SENDS)} == TO_KAFKA.keys() | ELSEWHERE.keys()


def test_the_future_of_a_send_to_kafka_is_kept() -> None:
    """`await producer.send(...)` alone would only wait until it is queued."""
    for name, call, (wait, holder, *_) in calls(SENDS):
        assert isinstance(wait, ast.Await) or name.startswith("emit/blocking.py"), ast.unparse(call)
        if name in TO_KAFKA and not name.endswith("send_and_wait"):
            assert isinstance(holder, ast.Assign | ast.AnnAssign), ast.unparse(call)


def test_every_post_of_the_scorer_is_waited_for() -> None:
    found = [wait for name, _, (wait, *_) in calls({"post"}) if "outbox.post" in name]
    assert len(found) >= 7
    assert all(isinstance(wait, ast.Await) for wait in found)


class Refusing:
    """A producer of which one send fails: when it is asked, or when it is acknowledged."""

    def __init__(self, at: int, *, early: bool) -> None:
        self.at = at
        self.early = early
        self.sent = 0

    async def send(self, topic: str, **record: object) -> asyncio.Future[object]:
        acknowledgement: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.sent == self.at:
            if self.early:
                raise KafkaTimeoutError("no room")
            acknowledgement.set_exception(KafkaTimeoutError("not in time"))
        else:
            acknowledgement.set_result(SimpleNamespace(offset=self.sent))
        self.sent += 1
        return acknowledgement


async def test_a_post_tells_where_each_letter_stands() -> None:
    outbox = Outbox(lambda: cast(AIOKafkaProducer, Refusing(at=9, early=True)))
    assert await outbox.post(Letter("t", 0, b"", b"") for _ in range(3)) == [0, 1, 2]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("at", range(4))
async def test_whichever_letter_fails_the_post_fails(at: int, early: bool) -> None:
    refusing = Refusing(at, early=early)
    outbox = Outbox(lambda: cast(AIOKafkaProducer, refusing))
    letters = [Letter("t", 0, b"%d" % n, b"") for n in range(4)]
    with pytest.raises(KafkaError, match="not acknowledged"):
        await outbox.post(letters)
