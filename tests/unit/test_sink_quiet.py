from __future__ import annotations

import logging

from pipeline.sink.quiet import Seldom


def said(name: str, message: str, value: int) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, (value,), None)


def test_aiokafka_says_each_thing_once_in_a_while_and_others_always() -> None:
    seldom = Seldom()
    assert seldom.filter(said("aiokafka.conn", "node %d away", 1))
    assert not seldom.filter(said("aiokafka.conn", "node %d away", 2))
    assert seldom.filter(said("aiokafka.conn", "refused %d", 1))
    assert all(seldom.filter(said("pipeline.sink", "node %d away", n)) for n in range(2))
