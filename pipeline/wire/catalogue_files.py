"""What a catalogue file may say: its entries as strict models, with errors that name them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.core.vocabulary import Instrument, Scale
from pipeline.errors import CatalogueError

# Codes are parts of Kafka keys (`agency/service/channel`) and of addresses: no slash, no case, no
# surprise in a shell; 64 characters keep a key short.
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^\S(.*\S)?$")]
OmbNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{4}$")]


class _Entry(BaseModel):
    """Strict and closed: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class AgencyEntry(_Entry):
    code: Code
    name: Text
    aliases: list[Code] = []


class ServiceEntry(_Entry):
    code: Code
    name: Text
    agency: Code
    provider: Code | None = None
    aliases: list[Code] = []
    designated: bool = False
    is_provider: bool = False
    channels: list[str] = []


class QuestionEntry(_Entry):
    """`scale` is that of the instrument; stating it guards a copied question."""

    text: Text
    version: Annotated[int, Field(ge=1)] = 1
    scale: Annotated[Scale, Field(strict=False)] | None = None


class WordingEntry(_Entry):
    """A named set of questions that several surveys share."""

    id: Code
    questions: dict[str, QuestionEntry]


class SurveyEntry(_Entry):
    id: Code
    title: Text
    service: Code
    instrument: Annotated[Instrument, Field(strict=False)]
    interaction_type: str
    timezone: str
    omb_number: OmbNumber
    omb_expires: date
    trust_variant: str | None = None
    wording: list[Code] = []
    questions: dict[str, QuestionEntry] = {}
    omits: list[str] = []


Entry = TypeVar("Entry", bound=_Entry)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return dict(super().construct_mapping(node, deep))


def read_entries(path: Path, key: str, model: type[Entry]) -> list[Entry]:
    """The entries of the list under `key`, the only key of the file.

    Raises CatalogueError (file, entry, field, what is wrong) for anything else.
    """
    content = _parse(path)
    entries = content.get(key) if isinstance(content, Mapping) and len(content) == 1 else None
    if not isinstance(entries, list):
        raise CatalogueError(f"{path}: must hold one list under the key '{key}' and nothing else")
    return [_validate(path, number, raw, model) for number, raw in enumerate(entries, start=1)]


def _parse(path: Path) -> object:
    try:
        return _parse_text(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(
            f"{path}: cannot be read ({error.strerror}); a catalogue folder holds agencies.yaml, "
            "services.yaml, wordings.yaml and surveys.yaml"
        ) from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CatalogueError(f"{path}: {line}is not valid YAML: {error.problem}") from error
    # ValueError: bytes that are not UTF-8, and dates that do not exist.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CatalogueError(f"{path}: is not valid YAML: {reason}") from error


@lru_cache(maxsize=8)
def _parse_text(text: str) -> object:
    """Four files, and the four before a change: what has not changed is not parsed again, which
    takes most of the time (0.15 s). Nobody may change what it returns."""
    parsed: object = yaml.load(text, Loader=_Loader)
    return parsed


def _validate(path: Path, number: int, raw: object, model: type[Entry]) -> Entry:
    name = f"entry {number}"
    if isinstance(raw, Mapping):
        label = raw.get("code", raw.get("id"))
        name = f"entry {number} ({label!r})" if label is not None else name
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        # A misspelt key also leaves one missing; the misspelling is what to mend.
        first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
        field = ".".join(str(part) for part in first["loc"])
        where = f"{path}: {name}: {field}" if field else f"{path}: {name}"
        raise CatalogueError(f"{where}: {first['msg']}") from error
