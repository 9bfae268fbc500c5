"""A folder of YAML files → the checked catalogue. The format is in `deploy/catalog/README.md`."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.catalogue import Agency, Catalogue, Service
from pipeline.core.vocabulary import CHANNELS
from pipeline.errors import CatalogueError
from pipeline.wire.catalogue_codec import catalogue_bytes, catalogue_from_bytes, make_catalogue
from pipeline.wire.catalogue_files import (
    AgencyEntry,
    QuestionEntry,
    ServiceEntry,
    SurveyEntry,
    WordingEntry,
    read_entries,
)
from pipeline.wire.catalogue_surveys import SurveyBuilder
from pipeline.wire.suggest import known

__all__ = ["catalogue_bytes", "catalogue_from_bytes", "load_catalogue", "make_catalogue"]


def load_catalogue(folder: Path) -> Catalogue:
    """Reads agencies, services, wordings and surveys (`.yaml`) and checks that they hold together.

    Raises CatalogueError naming file, entry and what to do.
    """
    agencies = _agencies(folder / "agencies.yaml")
    services = _services(folder / "services.yaml", agencies)
    wordings = _wordings(folder / "wordings.yaml")
    path = folder / "surveys.yaml"
    entries = read_entries(path, "surveys", SurveyEntry)
    _refuse_twice(path, [(entry.id, (entry.id,)) for entry in entries])
    builder = SurveyBuilder(path, agencies, services, wordings)
    return make_catalogue(agencies.values(), services.values(), map(builder.build, entries))


def _agencies(path: Path) -> dict[str, Agency]:
    entries = read_entries(path, "agencies", AgencyEntry)
    _refuse_twice(path, [(entry.code, (entry.code, *entry.aliases)) for entry in entries])
    return {e.code: Agency(e.code, e.name, tuple(sorted(e.aliases))) for e in entries}


def _services(path: Path, agencies: dict[str, Agency]) -> dict[str, Service]:
    entries = read_entries(path, "services", ServiceEntry)
    _refuse_twice(path, [(entry.code, (entry.code, *entry.aliases)) for entry in entries])
    by_code = {entry.code: entry for entry in entries}
    return {entry.code: _service(path, entry, by_code, agencies) for entry in entries}


def _service(
    path: Path, entry: ServiceEntry, by_code: dict[str, ServiceEntry], agencies: dict[str, Agency]
) -> Service:
    where = f"{path}: service {entry.code!r}"
    if entry.agency not in agencies:
        raise CatalogueError(f"{where}: agency {known(entry.agency, agencies, 'agencies.yaml')}")
    for channel in entry.channels:
        if channel not in CHANNELS:
            raise CatalogueError(f"{where}: channel {known(channel, CHANNELS, 'the 18 channels')}")
    return Service(
        code=entry.code,
        name=entry.name,
        agency=entry.agency,
        provider=_provider(where, entry, by_code),
        aliases=tuple(sorted(entry.aliases)),
        designated=entry.designated,
        is_provider=entry.is_provider,
        channels=tuple(sorted(set(entry.channels))),
    )


def _provider(where: str, entry: ServiceEntry, by_code: dict[str, ServiceEntry]) -> str:
    """The provider's code. A provider is its own; another service names one of the same agency."""
    if entry.is_provider:
        if entry.provider not in (None, entry.code):
            raise CatalogueError(
                f"{where}: is a provider, so leave out provider {entry.provider!r}"
            )
        return entry.code
    if entry.provider is None:
        raise CatalogueError(f"{where}: has no provider; name one, or set is_provider: true")
    provider = by_code.get(entry.provider)
    if provider is None or not provider.is_provider:
        providers = [code for code, other in by_code.items() if other.is_provider]
        hint = known(entry.provider, providers, "the services with is_provider: true")
        raise CatalogueError(f"{where}: provider {hint}")
    if provider.agency != entry.agency:
        raise CatalogueError(
            f"{where}: agency {entry.agency!r} is not that of its provider ({provider.agency!r}); "
            "make them equal"
        )
    return entry.provider


def _wordings(path: Path) -> dict[str, dict[str, QuestionEntry]]:
    entries = read_entries(path, "wordings", WordingEntry)
    _refuse_twice(path, [(entry.id, (entry.id,)) for entry in entries])
    return {entry.id: entry.questions for entry in entries}


def _refuse_twice(path: Path, entries: list[tuple[str, tuple[str, ...]]]) -> None:
    """Every code or alias belongs to one entry, or an event could mean two things."""
    owners: dict[str, str] = {}
    for code, names in entries:
        for name in names:
            if name in owners:
                raise CatalogueError(
                    f"{path}: {code!r}: the code or alias {name!r} is already used by "
                    f"{owners[name]!r}; rename one"
                )
            owners[name] = code
