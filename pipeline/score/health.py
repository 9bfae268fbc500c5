"""Whether a score worker makes progress, and its gauges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from pipeline import metrics
from pipeline.observe import Health
from pipeline.score.tenure import Tenure

STUCK_SECONDS: Final = 30.0
"""A chunk takes 30 ms, a session times out after 6 s: half a minute without progress is a fault."""

UNASSIGNED_SECONDS: Final = 90.0
"""A first assignment waits for a dead worker's session, one rebalance and one restore."""

_BY_PARTITION: Final = (
    metrics.LAG_RECORDS,
    metrics.OLDEST_UNSCORED,
    metrics.CHECKPOINT_AGE,
    metrics.SCORE_PAUSED,
    metrics.OPEN_RECORDS,
)


def judge(
    tenures: Iterable[Tenure],
    silence: Callable[[int], float],
    waiting_since: float | None,
    failure: Exception | None,
) -> Health:
    """Health from what the worker knows. `waiting_since` (monotonic) is set while it has no
    assignment, which is fine for a while; an empty assignment is fine for ever. `silence` is for
    how many seconds nothing was heard of a partition: only one that is caught up must be."""
    now = time.monotonic()
    owned = sorted(tenures, key=lambda tenure: tenure.partition)
    reasons = [f"failed: {failure}"] if failure else []
    if waiting_since is not None and now - waiting_since > UNASSIGNED_SECONDS:
        reasons.append(f"no assignment for {now - waiting_since:.0f} s")
    for tenure in owned:
        if tenure.lag and not tenure.paused_at and now - tenure.progress_at > STUCK_SECONDS:
            reasons.append(
                f"partition {tenure.partition}: {tenure.lag} records wait, nothing folded "
                f"for {now - tenure.progress_at:.0f} s"
            )
        quiet = silence(tenure.partition)
        if not tenure.lag and quiet > STUCK_SECONDS:
            reasons.append(f"partition {tenure.partition}: no answer from Kafka for {quiet:.0f} s")
        if tenure.checkpoint_age > STUCK_SECONDS:
            reasons.append(
                f"partition {tenure.partition}: no checkpoint for {tenure.checkpoint_age:.0f} s"
            )
    facts: dict[str, object] = {
        "assigned": waiting_since is None,
        "partitions": {tenure.partition: _facts(tenure) for tenure in owned},
    }
    return Health(tuple(reasons), facts)


def _facts(tenure: Tenure) -> dict[str, float]:
    """A pause is no fault of the worker, which a restart would mend: it is told, but healthy.
    `unsaved_seconds`, where there are any: how long a record has been in no checkpoint."""
    facts: dict[str, float] = {"lag": tenure.lag, "at": tenure.state.next_offset}
    more = {"paused_at": tenure.paused_at, "unsaved_seconds": round(tenure.checkpoint_age, 3)}
    return facts | {name: value for name, value in more.items() if value}


class Gauges:
    """Keeps the gauges by partition, and removes those of partitions that went away."""

    def __init__(self) -> None:
        self._shown: set[int] = set()

    def show(self, tenures: Iterable[Tenure]) -> None:
        """Set every gauge to what holds now."""
        owned = {tenure.partition: tenure for tenure in tenures}
        metrics.PARTITIONS_OWNED.set(len(owned))
        for partition in self._shown - set(owned):
            for gauge in _BY_PARTITION:
                gauge.remove(str(partition))
        for partition, tenure in owned.items():
            label = str(partition)
            metrics.LAG_RECORDS.labels(label).set(tenure.lag)
            metrics.OLDEST_UNSCORED.labels(label).set(_oldest_unscored(tenure))
            metrics.CHECKPOINT_AGE.labels(label).set(tenure.checkpoint_age)
            metrics.OPEN_RECORDS.labels(label).set(tenure.open_records)
            metrics.SCORE_PAUSED.labels(label).set(bool(tenure.paused_at))
        self._shown = set(owned)


def _oldest_unscored(tenure: Tenure) -> float:
    """Seconds; when more records wait than were read, the last one folded is the best bound."""
    since = tenure.untold_since
    if since is None and tenure.lag:
        since = tenure.state.as_of
    return max(0.0, time.time() - since / 1000) if since else 0.0
