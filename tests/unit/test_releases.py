"""What each release has left behind is kept, for later ones to go on from."""

from __future__ import annotations

import re

import pytest

from tests.releases.artefacts import FOLDER, PARTITIONS, read, releases
from tests.releases.record import NAMES

_RELEASED = re.compile(r"^## \[(\d+\.\d+\.\d+)\]", re.MULTILINE)
_CHANGELOG = FOLDER.parent.parent / "CHANGELOG.md"


def test_every_release_of_the_changelog_is_recorded() -> None:
    released = _RELEASED.findall(_CHANGELOG.read_text(encoding="utf-8"))
    assert "0.1.0" in released
    assert sorted(released) == releases()


@pytest.mark.parametrize("release", releases())
def test_a_recording_has_records_everywhere_and_some_that_are_not_stored(release: str) -> None:
    kept = read(release)
    for name in NAMES:
        assert {record.partition for record in kept.topics[name]} == set(range(PARTITIONS)), name
    assert 0 < len(kept.tables["ledger"]) < len(kept.topics["ledger"])
    assert {"score", "sink-scores"} <= {committed.group for committed in kept.groups}
