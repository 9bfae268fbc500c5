"""What the tests of logs look for would be found in whatever form a program might log it."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from tests.support.leaks import said, spelled

ANSWERS = {"satisfaction": 5, "trust": 4}
EVENT = {"event": "scored", "answers": ANSWERS}


@pytest.mark.parametrize(
    "text",
    [
        f"cannot fold {ANSWERS}",
        f"cannot fold {list(ANSWERS.items())}",
        f"cannot fold {json.dumps({'answers': ANSWERS, 'channel': 'email'})}",
        json.dumps(ANSWERS, separators=(",", ":")),
        structlog.processors.JSONRenderer()(logging.getLogger(), "info", dict(EVENT)),
        structlog.processors.JSONRenderer()(logging.getLogger(), "info", {"event": "x", **ANSWERS}),
        structlog.dev.ConsoleRenderer(colors=False)(logging.getLogger(), "info", dict(EVENT)),
        structlog.dev.ConsoleRenderer(colors=False)(
            logging.getLogger(), "info", {"event": "x", **ANSWERS}
        ),
    ],
)
def test_both_answers_are_found(text: str) -> None:
    for measure, value in ANSWERS.items():
        assert said(text, spelled({measure: value})), text
        assert not said(text, spelled({measure: value - 1}))


def test_counts_and_names_alone_are_no_answers() -> None:
    text = '{"event": "scored", "measures": ["trust", "ease"], "release=1": 4, "records": 5}'
    assert said(text, spelled({"trust": 4, "ease": 1, "satisfaction": 5})) == []
