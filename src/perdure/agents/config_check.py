"""Whether the agents and models that a config names exist here; asked before a session or run is made."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from perdure.agents.models import MissingModelKey, ModelCatalog, ProviderNotInstalled
from perdure.agents.roles import ROLES
from perdure.errors import InvalidInput


def check_config(catalog: ModelCatalog, servers: Collection[str], config: Mapping[str, Any]) -> None:
    """Look up the `agent`, the tool servers and every model of a config; nobody is called.

    A provider whose key or package is still missing is no fault of the config: a run says so when it starts.

    Raises:
        InvalidInput: naming the field, when there is no such agent, tool server or provider.
    """
    agent = config.get("agent")
    if agent is not None:
        _check_known("agent", "config.agent", str(agent), ROLES)
    for name in config.get("mcp_servers") or ():
        _check_known("tool server", "config.mcp_servers", str(name), servers)
    _check_access(catalog, config)
    for key, name in config.items():
        if name is not None and (key == "model" or key.endswith("_model")):
            try:
                catalog.resolve(str(name))
            except (MissingModelKey, ProviderNotInstalled):
                continue
            except InvalidInput as error:
                error.fields.setdefault("field", f"config.{key}")
                raise


def _check_access(catalog: ModelCatalog, config: Mapping[str, Any]) -> None:
    """A key or an address belongs to the provider of the model that the config names."""
    given = [key for key in ("api_key", "base_url") if config.get(key) is not None]
    if not given:
        return
    name = config.get("model") or config.get("default_model")
    if name is None:
        raise InvalidInput(
            f"`{given[0]}` is for the provider of `model`; name that as well, as provider:model.",
            field=f"config.{given[0]}",
        )
    with suppress(ProviderNotInstalled):
        catalog.check_access(str(name), key="api_key" in given, base_url=config.get("base_url"))


def _check_known(noun: str, field: str, name: str, known: Collection[str]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, 1, 0.5)
    there = f"there are {', '.join(sorted(known))}." if known else "none is set up on this server."
    hint = f"did you mean {near[0]!r}?" if near else there
    raise InvalidInput(f"There is no {noun} {name!r}; {hint}", field=field, known=sorted(known))
