"""Simulated traffic: a stream of records, each with the outcome it must have. Pure and repeatable.

The same catalogue, options and start give the same records. An outcome is certain when nothing else
wrote to the topic what is newer than the start of the simulation's history.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final, NamedTuple, cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Outcome, Reason
from pipeline.core.response import EARLIEST, Response, Validator
from pipeline.core.windows import HOUR, MINUTE
from pipeline.emit.answers import form
from pipeline.emit.faults import FAULTS, out_of_scale
from pipeline.emit.rhythm import times
from pipeline.emit.truth import Change
from pipeline.emit.world import cells
from pipeline.wire.responses import encode_response
from pipeline.wire.topics import response_key

HISTORY_ZONE: Final = "America/New_York"
"""Whose day and week the history follows: most surveys are cut in it."""
ANSWER_LAG: Final = 2_000
"""ms: a form is on its way this long on average, so responses arrive slightly out of order."""
LONGEST_LAG: Final = 60_000
FOLLOW_UP: Final = 20_000
"""ms within which a repeat or a retraction follows its response: short, so that a demo of a minute
sees them, and far inside the 29 days for which ids are remembered."""
OUT_OF_ORDER: Final = 0.1
"""Share of retractions that overtake their response."""
LATE: Final = (29 * 24 + 2) * HOUR
"""ms behind an accepted response of the same key: surely beyond the 29 days that panes live."""
LATE_SPREAD: Final = 30 * 24 * HOUR
SLOW, FAST, TOO_FAST = -24 * HOUR, 4 * MINUTE, HOUR
"""Clocks that are wrong (ms): five minutes ahead is what is let pass."""
COMMENTED: Final = 0.04
LOCATED: Final = 0.2
COMMENTS: Final = (
    "The person at the desk was patient and knew what to do.",
    "I waited far too long and had to explain everything twice.",
    "Please call me back at 202-555-0143 or write to pat.example@example.com.",
    "My claim 123-45-6789 is still open after three months.",
    "Clear letters, quick answer. Thank you!",
    "The page kept failing on my phone.",
)
"""Two of them hold what must be redacted: reserved example numbers and addresses, nobody's own."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What to simulate. Times are ms; shares are of the responses.

    First `history_count` responses spread over `history` before `start`, then `live` ones from
    `start` on, `rate` a second (None: without end). Repeats, retractions and bad input come on top;
    late ones take the place of a response. `skew` is the share of producers (a survey in a channel)
    whose clock is wrong: slow by a day, a little fast, or so fast that all they send is refused.
    """

    start: int
    rate: float = 100.0
    live: int | None = None
    history: int = 0
    history_count: int = 0
    seed: int = 1
    duplicates: float = 0.01
    retractions: float = 0.005
    late: float = 0.005
    invalid: float = 0.005
    skew: float = 0.0


class Item(NamedTuple):
    """One record to send at `due` (ms), the outcome it must have, and what it changes for good."""

    due: int
    key: bytes
    value: bytes | None
    outcome: Outcome
    reason: str = ""
    change: Change | None = None


def items(catalogue: Catalogue, traffic: Traffic) -> Iterator[Item]:
    """The stream, in the order of `due`; what is still waiting at the end is due at once."""
    maker = _Maker(catalogue, traffic)
    waiting: list[tuple[int, int, Item]] = []
    tie = count()  # keeps items of the same instant in the order they were made
    due = traffic.start
    for due in _schedule(traffic):
        while waiting and waiting[0][0] <= due:
            yield heapq.heappop(waiting)[2]
        for item in maker.make(due):
            heapq.heappush(waiting, (item.due, next(tie), item))
    while waiting:
        yield heapq.heappop(waiting)[2]._replace(due=due)


def _schedule(traffic: Traffic) -> Iterator[int]:
    start = traffic.start
    random = Random(f"{traffic.seed}/{start}/times")
    past = traffic.history_count
    yield from times(start - traffic.history, start, past, HISTORY_ZONE, random) if past else ()
    due = float(start)
    for _ in count() if traffic.live is None else range(traffic.live):
        due += random.expovariate(traffic.rate / 1000)
        yield int(due)


class _Maker:
    """Makes the records that belong to one scheduled response."""

    def __init__(self, catalogue: Catalogue, traffic: Traffic) -> None:
        self._traffic = traffic
        self._random = Random(f"{traffic.seed}/{traffic.start}")
        self._validator = Validator(catalogue)
        self._cells = cells(catalogue)
        self._forms = [form(cell.survey, cell.mean) for cell in self._cells]
        self._keys = [response_key(cell.group) for cell in self._cells]
        self._odds: list[float] = []
        total = 0.0
        for cell in self._cells:
            total += cell.share
            self._odds.append(total)
        self._accepted: dict[bytes, int] = {}  # key → latest occurred_at surely accepted
        clocks = Random(f"{traffic.seed}/clocks")  # of its own: records are those without it
        wrong = [clocks.random() < traffic.skew for _ in self._cells]
        self._clocks = [clocks.choice((SLOW, FAST, TOO_FAST)) if bad else 0 for bad in wrong]
        self._faults = (*FAULTS, Reason.VALUE_OUT_OF_SCALE, Reason.CONFLICTING)

    def make(self, due: int) -> Iterator[Item]:
        traffic, chance = self._traffic, self._random.random
        (cell,) = self._random.choices(range(len(self._cells)), cum_weights=self._odds)
        key = self._keys[cell]
        record = self._record(cell, due)
        if self._clocks[cell] == TOO_FAST:
            refused = Reason.OCCURRED_IN_FUTURE.value
            yield Item(due, key, encode_response(record), Outcome.DEAD_LETTER, refused)
            return
        newest = self._accepted.get(key)
        if newest is not None and chance() < traffic.late:
            behind = LATE + int(chance() * LATE_SPREAD)
            record["occurred_at"] = max(newest - behind, EARLIEST)
            yield Item(due, key, encode_response(record), Outcome.LATE, "", self._change(record))
            return
        yield from self._counted(due, key, record)
        if chance() < traffic.invalid:
            yield self._fault(due, key, cell, record)

    def _counted(self, due: int, key: bytes, record: dict[str, object]) -> Iterator[Item]:
        """A response, and perhaps its retraction and a repeat."""
        traffic, chance = self._traffic, self._random.random
        value = encode_response(record)
        change = self._change(record)
        sent, lasting = due, True
        if chance() < traffic.retractions:
            taken_back = encode_response({**record, "retracted": True})
            later = due + 1 + int(chance() * FOLLOW_UP)
            if chance() < OUT_OF_ORDER:
                sent, lasting = later, False  # neither of the two ever counts
                yield Item(due, key, taken_back, Outcome.RETRACTION)
            else:
                opposite = change._replace(sign=-1)
                yield Item(later, key, taken_back, Outcome.RETRACTION, "", opposite)
        if lasting:
            self._accepted[key] = max(self._accepted.get(key, 0), change.occurred_at)
        yield Item(sent, key, value, Outcome.ACCEPTED, "", change if lasting else None)
        if chance() < traffic.duplicates:
            again = sent + 1 + int(chance() * FOLLOW_UP)
            yield Item(again, key, value, Outcome.DUPLICATE)

    def _record(self, cell: int, due: int) -> dict[str, object]:
        random = self._random
        group = self._cells[cell].group
        bits = f"{random.getrandbits(128):032x}"
        lag = min(int(random.expovariate(1 / ANSWER_LAG)), LONGEST_LAG)
        located = group.channel == "in_person" and random.random() < LOCATED
        return {
            "event_id": f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}",
            "occurred_at": due - lag + self._clocks[cell],
            **group._asdict(),
            "answers": self._forms[cell](random.random),
            "location": f"office-{random.randrange(100):02d}" if located else None,
            "comment": random.choice(COMMENTS) if random.random() < COMMENTED else None,
            "retracted": False,
        }

    def _fault(self, due: int, key: bytes, cell: int, record: Mapping[str, object]) -> Item:
        reason = self._random.choice(self._faults)
        if reason is Reason.CONFLICTING:
            # After the longest wait of the response itself: only a known id can conflict.
            due += 2 * FOLLOW_UP
            moment = _moment(record)
            value: bytes | None = encode_response({**record, "occurred_at": moment + 1})
        elif reason is Reason.VALUE_OUT_OF_SCALE:
            value = out_of_scale(record, self._cells[cell].survey.questions[0].measure)
        else:
            value = FAULTS[reason](record)
        return Item(due, key, value, Outcome.DEAD_LETTER, reason.value)

    def _change(self, record: Mapping[str, object]) -> Change:
        response = self._validator.check(record, _moment(record))
        assert isinstance(response, Response), response
        return Change(response.group, response.occurred_at, response.slots)


def _moment(record: Mapping[str, object]) -> int:
    return cast(int, record["occurred_at"])
