"""Libraries are heard where somebody must know that it still goes on, and nowhere else."""

from __future__ import annotations

import logging

import pytest

from pipeline.errors import SettingsError
from pipeline.logs import Seldom, configure, hear_libraries

pytestmark = pytest.mark.usefixtures("root_logger")


def said(name: str, message: str, value: int) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, (value,), None)


def test_a_library_says_each_thing_once_in_a_while_and_we_always() -> None:
    seldom = Seldom()
    assert seldom.filter(said("aiokafka.conn", "node %d away", 1))
    assert not seldom.filter(said("aiokafka.conn", "node %d away", 2))
    assert seldom.filter(said("aiokafka.conn", "refused %d", 1))
    assert all(seldom.filter(said("pipeline.sink", "node %d away", n)) for n in range(2))


def test_libraries_are_silent_in_commands_warn_in_services_and_tell_more_at_debug(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = logging.getLogger("aiokafka.conn")
    configure()
    log.error("first")
    logging.getLogger("pipeline.x").info("ours")
    hear_libraries()
    log.info("second")
    log.warning("third")
    configure("DEBUG")
    hear_libraries()
    log.info("fourth")
    log.debug("a whole record")  # aiokafka prints answers there
    shown = capsys.readouterr().err
    assert "a whole record" not in shown
    assert [word for word in ("first", "ours", "second", "third", "fourth") if word in shown] == [
        "ours",
        "third",
        "fourth",
    ]


def test_an_unknown_level_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"^--log-level: 'loud' is none of debug, info, warn"):
        configure("loud")
