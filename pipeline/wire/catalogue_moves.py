"""A survey keeps its agency and service: by them its answers are counted, for ever."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.catalogue import Catalogue
from pipeline.errors import CatalogueError


def refuse_moves(before: Mapping[str, tuple[str, str]], after: Catalogue) -> None:
    """Raises CatalogueError when a survey has another agency or service than it had `before`, as
    `Catalogue.owners` has them."""
    for survey, owner in sorted(after.owners.items()):
        was = before.get(survey, owner)
        if was != owner:
            raise CatalogueError(
                f"survey {survey!r}: is of {'/'.join(owner)} now, was of {'/'.join(was)}: answers "
                "counted before would stay there; give it a new id, and what is renamed an alias"
            )
