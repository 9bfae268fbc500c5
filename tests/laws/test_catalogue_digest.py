"""The digest names the content: it survives the bytes, ignores order, and sees every change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CatalogueError
from pipeline.resources import resource
from pipeline.wire.catalogue import (
    catalogue_bytes,
    catalogue_from_bytes,
    load_catalogue,
    make_catalogue,
)

SHIPPED = load_catalogue(resource("deploy", "catalog"))


def test_bytes_bring_back_the_same_catalogue_and_digest() -> None:
    back = catalogue_from_bytes(catalogue_bytes(SHIPPED))
    assert back == SHIPPED
    assert len(back.digest) == 16


T = TypeVar("T")


def mixed(random: Random, items: Iterable[T]) -> list[T]:
    listed = list(items)
    return random.sample(listed, len(listed))


@settings(max_examples=15)  # each builds the whole catalogue twice
@given(st.randoms(use_true_random=False))
def test_order_of_entries_aliases_and_channels_does_not_matter(random: Random) -> None:
    services = [
        replace(service, channels=tuple(mixed(random, service.channels)))
        for service in SHIPPED.services.values()
    ]
    other = make_catalogue(
        mixed(random, SHIPPED.agencies.values()),
        mixed(random, services),
        mixed(random, SHIPPED.surveys.values()),
    )
    assert other.digest == SHIPPED.digest
    assert catalogue_bytes(other) == catalogue_bytes(SHIPPED)


@settings(max_examples=15)
@given(st.sampled_from(sorted(SHIPPED.surveys)), st.integers(2, 9))
def test_a_changed_word_version_or_order_of_questions_changes_the_digest(
    code: str, version: int
) -> None:
    survey = SHIPPED.surveys[code]
    first, *rest = survey.questions
    changes = [
        replace(survey, title=survey.title + "."),
        replace(survey, questions=(replace(first, version=version + first.version), *rest)),
    ]
    if rest:
        changes.append(replace(survey, questions=(*rest, first)))
    for changed in changes:
        surveys = {**SHIPPED.surveys, code: changed}
        made = make_catalogue(
            SHIPPED.agencies.values(), SHIPPED.services.values(), surveys.values()
        )
        assert made.digest != SHIPPED.digest


@given(st.binary() | st.sampled_from([b"null", b"[]", b"{}", b'{"agencies": [1]}']))
def test_other_bytes_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(CatalogueError, match="stored catalogue"):
        catalogue_from_bytes(data)
