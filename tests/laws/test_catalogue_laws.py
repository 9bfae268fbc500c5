"""Catalogues change at cuts: whatever crashes, no record is judged again and no count differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Self, cast

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.catalogue import Catalogue, Survey
from pipeline.core.partition import Emission, PartitionState
from pipeline.core.reasons import Reason
from pipeline.core.updates import Group, Verdict
from pipeline.core.vocabulary import RESPONSE, SLOTS
from pipeline.core.windows import HOUR
from pipeline.wire.catalogue import make_catalogue
from pipeline.wire.cuts import decode_cut, encode_cut
from tests.support.logs import Step, make_log, many, steps
from tests.support.runs import Plan, Run, snapshot
from tests.support.world import CATALOGUE, Sent, checked


def without(survey: str, measure: str) -> Survey:
    """A survey that stopped asking something."""
    before = CATALOGUE.surveys[survey]
    kept = tuple(question for question in before.questions if question.measure != measure)
    return replace(before, questions=kept)


def offering(*surveys: Survey) -> Catalogue:
    return make_catalogue(CATALOGUE.agencies.values(), CATALOGUE.services.values(), surveys)


_ALL = CATALOGUE.surveys
CATALOGUES: Final = (
    CATALOGUE,
    offering(*(survey for survey in _ALL.values() if survey.id != "va-vha-trust")),
    offering(*{**_ALL, "va-vha-post-visit": without("va-vha-post-visit", "trust")}.values()),
    offering(
        *{
            **_ALL,
            "va-vha-post-visit": replace(
                _ALL["va-vha-post-visit"],
                questions=tuple(reversed(_ALL["va-vha-post-visit"].questions)),
            ),
        }.values()
    ),
)
BY_DIGEST: Final = {catalogue.digest: catalogue for catalogue in CATALOGUES}

Key = tuple[Group, int, str]
"""Group, start of an hour, measure."""

actions = st.sampled_from(
    (
        *("tell", "tell", "panes", "cut", "full", "crash", "unsaved"),
        *("want0", "want1", "want2", "want3", "reborn0", "reborn1", "reborn1", "reborn2"),
    )
)
busy = st.lists(
    st.tuples(
        st.sampled_from(("new", "new", "new", "flip", "again", "jump")),
        *(st.integers(0, 1), st.integers(1, 2), st.integers(0, 5)),
    ),
    min_size=8,
    max_size=30,
)
"""One survey, all answers in a few hours: questions come and go over panes that are open."""

plans = st.lists(st.tuples(st.integers(0, 6), actions, st.integers(0, 5)), max_size=16)
comings = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(("to2", "to0", "to2", "to0", "tell", "crash", "want1", "reborn0")),
        st.integers(0, 2),
    ),
    min_size=4,
    max_size=16,
)
"""Plans in which a question leaves and comes back often."""


class Changing(Run):
    """A partition whose owners find other catalogues in their files, as `Tenure` follows them.

    `to` is a change and its checkpoint; `unsaved` a checkpoint of which everything was told but no
    manifest written, and a crash; `reborn` a crash after which the next owner has another catalogue
    from the start.
    """

    def __init__(self, log: list[Sent]) -> None:
        self.wanted = CATALOGUE
        self.told_to = self.entered = 0
        self.switches: list[tuple[int, str]] = []
        super().__init__(log)
        self.act("cut")  # as a new owner does before it reads anything

    def act(self, action: str) -> None:
        if action.startswith("want"):
            self.wanted = CATALOGUES[int(action[-1])]
        elif action.startswith("to"):
            self.wanted = CATALOGUES[int(action[-1])]
            self._checkpoint(full=False, saved=True)
        elif action.startswith("reborn"):
            super().act("crash")
            self.wanted = CATALOGUES[int(action[-1])]
            self._checkpoint(full=False, saved=True)
        elif action in ("cut", "full", "unsaved"):
            self._checkpoint(full=action == "full", saved=action != "unsaved")
        else:
            super().act(action)

    def take(self, emission: Emission) -> None:
        super().take(emission)
        if emission.entry is not None:
            self.entered = max(self.entered, emission.entry.next_offset)

    def _checkpoint(self, full: bool, saved: bool) -> None:
        self.take(self.state.emit(self.now, windows=True))
        state = self.state
        may = state.next_offset >= self.told_to
        switch = may and self.wanted.digest != state.catalogue.digest
        if switch:
            state.switch(self.wanted)
        full = full or switch or not self.chain
        segments = encode_cut(state.cut(full))
        if not saved:
            super().act("crash")
            return
        self.chain = [segments] if full else [*self.chain, segments]
        if switch:
            self.switches.append((state.next_offset, self.wanted.digest))

    def _restored(self) -> PartitionState:
        cuts = [decode_cut(segments) for segments in self.chain]
        self.told_to = self.entered
        return PartitionState.load(cuts, BY_DIGEST[cuts[-1].catalogue])


def said(log: list[Sent], verdicts: Mapping[int, Verdict]) -> dict[Key, list[int]]:
    """What every pane must count: accepted responses, save those taken back."""
    outcomes = {offset: str(verdict.outcome) for offset, verdict in verdicts.items()}
    of: dict[str, dict[tuple[object, object], Mapping[str, object]]] = {
        "accepted": {},
        "retraction": {},
    }
    for offset, _, record in log:
        outcome = outcomes.get(offset, "accepted")
        if outcome in of:
            assert not isinstance(record, Reason)
            of[outcome][record["event_id"], record["occurred_at"]] = record
    counts: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * SLOTS)
    for event in of["accepted"].keys() - of["retraction"].keys():
        record = of["accepted"][event]
        group = Group(*(str(record[name]) for name in Group._fields))
        hour = cast(int, record["occurred_at"]) // HOUR * HOUR
        answers = cast(Mapping[str, int], record["answers"])
        for measure, value in {**answers, RESPONSE: 0}.items():
            counts[group, hour, measure][value] += 1
    return counts


class Straight(Run):
    """The same switches at the same offsets, and nothing else happens."""

    def through(self, switches: Sequence[tuple[int, str]]) -> Self:
        for offset, digest in switches:
            below = [record for record in self.log if record[0] < offset]
            self.state.apply(checked(self.state, below))
            self.act("tell")
            self.state.switch(BY_DIGEST[digest])
            self.state.cut(full=True)
        return self.follow([])


@many
@given(script=busy | steps, plan=comings | plans)
def test_panes_count_what_accepted_responses_say_whatever_is_asked_meanwhile(
    script: list[Step], plan: Plan
) -> None:
    log = make_log(script)
    reader = Changing(log).follow(plan).reader
    counts = said(log, reader.verdicts)
    told = {key: list(six) for key, six in reader.contents().items() if six is not None}
    assert told == {key: counts[key] for key in told}
    assert counts.keys() <= reader.contents().keys()


@many
@given(script=busy | steps, plan=comings | plans)
def test_catalogues_that_change_at_cuts_judge_every_record_once_whatever_crashes(
    script: list[Step], plan: Plan
) -> None:
    log = make_log(script)
    broken = Changing(log).follow(plan)
    straight = Straight(log).through(broken.switches)
    assert broken.reader.verdicts == straight.reader.verdicts
    assert broken.reader.contents() == straight.reader.contents()
    assert snapshot(broken.state) == snapshot(straight.state)
