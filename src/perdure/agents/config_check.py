"""Whether the agents and models that a config names exist here; asked before a session or run is made."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from perdure.agents.models import MissingModelKey, ModelCatalog, ProviderNotInstalled
from perdure.agents.roles import ROLES
from perdure.errors import InvalidInput


def check_config(catalog: ModelCatalog, config: Mapping[str, Any]) -> None:
    """Look up the `agent` and every model of a config; nobody is called.

    A provider whose key or package is still missing is no fault of the config: a run says so when it starts.

    Raises:
        InvalidInput: naming the field, when there is no such agent, or no such provider.
    """
    agent = config.get("agent")
    if agent is not None and agent not in ROLES:
        near = difflib.get_close_matches(str(agent), ROLES, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(ROLES)}."
        raise InvalidInput(f"There is no agent {agent!r}{hint}", field="config.agent", known=sorted(ROLES))
    for key, name in config.items():
        if name is not None and (key == "model" or key.endswith("_model")):
            try:
                catalog.resolve(str(name))
            except (MissingModelKey, ProviderNotInstalled):
                continue
            except InvalidInput as error:
                error.fields.setdefault("field", f"config.{key}")
                raise
