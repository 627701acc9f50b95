"""The server itself: what it offers and how it is."""

from __future__ import annotations

from perdure.client import models
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, reads


def modes() -> Call[models.ModePage]:
    """Read the modes the server offers, with the schema of their config."""
    return Call("GET", "/api/sessions/modes/list", reads(models.ModePage))


def stats() -> Call[models.Status]:
    """Read counts of sessions and connections, and the state of storage."""
    return Call("GET", "/api/stats", reads(models.Status))


def health() -> Call[models.Status]:
    """Ask whether the process is alive."""
    return Call("GET", "/health", reads(models.Status))


def ready() -> Call[models.Status]:
    """Ask whether storage, engine and model can be used; answers also when they cannot."""
    return Call("GET", "/ready", reads(models.Status), accepts=frozenset({503}))


class Server(Group):
    """`client.server`."""

    modes = Sync(modes)
    stats = Sync(stats)
    health = Sync(health)
    ready = Sync(ready)


class AsyncServer(AsyncGroup):
    """`client.server`, awaited."""

    modes = Async(modes)
    stats = Async(stats)
    health = Async(health)
    ready = Async(ready)
