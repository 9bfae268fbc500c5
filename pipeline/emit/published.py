"""A published quarter as individual responses: the same count, the same means, in time order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha1
from random import Random
from typing import Annotated, Final
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.core.fiscal import bounds
from pipeline.emit.apportion import Counts, apportion
from pipeline.emit.rhythm import times
from pipeline.errors import InputError
from pipeline.resources import resource

NAMESPACE: Final = UUID("8f0c3b52-5d1e-5b7a-9a41-6f2d7c0e9b13")
"""Of the ids of published responses. Never change it, nor what follows from it: a second run would
no longer find its own responses, and count them twice."""

MOOD: Final = 0.7
"""How often an answer follows the customer's overall mood and not the one question: answers to
the seven questions of one customer are much alike."""

Answers = dict[str, int]
Mean = Annotated[str, StringConstraints(pattern=r"^[1-5]\.[0-9]{2}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PublishedQuarter(_Entry):
    """What was published about one quarter. `means` are text, so that no decimal is lost."""

    fiscal_year: int
    quarter: int = Field(ge=1, le=4)
    offered: int = Field(ge=1)
    responses: int = Field(ge=1)
    means: dict[str, Mean]


class Published(_Entry):
    """What was published about one service, and where."""

    service: str
    agency: str
    survey: str
    channel: str
    source: str
    quarters: list[PublishedQuarter]

    def quarter(self, fiscal_year: int, quarter: int) -> PublishedQuarter:
        """One quarter. Raises InputError naming those there are."""
        for entry in self.quarters:
            if (entry.fiscal_year, entry.quarter) == (fiscal_year, quarter):
                return entry
        known = ", ".join(f"{q.fiscal_year} Q{q.quarter}" for q in self.quarters)
        raise InputError(
            f"{self.service}: no figures of {fiscal_year} Q{quarter}; there are {known}"
        )


def load_published(service: str) -> Published:
    """The published figures of a service. Raises InputError naming the services there are."""
    folder = resource("deploy", "published")
    paths = {path.stem: path for path in folder.glob("*.yaml")}
    if service not in paths:
        known = ", ".join(sorted(paths))
        raise InputError(f"no published figures of {service!r}; there are those of {known}")
    path = paths[service]
    try:
        return Published.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InputError(f"{path}: {type(error).__name__}: it does not hold") from error


@dataclass(frozen=True, slots=True)
class Plan:
    """What the responses of one published quarter will be, before any is made."""

    published: Published
    quarter: PublishedQuarter
    responses: int
    timezone: str
    counts: dict[str, Counts]

    @property
    def name(self) -> str:
        """Names the quarter in ids; a scaled one is another set of responses."""
        quarter = self.quarter
        return f"{self.published.survey}/{quarter.fiscal_year}Q{quarter.quarter}/{self.responses}"


def plan_quarter(
    published: Published, quarter: PublishedQuarter, timezone: str, responses: int | None = None
) -> Plan:
    """Counts of each answer that give the published means; `responses` makes a smaller quarter of
    the same means. Raises InputError when so few answers cannot have them."""
    size = quarter.responses if responses is None else responses
    try:
        counts = {m: apportion(size, Decimal(mean)) for m, mean in quarter.means.items()}
    except ValueError as error:
        raise InputError(f"{published.service}: {error}; ask for at least 100 responses") from None
    return Plan(published, quarter, size, timezone, counts)


def responses(plan: Plan) -> Iterator[dict[str, object]]:
    """The records, in time order over the quarter, cut in the survey's zone; always the same ones.

    Answers are drawn from urns that hold exactly the counts, so these come out whatever is drawn.
    """
    quarter, published = plan.quarter, plan.published
    random = Random(plan.name).random
    start, end = bounds(quarter.fiscal_year, quarter.quarter, plan.timezone)
    urns = [(measure, list(counts)) for measure, counts in plan.counts.items()]
    instants = times(start, end, plan.responses, plan.timezone, Random(f"{plan.name}/times"))
    identified = zip(_ids(plan.name, plan.responses), instants, strict=True)
    for index, (event_id, occurred_at) in enumerate(identified):
        yield {
            "event_id": event_id,
            "occurred_at": occurred_at,
            "agency": published.agency,
            "service": published.service,
            "channel": published.channel,
            "survey": published.survey,
            "answers": _draw(urns, plan.responses - index, random),
            "location": None,
            "comment": None,
            "retracted": False,
        }


def _draw(urns: list[tuple[str, list[int]]], left: int, random: Callable[[], float]) -> Answers:
    """One ball from each urn that still holds `left`, 5s on top: most draws end there."""
    mood = random()
    answers: Answers = {}
    for measure, urn in urns:
        ball = int((mood if random() < MOOD else random()) * left)
        value = 4
        while ball >= urn[value]:
            ball -= urn[value]
            value -= 1
        urn[value] -= 1
        answers[measure] = value + 1
    return answers


def _ids(name: str, count: int) -> Iterator[str]:
    """`uuid5(NAMESPACE, f"{name}/{index}")` for each index, hashing what they share once."""
    shared = sha1(NAMESPACE.bytes + f"{name}/".encode(), usedforsecurity=False)
    for index in range(count):
        digest = shared.copy()
        digest.update(b"%d" % index)
        text = digest.hexdigest()
        variant = _VARIANT[text[16]]
        yield f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


_VARIANT: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
"""RFC 9562: the two highest bits of the ninth byte are 10."""
