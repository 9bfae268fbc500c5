"""What a survey keeps for ever: its agency and service, and the scale of each measure. Its answers
are counted by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.catalogue import Catalogue
from pipeline.core.panes import Measures
from pipeline.core.vocabulary import COUNTED
from pipeline.errors import CatalogueError

Owners = Mapping[str, tuple[str, str]]
"""Survey → agency and service."""
Scales = Mapping[tuple[str, str], str]
"""Survey and measure → scale."""

Layouts = Mapping[str, Measures]
"""Survey → what its panes count."""


@dataclass(frozen=True, slots=True)
class Past:
    """What catalogues said so far, also of surveys and questions that are gone for now."""

    owners: Owners
    scales: Scales

    @classmethod
    def of(cls, catalogue: Catalogue) -> Past:
        """Of this one alone."""
        scales = {
            (survey.id, measure): scale.value
            for survey in catalogue.surveys.values()
            for measure, scale in survey.measures.items()
        }
        return cls(catalogue.owners, scales)

    @property
    def layouts(self) -> Layouts:
        """By survey, what its panes may count: (measure, scale) of every question it ever asked,
        and the reserved `response`."""
        found: dict[str, Measures] = dict.fromkeys(self.owners, ())
        for (survey, measure), scale in self.scales.items():
            found[survey] = (*found[survey], (measure, scale))
        return {survey: (*asked, COUNTED) for survey, asked in found.items()}

    def followed_by(self, catalogue: Catalogue) -> Past:
        """With a later one. Raises CatalogueError when that gives a survey to another service, or a
        measure of it another scale."""
        later = Past.of(catalogue)
        for survey, owner in sorted(later.owners.items()):
            was = self.owners.get(survey, owner)
            if was != owner:
                raise CatalogueError(
                    f"survey {survey!r}: is of {'/'.join(owner)} now, was of {'/'.join(was)}: "
                    "answers counted before would stay there; give it a new id, and what is "
                    "renamed an alias"
                )
        for (survey, measure), scale in sorted(later.scales.items()):
            before = self.scales.get((survey, measure), scale)
            if before != scale:
                raise CatalogueError(
                    f"survey {survey!r}: {measure!r} is asked on scale {scale} now, was on "
                    f"{before}: answers do not say on which they were given; give it a new id"
                )
        return Past({**self.owners, **later.owners}, {**self.scales, **later.scales})
