"""Whatever owners do to one partition, one after the other or at once, what stays told is the same.

Each stops before and after every record it sends: there it may crash, or be overtaken and go on as
a zombie. The last one restores, folds the rest and tells it; all must be as in one quiet run.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from types import SimpleNamespace
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
)

from pipeline.core.partition import PartitionState
from pipeline.core.updates import Totals, Verdict
from pipeline.score import checkpoints, restore, tenure
from pipeline.wire import segments
from tests.support.logs import Step, make_log, steps
from tests.support.owners import GENERATION, PARTITION, Kafka, Owner, stored
from tests.support.runs import Reader, snapshot
from tests.support.world import CATALOGUE, START, Sent, checked


class Owners(RuleBasedStateMachine):
    """Any number of owners, each at any of its steps."""

    owners = Bundle("owners")

    def __init__(self) -> None:
        super().__init__()
        self.kafka = Kafka()
        self.log: list[Sent] = []
        self.now = START
        self.living: list[Owner] = []
        self._ends = ExitStack()
        names = count(1)
        clock = SimpleNamespace(
            time_ns=lambda: self.now * 1_000_000,
            time=lambda: self.now / 1000,
            monotonic=lambda: 0.0,
            perf_counter=lambda: 0.0,
        )
        unique = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"{next(names):012x}"))
        for module, name, value in (
            *((tenure, "time", clock), (restore, "uuid", unique)),
            *((checkpoints, "MAX_LINKS", 3), (segments, "SEGMENT", 700)),
        ):
            self._ends.enter_context(patch.object(module, name, value))

    @initialize(script=steps)
    def begin(self, script: list[Step]) -> None:
        self.log = make_log(script)
        self.records = stored(self.log)
        self.now = max(self.now, self.log[-1][1]) if self.log else self.now

    @rule(target=owners, sends=st.integers(0, 12))
    def take_over(self, sends: int) -> Owner:
        owner = self._owner()
        self.living.append(owner)
        self.step(owner, sends)
        return owner

    @rule(target=owners, turns=st.lists(st.booleans(), max_size=12))
    def contend(self, turns: list[bool]) -> MultipleResults[Owner]:
        """Two take over at the same time: both may have seen the same claims."""
        both = self._owner(), self._owner()
        self.living += both
        for second in turns:
            both[second].step()
        return multiple(*both)

    @rule(owner=owners, number=st.integers(1, 15), again=st.integers(0, 3))
    def apply(self, owner: Owner, number: int, again: int) -> None:
        owner.fold(number, again)

    @rule(owner=owners, what=st.sampled_from(["emit", "checkpoint"]), sends=st.integers(0, 12))
    def order(self, owner: Owner, what: str, sends: int) -> None:
        owner.order(what)
        self.step(owner, sends)

    @rule(owner=owners, number=st.integers(1, 15), sends=st.integers(0, 12))
    def work(self, owner: Owner, number: int, sends: int) -> None:
        """What a healthy owner does, up to some send."""
        owner.finish()
        owner.fold(number, 0)
        self.order(owner, "checkpoint", sends)

    @rule(owner=owners, number=st.integers(1, 4))
    def tell_each(self, owner: Owner, number: int) -> None:
        """Each record is told by itself: no two contents may have one version."""
        owner.finish()
        for _ in range(number):
            owner.fold(1, 0)
            owner.order("emit")
            owner.finish()

    @rule(owner=owners, sends=st.integers(1, 12))
    def step(self, owner: Owner, sends: int) -> None:
        for _ in range(sends):
            owner.step()

    @rule(owner=owners)
    def finish(self, owner: Owner) -> None:
        owner.finish()

    @rule(owner=consumes(owners))
    def crash(self, owner: Owner) -> None:
        owner.crash()
        self.living.remove(owner)

    @rule(minutes=st.sampled_from([1, 59, 60, 25 * 60, 8 * 24 * 60]))
    def wait(self, minutes: int) -> None:
        self.now += minutes * 60_000

    @rule()
    def compact(self) -> None:
        self.kafka.compact()

    @precondition(lambda self: not any(owner.claiming for owner in self.living))
    @rule()
    def forget(self) -> None:
        """A day later: nobody reads checkpoints for that long."""
        self.kafka.forget()

    def teardown(self) -> None:
        with self._ends:
            if self.log:
                self._check()

    def _check(self) -> None:
        last = self._one_more()
        assert last.tenure is not None
        # Without a record of its own to fold it leaves nothing, and zombies may then come later.
        wrote = next(self.kafka.chains()).last.owner.epoch == last.epoch
        for zombie in self.living:  # each goes on a while, and even finishes what it was at
            zombie.fold(7, 0)
            zombie.order("checkpoint")
            zombie.finish()
        self._compare_rows()
        self._compare_ledger()
        assert snapshot(last.tenure.state) == snapshot(self._folded(len(self.log)))
        assert self.kafka.complete() >= min(self.kafka.most, 2) > 0
        heir = self._restored()
        assert heir.tenure is not None
        if wrote:
            assert snapshot(heir.tenure.state) == snapshot(last.tenure.state), "not the newest"

    def _owner(self) -> Owner:
        """Ended with the machine: what the collector ends does so in any order, and complains."""
        owner = Owner(self.kafka, self.records)
        self._ends.callback(owner.crash)
        return owner

    def _restored(self) -> Owner:
        owner = self._owner()
        owner.finish()
        return owner

    def _one_more(self) -> Owner:
        """An owner that takes over and gets to the end undisturbed."""
        owner = self._restored()
        owner.fold(len(self.log), 0)
        owner.order("emit")
        owner.order("checkpoint")
        owner.finish()
        return owner

    def _folded(self, number: int) -> PartitionState:
        state = PartitionState(PARTITION, GENERATION, 0, CATALOGUE)
        state.apply(checked(state, self.log[:number]))
        return state

    def _compare_rows(self) -> None:
        quiet = Reader()
        quiet.take(self._folded(len(self.log)).emit(self.now, windows=True))
        told = self.kafka.reader
        assert told.contents() == quiet.contents()
        for key in {**told.windows, **quiet.windows}:
            (end, _, counts), due = told.windows.get(key, (0, 0, ())), quiet.windows.get(key)
            if any(counts) or (due and any(due[2])):
                assert due is not None
                assert (end, counts) == (due[0], due[2])

    def _compare_ledger(self) -> None:
        """Each entry is right by itself, and some follow each other from 0 to the end."""
        end = self.log[-1][0] + 1
        due: dict[int, tuple[Totals, list[Verdict]]] = {0: (Totals(), [])}
        state = PartitionState(PARTITION, GENERATION, 0, CATALOGUE)
        verdicts: list[Verdict] = []
        for record in self.log:
            verdicts += state.apply(checked(state, [record]))
            due[record[0] + 1] = state.totals, list(verdicts)
        reached = {0}
        for entry in sorted(self.kafka.entries, key=lambda entry: entry.next_offset):
            totals, told = due[entry.next_offset]
            assert entry.totals == totals
            assert list(entry.exceptions) == [v for v in told if v.offset >= entry.from_offset]
            if entry.from_offset in reached:
                reached.add(entry.next_offset)
        assert end in reached
        dead = {v.offset for v in verdicts if v.outcome == "dead_letter"}
        assert {int(key.split(b"/")[2]) for key in self.kafka.dead} == dead


TestOwners = Owners.TestCase
TestOwners.settings = settings(
    max_examples=settings().max_examples * 2 // 3, stateful_step_count=40
)
