"""Avro written by hand, from the specification: also what no proper writer would write."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.wire.responses import response_codec


def number(value: int, padding: int = 0) -> bytes:
    """A zigzag variable-length long; `padding` adds bytes that say nothing."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    for _ in range(padding):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def string(text: str | bytes, padding: int = 0) -> bytes:
    """A string; given bytes, whatever they are."""
    data = text.encode() if isinstance(text, str) else text
    return number(len(data), padding) + data


def optional(text: str | bytes | None) -> bytes:
    """A union of null and string."""
    return number(0) if text is None else number(1) + string(text)


def entries(answers: Mapping[str, int]) -> bytes:
    """The entries of a map block, without its count."""
    return b"".join(string(measure) + number(value) for measure, value in answers.items())


def answer_map(answers: Mapping[str, int]) -> bytes:
    """A map in one block, as most writers do it."""
    block = number(len(answers)) + entries(answers) if answers else b""
    return block + number(0)


def before_answers(record: Mapping[str, object]) -> bytes:
    """Header and fields up to the answers."""
    codes = (str(record[name]) for name in ("agency", "service", "channel", "survey"))
    occurred_at = record["occurred_at"]
    assert isinstance(occurred_at, int)
    start = string(str(record["event_id"])) + number(occurred_at)
    return response_codec().header + start + b"".join(map(string, codes))


def after_answers(
    location: str | bytes | None = None,
    comment: str | bytes | None = None,
    retracted: bytes = b"\0",
) -> bytes:
    """The fields after the answers."""
    return optional(location) + optional(comment) + retracted
