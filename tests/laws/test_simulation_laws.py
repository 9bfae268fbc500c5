"""The generator against the real fold: every outcome it intends is the outcome it gets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.partition import PartitionState
from pipeline.core.reasons import Outcome
from pipeline.core.windows import HOUR
from pipeline.emit.simulate import Item, Traffic, items
from pipeline.emit.truth import Truth
from pipeline.operate.drill.traffic import three_times
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.kafka import partition_for
from pipeline.wire.responses import ResponseDecoder
from tests.support.world import checked

CATALOGUE = load_catalogue(resource("deploy", "catalog"))
NOW = 1_760_000_000_000
DAY = 24 * HOUR
PARTITIONS = 3

traffics = st.builds(
    Traffic,
    start=st.just(NOW),
    rate=st.sampled_from([1.0, 50.0, 1000.0]),
    live=st.integers(0, 200),
    history=st.sampled_from([HOUR, 3 * DAY, 60 * DAY]),
    history_count=st.integers(0, 150),
    seed=st.integers(0, 1000),
    duplicates=st.floats(0, 0.5),
    retractions=st.floats(0, 0.5),
    late=st.floats(0, 0.3),
    invalid=st.floats(0, 0.5),
)


def fold(stream: list[Item]) -> tuple[list[tuple[str, str]], list[PartitionState]]:
    """Outcome and reason of each item, as `PARTITIONS` scorers see them."""
    states = [PartitionState(p, 0, 0, CATALOGUE) for p in range(PARTITIONS)]
    decode = ResponseDecoder().decode
    outcomes = []
    for item in stream:
        state = states[partition_for(item.key, PARTITIONS)]
        verdicts = state.apply(
            checked(state, [(state.next_offset, max(NOW, item.due), decode(item.value))])
        )
        outcome = (verdicts[0].outcome, verdicts[0].reason) if verdicts else ("accepted", "")
        outcomes.append((str(outcome[0]), str(outcome[1])))
    return outcomes, states


@given(traffic=traffics)
@settings(max_examples=20, deadline=None)
def test_every_record_gets_the_outcome_it_was_made_for(traffic: Traffic) -> None:
    stream = list(items(CATALOGUE, traffic))
    assert fold(stream)[0] == [(item.outcome.value, item.reason) for item in stream]


@given(traffic=traffics, skew=st.sampled_from([0.3, 1.0]))
@settings(max_examples=10, deadline=None)
def test_producers_with_wrong_clocks_and_repeats_get_the_outcomes_they_were_made_for(
    traffic: Traffic, skew: float
) -> None:
    live = replace(traffic, history_count=0, skew=skew)
    stream = list(three_times(CATALOGUE, live))
    assert fold(stream)[0] == [(item.outcome.value, item.reason) for item in stream]


@given(traffic=traffics)
@settings(max_examples=15, deadline=None)
def test_the_truth_is_what_the_fold_counts_and_what_came_late(traffic: Traffic) -> None:
    stream = [i for i in items(CATALOGUE, traffic) if i.outcome is not Outcome.LATE]
    _, states = fold(stream)
    truth = Truth(CATALOGUE)
    for item in stream:
        truth.add(item.outcome, item.reason, item.change)
    emissions = [state.emit(NOW + 30 * DAY, windows=False) for state in states]
    counted: Counter[tuple[object, ...]] = Counter()
    for update in (u for e in emissions for u in e.updates):
        for pane in update.panes:
            for i, (measure, scale) in enumerate(update.measures):
                for value, n in enumerate(pane.counts[i * 6 : i * 6 + 6]):
                    counted[(*update.group, scale, measure, pane.hour, value)] += n
    expected = {(*row[:7], value): n for row in truth.rows() for value, n in enumerate(row[7]) if n}
    assert {key: n for key, n in counted.items() if n} == expected


@given(traffic=traffics)
@settings(max_examples=5, deadline=None)
def test_the_same_seed_and_start_give_the_same_records_in_order_of_time(traffic: Traffic) -> None:
    stream = list(items(CATALOGUE, traffic))
    assert stream == list(items(CATALOGUE, traffic))
    assert [i.due for i in stream] == sorted(i.due for i in stream)


def test_another_seed_gives_other_responses() -> None:
    one, other = (list(items(CATALOGUE, Traffic(NOW, live=50, seed=s))) for s in (1, 2))
    assert not {i.value for i in one} & {i.value for i in other}
