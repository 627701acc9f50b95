"""What tools may do without asking: categories, permissions, and the mark of one exact call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class ToolCategory(StrEnum):
    """What a tool touches."""

    READ_ONLY = "read_only"
    FILE_WRITE = "file_write"
    CODE = "code"
    SHELL = "shell"
    NETWORK = "network"


class Permission(StrEnum):
    """Whether a tool call goes ahead."""

    PROMPT = "prompt"
    AUTO_ALLOW = "auto_allow"
    DENY = "deny"


DEFAULT_PERMISSIONS: Mapping[ToolCategory, Permission] = MappingProxyType(
    {
        ToolCategory.READ_ONLY: Permission.AUTO_ALLOW,
        ToolCategory.FILE_WRITE: Permission.AUTO_ALLOW,
        ToolCategory.CODE: Permission.PROMPT,
        ToolCategory.SHELL: Permission.PROMPT,
        ToolCategory.NETWORK: Permission.PROMPT,
    }
)


def permission_for(
    category: ToolCategory, configured: Mapping[ToolCategory, Permission], granted: frozenset[ToolCategory]
) -> Permission:
    """Return what holds for a category: a configured `deny` always, then what a person granted."""
    permission = configured.get(category, DEFAULT_PERMISSIONS[category])
    if permission is Permission.PROMPT and category in granted:
        return Permission.AUTO_ALLOW
    return permission


def call_hash(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return the mark of one exact call, so that what was approved is what runs: SHA-256 in hex."""
    exact = json.dumps([tool, arguments], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(exact.encode()).hexdigest()
