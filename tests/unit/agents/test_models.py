"""Model names resolve to models, or to an error that says what to change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelAPIError, ModelAuthenticationError
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers import infer_provider_class

from perdure.agents.local.weights import BadModelFile
from perdure.agents.models import (
    PROVIDERS,
    MissingModelKey,
    ModelCatalog,
    ProviderNotInstalled,
    UnknownProvider,
    default_model,
)
from perdure.agents.profiles import LARGE, SMALL, STARTER, TINY
from perdure.errors import InvalidInput
from tests.fakes.openai_server import OpenAIServer


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCatalog:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "OLLAMA_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    return ModelCatalog(tmp_path)


class TestResolve:
    def test_gives_one_instance_per_name(self, catalog: ModelCatalog) -> None:
        assert catalog.resolve("local-tiny") is catalog.resolve("local-tiny")
        assert catalog.resolve("local-tiny") is not catalog.resolve("local-small")

    def test_local_models_have_stable_names(self, catalog: ModelCatalog) -> None:
        assert catalog.resolve("local-tiny").model_id == "perdure-local:smollm2-135m-instruct-q4_1"

    def test_an_unknown_provider_names_the_known_ones(self, catalog: ModelCatalog) -> None:
        for name in ("nope:x", "nope", "", "locale", ":x"):
            with pytest.raises(UnknownProvider, match="known are local, local-small") as refused:
                catalog.resolve(name)
            assert "anthropic" in refused.value.fields["known"]

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_every_provider_it_names_is_known_to_pydantic_ai(self, provider: str) -> None:
        try:
            infer_provider_class(provider)
        except ImportError:
            return

    @pytest.mark.parametrize(
        ("name", "variable"),
        [
            ("openai:gpt-6-luna", "OPENAI_API_KEY"),
            ("openai-chat:x", "OPENAI_API_KEY"),
            ("anthropic:claude-haiku-5-5", "ANTHROPIC_API_KEY"),
            ("ollama:qwen3", "OLLAMA_BASE_URL"),
        ],
    )
    def test_a_missing_key_names_its_variable(self, catalog: ModelCatalog, name: str, variable: str) -> None:
        with pytest.raises(MissingModelKey, match=f"set {variable}") as refused:
            catalog.resolve(name)

        assert refused.value.fields["variables"] == [variable]

    def test_a_provider_without_its_package_says_so(
        self, catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "groq", None)
        for name in ("pydantic_ai.providers.groq", "pydantic_ai.models.groq"):
            monkeypatch.delitem(sys.modules, name, raising=False)

        with pytest.raises(ProviderNotInstalled, match="not installed"):
            catalog.resolve("groq:llama")

    def test_a_provider_alone_is_no_model(self, catalog: ModelCatalog) -> None:
        with pytest.raises(InvalidInput, match="names no model"):
            catalog.resolve("anthropic")

    def test_a_model_file_must_be_one(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        (tmp_path / "notes.gguf").write_text("hello")

        for name in (f"local:{tmp_path}/notes.gguf", f"local:{tmp_path}/none.gguf"):
            with pytest.raises(BadModelFile):
                catalog.resolve(name)

    def test_a_model_file_can_stand_in_for_the_starter(self, tmp_path: Path) -> None:
        (tmp_path / "My-Model.gguf").write_bytes(b"GGUF....")
        catalog = ModelCatalog(tmp_path, model_file=tmp_path / "My-Model.gguf")

        assert catalog.resolve("local").model_name == "my-model"

    def test_nothing_failed_is_kept(self, catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(MissingModelKey):
            catalog.resolve("openai-chat:x")
        monkeypatch.setenv("OPENAI_API_KEY", "k")

        assert catalog.resolve("openai-chat:x").model_name == "x"


class TestCheckName:
    @pytest.mark.parametrize(
        "name", ["local", "local-tiny", "local:/any.gguf", "openai-chat:x", "gpt-5", "test:x"]
    )
    def test_needs_neither_key_nor_file(self, catalog: ModelCatalog, name: str) -> None:
        catalog.register("test", lambda rest: TestModel(model_name=rest))
        catalog.check_name(name)

    def test_names_what_is_wrong(self, catalog: ModelCatalog) -> None:
        with pytest.raises(UnknownProvider, match="unknown provider 'nonsense'; known are local, "):
            catalog.check_name("nonsense")
        with pytest.raises(InvalidInput, match="write openai-chat:MODEL"):
            catalog.check_name("openai-chat:")


class TestRegister:
    def test_a_factory_makes_the_models_of_its_prefix(self, catalog: ModelCatalog) -> None:
        catalog.register("test", lambda rest: TestModel(model_name=rest or "plain"))

        assert catalog.resolve("test:one").model_name == "one"
        assert catalog.resolve("test").model_name == "plain"
        assert catalog.profile("test:one") is LARGE

    def test_registering_again_forgets_the_old_models(self, catalog: ModelCatalog) -> None:
        catalog.register("test", lambda rest: TestModel(model_name="old"))
        catalog.resolve("test:x")
        catalog.register("test", lambda rest: TestModel(model_name="new"))

        assert catalog.resolve("test:x").model_name == "new"


class TestDefaults:
    @pytest.mark.parametrize(
        ("environ", "model"),
        [
            ({}, "local"),
            ({"PERDURE_MODEL": "openai-chat:x", "ANTHROPIC_API_KEY": "k"}, "openai-chat:x"),
            ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "anthropic:claude-haiku-5-5"),
            ({"OPENAI_API_KEY": "k"}, "openai:gpt-6-luna"),
            ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://x"}, "local"),
            ({"OPENAI_API_KEY": ""}, "local"),
        ],
    )
    def test_picks_what_the_environment_can_use(self, environ: dict[str, str], model: str) -> None:
        assert default_model(environ) == model

    def test_profiles_follow_the_name(self, catalog: ModelCatalog) -> None:
        names = ("local-small", "local-tiny", "local:/some/file.gguf", "openai:gpt-6-luna", "nope:x")

        assert [catalog.profile(name) for name in names] == [SMALL, TINY, STARTER, LARGE, LARGE]

    def test_state_always_tells_about_local(self, catalog: ModelCatalog) -> None:
        state = catalog.state()["local"]

        assert state["status"] in {"absent", "idle"}
        json.dumps(state)

    def test_importing_the_catalog_is_cheap(self) -> None:
        code = (
            "import sys, perdure.agents.models, perdure.agents.prices, perdure.agents.roles\n"
            "heavy = {'pydantic_ai', 'openai', 'genai_prices', 'xllamacpp'} & sys.modules.keys()\n"
            "sys.exit(f'imported {heavy}' if heavy else 0)"
        )

        subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


class TestCompatibleServer:
    @pytest.fixture
    def provider(self, catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
        with OpenAIServer() as provider:
            monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
            monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
            yield provider

    async def test_answers_with_usage(self, catalog: ModelCatalog, provider: OpenAIServer) -> None:
        provider.reply("capital", "Oslo")

        async with catalog.resolve("openai-chat:test") as model:
            result = await Agent(model).run("What is the capital?")

        assert result.output == "Oslo"
        assert result.usage.input_tokens > 0
        assert result.usage.output_tokens > 0

    async def test_streams(self, catalog: ModelCatalog, provider: OpenAIServer) -> None:
        provider.reply("capital", "Oslo is the capital of Norway")

        async with (
            catalog.resolve("openai-chat:test") as model,
            Agent(model).run_stream("The capital?") as stream,
        ):
            pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]

        assert "".join(pieces) == "Oslo is the capital of Norway"
        assert len(pieces) > 1

    async def test_needs_no_key_when_an_address_is_set(
        self, catalog: ModelCatalog, provider: OpenAIServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY")

        async with catalog.resolve("openai-chat:test") as model:
            assert (await Agent(model).run("Hello")).output

    async def test_a_refused_key_is_told_apart_from_a_broken_server(
        self, catalog: ModelCatalog, provider: OpenAIServer
    ) -> None:
        async with catalog.resolve("openai-chat:test") as model:
            provider.fail_next(1, status=401)
            with pytest.raises(ModelAuthenticationError):
                await Agent(model).run("Hello")
            provider.fail_next(1, status=500)
            with pytest.raises(ModelAPIError) as failed:
                await Agent(model).run("Hello")

        assert not isinstance(failed.value, ModelAuthenticationError)


def test_a_bare_name_of_a_known_family_finds_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    catalog = ModelCatalog(tmp_path)
    assert catalog.resolve("gpt-6-luna").system == "openai"
    assert catalog.resolve("claude-haiku-5-5").system == "anthropic"
