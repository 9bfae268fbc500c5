"""Who answers in the simulation: every survey in every channel, as unevenly as in reality.

Calibrated to published figures: seven services gave over 90 % of all responses of fiscal year 2020,
one alone about a third; means lie between 3.75 and 4.8; two channels of one service differ by
about 0.3 while a quarter changes little; many cells hardly get an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

from pipeline.core.catalogue import Catalogue, Survey
from pipeline.core.updates import Group
from pipeline.core.vocabulary import CHANNEL_GROUPS

LEADERS: Final = (
    "va-vha",
    "treas-irs",
    "ssa-oo",
    "hhs-marketplace",
    "dos-ca",
    "ed-fsa",
    "dhs-tsa",
)
"""Services known for their volume, largest first; others of the catalogue fill up to seven."""
LEADING: Final = 7
LEADERS_SHARE: Final = 0.92
"""What the seven give together."""
DEFAULT_CHANNELS: Final = ("website", "phone")
"""For a service whose channels are not stated."""
LOW_MEAN: Final = 3.75
HIGH_MEAN: Final = 4.55
"""Range of the services' means before channel and question move them, as published."""
CHANNEL_EFFECT: Final = {"in_person": 0.15, "digital": -0.1, "phone": -0.15, "mail": 0.0}
"""Talking to somebody at a desk is liked best: 0.3 between best and worst. The mobile channels are
liked like a desk (USAJOBS: 4.25 against 3.89 on computers)."""
MOBILE: Final = frozenset({"mobile", "mobile_app"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One survey in one channel: its share of all responses, and the mean (1..5) of its answers."""

    group: Group
    survey: Survey
    share: float
    mean: float


def cells(catalogue: Catalogue) -> tuple[Cell, ...]:
    """The cells of a catalogue, always the same for it; their shares add up to 1."""
    by_service: dict[str, list[Survey]] = {}
    for survey in catalogue.surveys.values():
        by_service.setdefault(survey.service, []).append(survey)
    made: list[Cell] = []
    for code, share in _service_shares(sorted(by_service)).items():
        service = catalogue.services[code]
        channels = service.channels or DEFAULT_CHANNELS
        pairs = [(survey, channel) for survey in by_service[code] for channel in channels]
        for (survey, channel), part in zip(pairs, _zipf(len(pairs)), strict=True):
            group = Group(service.agency, code, channel, survey.id)
            made.append(Cell(group, survey, share * part, _mean(code, channel)))
    return tuple(made)


def _service_shares(codes: list[str]) -> dict[str, float]:
    known = [code for code in LEADERS if code in codes]
    ranked = known + [code for code in codes if code not in known]
    leaders, rest = ranked[:LEADING], ranked[LEADING:]
    whole = LEADERS_SHARE if rest else 1.0
    shares = [whole * part for part in _zipf(len(leaders))]
    shares += [(1 - whole) * part for part in _zipf(len(rest))]
    return dict(zip(ranked, shares, strict=True))


def _zipf(count: int) -> list[float]:
    weights = [1 / rank for rank in range(1, count + 1)]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def _mean(service: str, channel: str) -> float:
    """A service's own level, by its code: the same in every run, so that runs can be compared."""
    level = crc32(service.encode()) % 1000 / 1000
    effect = 0.15 if channel in MOBILE else CHANNEL_EFFECT[CHANNEL_GROUPS[channel]]
    return LOW_MEAN + level * (HIGH_MEAN - LOW_MEAN) + effect
