"""Commands of people on assets: values and files of the workspace that missions take and make."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.assets import ASSET_LIFECYCLE, Asset, AssetCommand, AssetStatus
from perdure.core.missions import Mission, MissionStatus
from perdure.ids import new_id
from perdure.services.files import FileService
from perdure.services.mission_access import asset_for, hop_for, mission_for
from perdure.services.mission_words import MAX_ASSETS, bad_word, check_asset_words
from perdure.store import assets
from perdure.store.store import Store
from perdure.store.transaction import Tx

_EDITABLE = ("description", "kind", "value", "path")


@dataclass(frozen=True, slots=True)
class _Owner:
    mission: Mission
    hop_id: str | None


class AssetCommands:
    """What people do to assets."""

    def __init__(self, store: Store, files: FileService) -> None:
        self._store = store
        self._files = files

    async def create(
        self,
        actor: Actor,
        *,
        name: str,
        mission_id: str | None = None,
        hop_id: str | None = None,
        role: str = "input",
        description: str = "",
        kind: str | None = None,
        value: Any = None,
        path: str | None = None,
    ) -> Asset:
        """Add an asset to a mission or one of its hops; with a value or a file it is ready.

        Raises:
            InvalidInput: naming the field: a name that is taken, a path outside the workspace.
            NotFound: when the mission or hop does not exist for the actor, or the workspace has no such file.
        """
        words = check_asset_words(name=name, role=role, description=description, kind=kind)
        _check_one(value, path)

        def owner_in(tx: Tx, lock: bool) -> _Owner:
            if hop_id is not None:
                mission, hop = hop_for(tx, actor, hop_id, Action.EDIT, lock=lock)
                return _Owner(mission, hop.id)
            if mission_id is None:
                raise bad_word("mission_id", "Name the mission or the hop that the asset belongs to.")
            return _Owner(mission_for(tx, actor, mission_id, Action.EDIT, lock=lock), None)

        before = await self._store.read(lambda tx: owner_in(tx, False))
        file = await self._file(before.mission.session_id, path)

        def body(tx: Tx) -> Asset:
            owner = owner_in(tx, True)
            known = assets.list_of_mission(tx, owner.mission.id)
            if len(known) >= MAX_ASSETS:
                raise bad_word("name", f"A mission has at most {MAX_ASSETS} assets.")
            if any(asset.name == words["name"] for asset in known):
                raise bad_word("name", f"The mission has an asset {words['name']!r} already.")
            there = file is not None or value is not None
            waiting = (
                AssetStatus.PROPOSED
                if owner.mission.status is MissionStatus.PROPOSED
                else AssetStatus.PENDING
            )
            asset = Asset(
                id=new_id(),
                session_id=owner.mission.session_id,
                mission_id=owner.mission.id,
                hop_id=owner.hop_id,
                status=AssetStatus.READY if there else waiting,
                value=value,
                created_at=tx.now,
                updated_at=tx.now,
                **{**words, **(file or {})},
            )
            assets.insert_asset(tx, asset)
            _audit(tx, actor, "asset.create", asset)
            return asset

        return await self._store.write(body)

    async def update(self, actor: Actor, asset_id: str, patch: dict[str, Any]) -> Asset:
        """Change description or kind, or provide a value or a file: the asset is ready, its version grows.

        Raises:
            InvalidInput: naming the field.
            NotFound: when it does not exist for the actor, or the workspace has no such file.
        """
        unknown = sorted(set(patch) - set(_EDITABLE))
        if unknown:
            raise bad_word(unknown[0], f"This cannot be changed; these can be: {', '.join(_EDITABLE)}.")
        value, path = patch.get("value"), patch.get("path")
        _check_one(value, path)
        before = await self._store.read(lambda tx: asset_for(tx, actor, asset_id, Action.EDIT))
        file = await self._file(before.session_id, path)

        def body(tx: Tx) -> Asset:
            asset = asset_for(tx, actor, asset_id, Action.EDIT, lock=True)
            changes: dict[str, Any] = check_asset_words(
                **{key: patch[key] for key in ("description", "kind") if patch.get(key) is not None}
            )
            if file is not None:
                changes |= {"value": None, **file}
            elif value is not None:
                nothing = ("path", "media_type", "size_bytes", "sha256")
                changes |= {"value": value, **dict.fromkeys(nothing)}
            if (file is not None or value is not None) and any(
                getattr(asset, key) != new for key, new in changes.items()
            ):
                row = ASSET_LIFECYCLE.decide(asset.status, AssetCommand.PROVIDE)
                changes |= {"status": row.target, "version": asset.version + asset.is_there}
            if not changes:
                return asset
            _audit(tx, actor, "asset.update", asset, fields=sorted(patch))
            return assets.change_asset(tx, asset, **changes)

        return await self._store.write(body)

    async def _file(self, session_id: str | None, path: str | None) -> dict[str, Any] | None:
        """Return what an asset keeps of a file of the workspace."""
        if path is None:
            return None
        if session_id is None:
            raise bad_word("path", "Link the mission to a session first: a file lies in its workspace.")
        info = await asyncio.to_thread(self._files.workspace(session_id).info, path)
        return {
            "path": info.path,
            "kind": "file",
            "media_type": info.media_type,
            "size_bytes": info.size_bytes,
            "sha256": info.sha256,
        }


def _audit(tx: Tx, actor: Actor, action: str, asset: Asset, **details: Any) -> None:
    told = {"mission_id": asset.mission_id, "hop_id": asset.hop_id, **details}
    tx.audit(actor, action, "asset", asset.id, session_id=asset.session_id, **told)


def _check_one(value: Any, path: str | None) -> None:
    if value is not None and path is not None:
        raise bad_word("path", "An asset has a value or a file, not both.")
