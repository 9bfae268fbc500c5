"""The words of OMB Circular A-11 section 280: measures, scales, instruments, channels.

Names and codes are those of GSA/touchpoints, so that data can be exchanged without translation.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Scale(StrEnum):
    """What the values of a measure mean. Never merged: 1 is *up* on one, *disagree* on another."""

    LIKERT5 = "likert5"  # 1 strongly disagree .. 5 strongly agree
    THUMBS = "thumbs"  # 0 down, 1 up
    TICK = "tick"  # 0 shown and not ticked, 1 ticked
    YES_NO = "yes_no"  # 0 no, 1 yes
    COUNT = "count"  # the reserved measure `response` only


class Instrument(StrEnum):
    """The four survey forms in use; each fixes which measures may be asked, and on which scale."""

    A11 = "a11"
    A11_V2 = "a11_v2"
    A11_V2_RADIO = "a11_v2_radio"
    A11_YES_NO = "a11_yes_no"


VALUES: Final[dict[Scale, range]] = {
    Scale.LIKERT5: range(1, 6),
    Scale.THUMBS: range(2),
    Scale.TICK: range(2),
    Scale.YES_NO: range(2),
    Scale.COUNT: range(1),
}
"""The values each scale allows."""

SLOTS: Final = 6
"""Counts kept for each measure, one for each value 0..5: the widest scale fits, rows look alike."""

RESPONSE: Final = "response"
"""Reserved measure, scale `count`: one for every response counted, whatever was skipped."""
COUNTED: Final = (RESPONSE, str(Scale.COUNT))
"""Measure and scale of what every pane counts: all responses."""

LIKERT_MEASURES: Final = (
    "satisfaction",
    "trust",
    "effectiveness",
    "ease",
    "efficiency",
    "transparency",
    "employee",
)
DRIVERS: Final = (
    "effectiveness",
    "ease",
    "efficiency",
    "transparency",
    "humanity",
    "employee",
    "other",
)
POSITIVE: Final = tuple(f"positive_{driver}" for driver in DRIVERS)
NEGATIVE: Final = tuple(f"negative_{driver}" for driver in DRIVERS)
_TICKS: Final = dict.fromkeys(POSITIVE + NEGATIVE, Scale.TICK)

MEASURES: Final[dict[Instrument, dict[str, Scale]]] = {
    Instrument.A11: dict.fromkeys(LIKERT_MEASURES, Scale.LIKERT5),
    Instrument.A11_V2: {"trust": Scale.THUMBS, **_TICKS},
    Instrument.A11_V2_RADIO: {"trust": Scale.LIKERT5, **_TICKS},
    Instrument.A11_YES_NO: {"yes_no": Scale.YES_NO},
}
"""Every measure an instrument may ask, in the order of the form; a survey may ask fewer."""

CHANNEL_GROUPS: Final[dict[str, str]] = {
    "computer": "digital",
    "mobile": "digital",
    "email": "digital",
    "chatbot": "digital",
    "website": "digital",
    "mobile_app": "digital",
    "live_chat": "digital",
    "sms_text_messages": "digital",
    "social_media": "digital",
    "other_digital": "digital",
    "phone": "phone",
    "automated_phone": "phone",
    "in_person": "in_person",
    "self_service_kiosk": "in_person",
    "other_non_digital": "in_person",
    "paper": "mail",
    "postal_mail": "mail",
    "fax": "mail",
}
"""The 18 channel codes, each with its group; Touchpoints leaves the later ten without one."""

CHANNELS: Final = frozenset(CHANNEL_GROUPS)

TRUST_VARIANTS: Final = (
    "i_trust",
    "increased_my_trust",
    "recent_experience_and_trust",
    "confidence_rating",
    "interaction_and_confidence",
    "how_confident",
)
"""The six wordings of the trust question in use; scores are comparable within one of them only."""

INTERACTION_TYPES: Final = ("post_interaction", "post_service_journey", "relational")
