"""What the server's operator put into its environment for providers never reaches an address that a session names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from perdure.agents.models import ModelCatalog
from perdure.agents.session_models import Access
from perdure.agents.web.guard import OutgoingGuard

SERVERS_OWN = {
    "OPENAI_API_KEY": "canary-key",
    "OPENAI_ORG_ID": "canary-organisation",
    "OPENAI_PROJECT_ID": "canary-project",
    "OPENAI_CUSTOM_HEADERS": "X-Gateway: canary-gateway\nX-Other: canary-other",
    "ANTHROPIC_API_KEY": "canary-key",
    "ANTHROPIC_AUTH_TOKEN": "canary-token",
    "ANTHROPIC_CUSTOM_HEADERS": "Proxy-Authorization: canary-gateway",
    "AZURE_OPENAI_AD_TOKEN": "canary-token",
    "OPENAI_API_VERSION": "2024-06-01",
    "OLLAMA_API_KEY": "canary-key",
}


class Listener:
    """Keeps the heads of requests and refuses them."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(b"HTTP/1.1 400 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()


@pytest.fixture
async def port_and_heads() -> AsyncIterator[tuple[int, list[str]]]:
    listener = Listener()
    async with await asyncio.start_server(listener.answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], listener.heads


@pytest.mark.parametrize("own_key", [True, False])
@pytest.mark.parametrize(
    "provider", ["openai", "openai-chat", "anthropic", "azure", "ollama", "litellm", "vllm"]
)
async def test_a_sessions_address_gets_no_credential_of_the_servers(
    port_and_heads: tuple[int, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    provider: str,
    own_key: bool,
) -> None:
    for name, value in SERVERS_OWN.items():
        monkeypatch.setenv(name, value)
    port, heads = port_and_heads

    async def key() -> str:
        return "the-sessions-own"

    catalog = ModelCatalog(tmp_path, guard=OutgoingGuard([f"127.0.0.1:{port}"]))
    access = Access(key if own_key else None, f"http://127.0.0.1:{port}/v1")
    model = catalog.for_session(f"{provider}:m", access)
    with pytest.raises(ModelAPIError):
        await model.request([ModelRequest(parts=[UserPromptPart("hello")])], None, ModelRequestParameters())
    await model.aclose()
    (head,) = heads
    assert "canary" not in head
    assert ("the-sessions-own" in head) == own_key
