"""`CXPULSE_*` variables as nested settings; a name that means nothing is refused, since it is a
slip whose effect would be a default, silently."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import SettingsError

PREFIX = "CXPULSE_"

CONFIG_VARIABLE = "CXPULSE_CONFIG"
"""Names the TOML file; `--config` sets it."""

_FILE = "_FILE"

ALIKE = 0.85
"""Of 1: every name shares its beginning with many others, so only a slip or two is a likeness."""

Place = tuple[str, ...]
"""Where a setting is in the tree: `("kafka", "bootstrap")`."""


def variable(place: Place) -> str:
    """`("kafka", "bootstrap")` → `CXPULSE_KAFKA_BOOTSTRAP`."""
    return PREFIX + "_".join(place).upper()


def read_environment(places: Iterable[Place], environ: Mapping[str, str]) -> dict[str, object]:
    """The settings that `environ` gives, nested as the tree is; empty variables count as not set.

    `CXPULSE_X_FILE` names a file that holds the value of `CXPULSE_X`: so a secret stays out of the
    environment, which child processes inherit. Raises SettingsError naming a variable that is no
    setting, is given twice, or names a file that cannot be read.
    """
    known = {variable(place): place for place in places}
    found: dict[str, object] = {}
    for name in sorted(n for n in environ if n.startswith(PREFIX) and n != CONFIG_VARIABLE):
        target = name if name in known else name.removesuffix(_FILE)
        if target not in known:
            raise SettingsError(f"{name}: {unknown(name, known)}")
        if not environ[name]:
            continue
        if target != name and environ.get(target):
            raise SettingsError(f"{name}: {target} is set too; keep one of them")
        value = environ[name] if target == name else _content(name, Path(environ[name]))
        section = found
        *path, leaf = known[target]
        for step in path:
            inner = section.setdefault(step, {})
            assert isinstance(inner, dict)  # settings are leaves of a tree: no place is inside one
            section = inner
        section[leaf] = value
    return found


def forget_environment() -> None:
    """Take every setting out of this process's environment, and so out of its children's: for a
    stack of its own that must touch no other Kafka or ClickHouse."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a misspelt setting."""
    near = get_close_matches(name, sorted(known), n=1, cutoff=ALIKE)
    hint = f"did you mean {near[0]}?" if near else "`cxpulse config` lists them all"
    return f"no such setting; {hint}"


def _content(name: str, path: Path) -> str:
    """The file without the line end that editors and `echo` put there."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {path} is not UTF-8 text") from None
