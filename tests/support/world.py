"""The shipped catalogue, and five groups of it that cover the four instruments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.partition import PartitionState, Record
from pipeline.core.reasons import Reason
from pipeline.core.response import Validator
from pipeline.core.updates import Group
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue

CATALOGUE: Final = load_catalogue(resource("deploy", "catalog"))

GROUPS: Final = (
    Group("va", "va-vha", "email", "va-vha-post-visit"),
    Group("va", "va-vha", "phone", "va-vha-post-visit"),
    Group("va", "va-vha", "in_person", "va-vha-trust"),
    Group("va", "va-outpatient", "in_person", "va-outpatient-visit"),
    Group("ssa", "ssa-replacement-card", "website", "ssa-replacement-card-done"),
)

ANSWERS: Final[dict[str, tuple[dict[str, int], ...]]] = {
    "va-vha-post-visit": ({}, {"trust": 1}, {"satisfaction": 5, "trust": 4, "ease": 3}),
    "va-vha-trust": ({"trust": 5}, {"trust": 2, "negative_ease": 1, "negative_other": 0}),
    "va-outpatient-visit": ({"trust": 0}, {"trust": 1, "positive_humanity": 1}),
    "ssa-replacement-card-done": ({"yes_no": 0}, {"yes_no": 1}, {}),
}
"""Some valid answers to each survey; the first of each shares no value with the last."""

DAY: Final = 24 * 60 * 60 * 1000
START: Final = 1_700_000_000_000 // DAY * DAY
"""Midnight UTC in November 2023, so that hours, minutes and days begin together."""


def response(**changes: object) -> dict[str, object]:
    """A valid decoded record, with some fields changed."""
    return {
        "event_id": "5a4b8f4e-26ac-4df9-9c85-0b0e2f7a1c11",
        "occurred_at": START,
        "agency": "va",
        "service": "va-vha",
        "channel": "email",
        "survey": "va-vha-post-visit",
        "answers": {"satisfaction": 5, "trust": 4},
        "location": None,
        "comment": None,
        "retracted": False,
        **changes,
    }


Sent = tuple[int, int, Mapping[str, object] | Reason]
"""(offset, append time in ms, decoded record or why it could not be decoded)."""


def checked(state: PartitionState, sent: Iterable[Sent]) -> list[Record]:
    """The records as the state's catalogue reads them."""
    check = _validator(state.catalogue).check
    return [
        (offset, at, record if isinstance(record, Reason) else check(record, at))
        for offset, at, record in sent
    ]


_VALIDATORS: Final[dict[str, Validator]] = {}


def _validator(catalogue: Catalogue) -> Validator:
    """One a catalogue: a validator remembers what it has seen."""
    if catalogue.digest not in _VALIDATORS:
        _VALIDATORS[catalogue.digest] = Validator(catalogue)
    return _VALIDATORS[catalogue.digest]
