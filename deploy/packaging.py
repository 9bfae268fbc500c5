"""Build hooks: one list of pinned requirements, and the shipped files inside the wheel."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """The wheel depends on exactly what requirements.txt pins, so that one list serves both."""

    def update(self, metadata: dict[str, Any]) -> None:
        lines = (Path(self.root) / "requirements.txt").read_text(encoding="utf-8").splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]


class ResourcesHook(BuildHookInterface[Any]):
    """A real wheel carries schemas/ and deploy/; an editable install finds them in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] = {
                "schemas": "pipeline/_resources/schemas",
                "deploy": "pipeline/_resources/deploy",
            }
