"""What a person typed → filters, or one line that says what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from difflib import get_close_matches

from pipeline.core.reasons import Reason
from pipeline.emit.durations import parse_span
from pipeline.errors import InputError
from pipeline.operate.replay.choice import Filters
from pipeline.settings import Settings
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.dead_letters import Stage


def make_filters(
    stage: Stage,
    reasons: Collection[str],
    services: Collection[str],
    since: str | None,
    until: str | None,
    limit: int | None,
    settings: Settings,
) -> Filters:
    """Raises InputError naming the option."""
    catalogue = load_catalogue(settings.catalog)
    if stage == "score":
        for reason in reasons:
            _known("--reason", reason, [str(one) for one in Reason])
    for service in services:
        _known("--service", service, catalogue.service_codes)
    now = time.time_ns() // 1_000_000
    first = 0 if since is None else moment("--since", since, now)
    end = 1 << 62 if until is None else moment("--until", until, now)
    if first >= end:
        raise InputError(f"--since {since!r} is not before --until {until!r}: nothing is between")
    return Filters(
        stage=stage,
        reasons=frozenset(reasons),
        services=frozenset(catalogue.service_codes[service] for service in services),
        since=first,
        until=end,
        limit=limit,
    )


def moment(option: str, text: str, now: int) -> int:
    """A time in ms: ISO 8601 (UTC unless it names a zone), or a span such as 2h before `now`."""
    try:
        time_ = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - parse_span(option, text)
        except InputError:
            raise InputError(
                f"{option} {text!r}: write a time such as 2026-11-22T08:00 (UTC), or a span "
                "before now such as 90s, 5m, 2h or 28d"
            ) from None
    return int((time_ if time_.tzinfo else time_.replace(tzinfo=UTC)).timestamp() * 1000)


def _known(option: str, name: str, names: Collection[str]) -> None:
    if name in names:
        return
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"{option} {name!r}: there is none of that name{hint}")
