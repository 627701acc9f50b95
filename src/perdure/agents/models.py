"""Find the model that a name stands for.

`local` is the embedded starter model, `local-small` and `local-tiny` are smaller ones, and
`local:/path/to/file.gguf` is a file of the user's; every other name is `provider:model`. Providers read their
keys and addresses from the process's environment. Nothing heavy is imported before the first model is
resolved.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.agents.local.server import LocalModelServer, ServedModel
from perdure.agents.local.specs import SMALL_MODEL, STARTER_MODEL, TINY_MODEL, WeightsSpec
from perdure.agents.local.weights import check_model_file, is_installed, prepare
from perdure.agents.profiles import LARGE, STARTER, ModelProfile
from perdure.agents.web.guard import OutgoingGuard
from perdure.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from perdure.agents.session_models import Access, SessionModel

Made = TypeVar("Made")
ModelFactory = Callable[[str], "Model"]
"""Makes a model from what follows its prefix and a colon in the name; empty when nothing does."""

LOCAL = "local"
MODEL_VARIABLE = "PERDURE_MODEL"
PROVIDERS = (
    "alibaba",
    "anthropic",
    "azure",
    "bedrock",
    "cerebras",
    "cohere",
    "deepseek",
    "fireworks",
    "github",
    "google",
    "groq",
    "huggingface",
    "litellm",
    "mistral",
    "moonshotai",
    "nebius",
    "ollama",
    "openai",
    "openai-chat",
    "openrouter",
    "together",
    "vercel",
    "vllm",
    "xai",
    "zai",
)
"""The providers that messages name; pydantic-ai may know more, and those work as well."""

_SPECS: Mapping[str, WeightsSpec] = {
    LOCAL: STARTER_MODEL,
    "local-small": SMALL_MODEL,
    "local-tiny": TINY_MODEL,
}
_FILE_PREFIX = f"{LOCAL}:"
_FILE_CONTEXT_TOKENS = 8_192
_VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`")
_FAMILIES = (
    (r"(chat)?gpt-", "openai"),
    (r"o\d", "openai"),
    (r"claude-", "anthropic"),
    (r"gemini-", "google"),
)
_MODELS_BY_KEY = (
    ("ANTHROPIC_API_KEY", "anthropic:claude-haiku-5-5"),
    ("OPENAI_API_KEY", "openai:gpt-6-luna"),
)


class UnknownProvider(InvalidInput):
    """No provider of that name; `fields` list the known ones."""

    code = "unknown-model-provider"


class MissingModelKey(InvalidInput):
    """The provider needs a key or an address; `fields` name the environment variables."""

    code = "model-key-missing"


class ProviderNotInstalled(InvalidInput):
    """The provider's own package is not installed."""

    code = "model-provider-not-installed"


def default_model(environ: Mapping[str, str] = os.environ) -> str:
    """Return the model to use when nobody names one.

    `PERDURE_MODEL`, else a small model of the first provider whose key is set, else `local`. An address of
    another OpenAI-compatible server says nothing about its models, so it needs `PERDURE_MODEL`.
    """
    if named := environ.get(MODEL_VARIABLE):
        return named
    for variable, model in _MODELS_BY_KEY:
        elsewhere = variable == "OPENAI_API_KEY" and environ.get("OPENAI_BASE_URL")
        if environ.get(variable) and not elsewhere:
            return model
    return LOCAL


class ModelCatalog:
    """Resolves model names and owns the embedded models' processes. Safe to use from several threads."""

    def __init__(
        self,
        data_dir: Path,
        *,
        model_file: Path | None = None,
        threads: int | None = None,
        guard: OutgoingGuard | None = None,
        files: Collection[str] | None = None,
    ) -> None:
        """`data_dir` holds assembled weights; `model_file` takes the place of the starter model.

        With `files` no other `local:PATH` than these leads to a file: whoever names one may not be the person
        whose files they are.

        `guard` is what addresses of sessions have to pass.
        """
        self._guard = guard or OutgoingGuard()
        self._folder = data_dir / "models"
        self._model_file = model_file
        self._threads = threads
        self._files = files
        self._lock = threading.RLock()
        self._factories: dict[str, ModelFactory] = {}
        self._models: dict[str, Model] = {}
        self._servers: dict[str, LocalModelServer] = {}

    def register(self, prefix: str, factory: ModelFactory) -> None:
        """Let `factory` make the models named `prefix` or `prefix:…`; it wins over everything built in."""
        with self._lock:
            self._factories[prefix] = factory
            for name in [name for name in self._models if name.partition(":")[0] == prefix]:
                del self._models[name]

    def resolve(self, name: str) -> Model:
        """Return the model, the same instance for the same name. Starts nothing and calls nobody.

        Raises:
            UnknownProvider: the part before the colon is not known.
            MissingModelKey: the provider's environment variables are not set.
            ProviderNotInstalled: the provider's package is missing.
            BadModelFile: `local:` names no readable GGUF file.
            InvalidInput: the name is not `provider:model`.
        """
        with self._lock:
            if name not in self._models:
                self._models[name] = self._make(name)
            return self._models[name]

    def for_session(self, name: str, access: Access) -> SessionModel:
        """Return a model with the key or address that a session has of its own; the caller closes it.

        Raises:
            InvalidInput: when the model takes none.
            UnknownProvider, ProviderNotInstalled: as for `resolve`.
        """
        from perdure.agents.session_models import session_model

        self.check_access(name, key=access.key is not None, base_url=access.base_url)
        full = _with_provider(name)
        return _explained(full, self._known(), lambda: session_model(full, access, self._guard))

    def check_access(self, name: str, *, key: bool, base_url: str | None) -> None:
        """Let a model pass that can be used with a session's own key and address; nobody is called.

        Raises:
            InvalidInput: naming what it does not take.
            UnknownProvider: as for `resolve`.
        """
        from perdure.agents.session_models import check_access

        if name.partition(":")[0] in self._factories or _is_local(name):
            field = "api_key" if key else "base_url"
            raise InvalidInput(
                f"{name!r} is a model of this server; it takes no `{field}`.", field=f"config.{field}"
            )
        full = _with_provider(name)
        provider = full.partition(":")[0]
        _explained(
            full, self._known(), lambda: check_access(provider, key=key, base_url=base_url is not None)
        )

    def check_name(self, name: str) -> None:
        """Let a name pass that can be a model's; no key is needed, nothing is loaded, nobody is called.

        Raises:
            InvalidInput: it names a provider and no model of it.
            UnknownProvider: no provider has that name.
        """
        provider, _, model = _with_provider(name).partition(":")
        if _is_local(name) or provider in self._factories:
            return
        if provider not in PROVIDERS:
            _provider_model(name, known=self._known())
        elif not model:
            raise InvalidInput(f"{name!r} names no model; write {provider}:MODEL", model=name)

    def provider_of(self, name: str) -> str:
        """Return the part before the colon, also for names of well-known families that have none."""
        return _with_provider(name).partition(":")[0]

    def _known(self) -> list[str]:
        return [*self._factories, *_SPECS, *PROVIDERS]

    def profile(self, name: str) -> ModelProfile:
        """Return what the model can be trusted with; never fails, and makes no model."""
        if name.partition(":")[0] in self._factories or not _is_local(name):
            return LARGE
        spec = self._spec(name)
        return spec.profile if spec else STARTER

    def warm(self, name: str) -> None:
        """Begin to load an embedded model in the background; nothing to do for others."""
        if _is_local(name) and name.partition(":")[0] not in self._factories:
            self._server(name).start()

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the state of each embedded model in use, and always of `local`, by its name."""
        with self._lock:
            servers = dict(self._servers)
            if LOCAL not in servers:
                servers[LOCAL] = self._server(LOCAL)
        return {name: server.state.to_dict() for name, server in sorted(servers.items())}

    async def aclose(self) -> None:
        """Stop the embedded models' processes and close what the models of providers hold open."""
        with self._lock:
            servers = list(self._servers.values())
            models = list(self._models.values())
        for model in models:
            async with model:  # a provider closes its connections when the last one leaves it
                pass
        await asyncio.gather(*(server.aclose() for server in servers))

    def _make(self, name: str) -> Model:
        prefix, _, rest = name.partition(":")
        if factory := self._factories.get(prefix):
            return factory(rest)
        if _is_local(name):
            from perdure.agents.local.model import LocalModel

            return LocalModel(self._server(name), self.profile(name))
        return _provider_model(name, known=self._known())

    def _server(self, name: str) -> LocalModelServer:
        with self._lock:
            if name not in self._servers:
                self._servers[name] = LocalModelServer(self._served(name), threads=self._threads)
            return self._servers[name]

    def _served(self, name: str) -> ServedModel:
        spec = self._spec(name)
        if spec:
            return ServedModel(
                model_id=spec.model_id,
                label=spec.label,
                context_tokens=spec.profile.context_tokens or _FILE_CONTEXT_TOKENS,
                prepare=lambda progress: prepare(spec, self._folder, progress),
                is_installed=lambda: is_installed(spec),
                install=spec.install,
            )
        path = check_model_file(self._file(name))
        return ServedModel(
            model_id=path.stem.lower(),
            label=f"model file {path.name}",
            context_tokens=_FILE_CONTEXT_TOKENS,
            prepare=lambda progress: check_model_file(path),
            is_installed=lambda: True,
            install="perdure[local]",
        )

    def _spec(self, name: str) -> WeightsSpec | None:
        """The built-in weights that the name stands for; None for a file of the user's."""
        if name.startswith(_FILE_PREFIX) or (name == LOCAL and self._model_file):
            return None
        if name == LOCAL and not is_installed(STARTER_MODEL) and is_installed(SMALL_MODEL):
            return SMALL_MODEL
        return _SPECS[name]

    def _file(self, name: str) -> Path:
        if name == LOCAL and self._model_file:
            return self._model_file
        if self._files is not None and name not in self._files:
            raise InvalidInput(
                f"Which model files are used here is set on the server; choose {LOCAL!r} or provider:MODEL."
            )
        return Path(name.removeprefix(_FILE_PREFIX)).expanduser()


def _is_local(name: str) -> bool:
    return name in _SPECS or name.startswith(_FILE_PREFIX)


def _with_provider(name: str) -> str:
    """Put the provider before the bare name of a well-known family, such as `gpt-6-luna`."""
    if ":" in name:
        return name
    found = next((provider for family, provider in _FAMILIES if re.match(family, name)), None)
    if found == "openai" and os.environ.get("OPENAI_BASE_URL"):
        found = "openai-chat"
    return f"{found}:{name}" if found else name


def _provider_model(name: str, *, known: list[str]) -> Model:
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import infer_provider_class

    name = _with_provider(name)
    provider, _, model = name.partition(":")

    def made() -> Model:
        infer_provider_class(provider)
        if not model:
            raise InvalidInput(f"{name!r} names no model; write {provider}:MODEL", model=name)
        return infer_model(name)

    return _explained(name, known, made)


def _explained(name: str, known: list[str], make: Callable[[], Made]) -> Made:
    """Return what `make` makes, with the library's errors told as ours."""
    from pydantic_ai.exceptions import UserError

    provider = name.partition(":")[0]
    try:
        return make()
    except ValueError as error:
        raise UnknownProvider(
            f"{name!r} is no model: unknown provider {provider!r}; known are {', '.join(known)}",
            model=name,
            known=known,
        ) from error
    except ImportError as error:
        raise ProviderNotInstalled(
            f"{name!r} needs a package that is not installed: pip install 'pydantic-ai-slim[{provider}]'",
            model=name,
        ) from error
    except UserError as error:
        if variables := list(dict.fromkeys(_VARIABLE.findall(str(error)))):
            wanted = " or ".join(variables)
            raise MissingModelKey(
                f"{name!r} cannot be used yet: set {wanted}", model=name, variables=variables
            ) from error
        raise InvalidInput(f"{name!r} cannot be used: {error}", model=name) from error
