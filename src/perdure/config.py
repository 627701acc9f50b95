"""Settings: one documented set, read from the environment, a `.env` file and a TOML file.

The names that the source documents use are accepted as aliases. Layers below `bootstrap` get plain
values, never this object.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from perdure.errors import StartupError


def _names(name: str, *aliases: str) -> AliasChoices:
    return AliasChoices(f"PERDURE_{name}", *aliases, name.lower())


class OidcProvider(BaseModel):
    """An identity provider that people may sign in through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(pattern=r"^https?://[\w.:\[\]-]+(?:/[\w./~-]*)?$")
    """Exactly as the provider writes it."""
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretStr | None = None
    """Unset for a public client."""
    label: str = Field("", max_length=100)
    """What the button says; empty means the provider's id."""
    scopes: list[str] = Field(default_factory=lambda: ["openid", "email", "profile"])
    allowed_domains: list[str] = Field(default_factory=list[str])
    """Domains of the addresses for which the provider is believed, for new accounts and for those that are there;
    `*` means any. Empty means nobody new, and any account.
    """
    create_users: bool = False
    """Whether somebody with such an address, verified by the provider, becomes a member at the first sign-in."""

    @field_validator("scopes")
    @classmethod
    def _scopes(cls, value: list[str]) -> list[str]:
        if "openid" not in value:
            raise ValueError("`openid` must be among the scopes")
        return value

    @model_validator(mode="after")
    def _whom(self) -> OidcProvider:
        if self.create_users and not self.allowed_domains:
            raise ValueError("create_users needs allowed_domains; `*` means any address")
        if any(domain != domain.lower().strip() or "@" in domain for domain in self.allowed_domains):
            raise ValueError("allowed_domains are written like example.com, in lower case")
        return self

    @property
    def schemes(self) -> tuple[str, ...]:
        """How addresses of the provider may begin: encrypted, unless the issuer itself is not."""
        return ("https://",) if self.issuer.startswith("https://") else ("https://", "http://")


class Settings(BaseSettings):
    """Everything a server can be told. Each field has one `PERDURE_…` name; aliases are read after it."""

    model_config = SettingsConfigDict(
        env_prefix="PERDURE_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = Field("127.0.0.1", validation_alias=_names("HOST", "API_HOST"))
    """Address to listen on; anything but loopback needs sign-in."""
    port: int = Field(8000, ge=0, le=65535, validation_alias=_names("PORT", "API_PORT"))
    """Port to listen on; 0 picks a free one."""
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("perdure")),
        validation_alias=_names("DATA_DIR"),
    )
    """Where the SQLite database, workspaces and models live."""
    database_url: str | None = Field(
        None, validation_alias=_names("DATABASE_URL", "DATABASE_URL", "STORAGE_DATABASE_URL")
    )
    """`sqlite:///path`, `postgresql://…`, or unset for SQLite in the data directory."""
    ephemeral: bool = Field(False, validation_alias=_names("EPHEMERAL"))
    """Keep everything in a temporary folder that is removed at exit."""
    durability: Literal["full", "normal"] = Field("full", validation_alias=_names("DURABILITY"))
    """SQLite: `full` survives a power cut, `normal` survives process kills only."""
    log_level: str = Field("INFO", validation_alias=_names("LOG_LEVEL", "LOG_LEVEL"))
    """DEBUG, INFO, WARNING or ERROR; of libraries from warnings on, with DEBUG all, texts of frames among it."""
    log_format: Literal["console", "json"] = Field("console", validation_alias=_names("LOG_FORMAT"))
    """How log lines are written to the error output: `console` for people, `json` an object each."""
    max_connections: int = Field(
        100, ge=1, validation_alias=_names("MAX_CONNECTIONS", "MAX_CONCURRENT_CONNECTIONS")
    )
    """Sockets and streams open at once on this server; the next one gets close code 4429."""
    session_ttl: timedelta = Field(timedelta(hours=24), validation_alias=_names("SESSION_TTL"))
    """Idle time after which an active session expires."""
    suspended_ttl: timedelta | None = Field(None, validation_alias=_names("SUSPENDED_TTL"))
    """Idle time after which a suspended session expires; unset means never."""
    archive_after: timedelta = Field(timedelta(days=7), validation_alias=_names("ARCHIVE_AFTER"))
    """How long after expiry a session is archived."""
    purge_after: timedelta = Field(timedelta(days=90), validation_alias=_names("PURGE_AFTER"))
    """How long a deleted session can be restored."""
    cleanup_interval_seconds: float = Field(
        60, gt=0, validation_alias=_names("CLEANUP_INTERVAL_SECONDS", "CLEANUP_INTERVAL_SECONDS")
    )
    """Seconds between sweeps."""
    approval_deadline: timedelta = Field(timedelta(hours=24), validation_alias=_names("APPROVAL_DEADLINE"))
    """How long a question waits when its mode names no deadline."""
    connection_stale_after: timedelta = Field(
        timedelta(minutes=5), validation_alias=_names("CONNECTION_STALE_AFTER")
    )
    """Silence after which a connection row is removed."""
    max_cached_sessions: int = Field(
        1000, ge=1, validation_alias=_names("MAX_CACHED_SESSIONS", "SESSION_MAX_SESSIONS")
    )
    """Bound of the in-memory cache of session summaries; eviction loses nothing."""
    max_body_bytes: int = Field(4 * 2**20, ge=1024, validation_alias=_names("MAX_BODY_BYTES"))
    """Largest request body other than an upload."""
    max_frame_bytes: int = Field(4 * 2**20, ge=1024, validation_alias=_names("MAX_FRAME_BYTES"))
    """Largest socket frame from a client."""
    max_upload_bytes: int = Field(100 * 2**20, ge=1024, validation_alias=_names("MAX_UPLOAD_BYTES"))
    """Largest uploaded file."""
    max_text_bytes: int = Field(2**20, ge=1024, validation_alias=_names("MAX_TEXT_BYTES"))
    """Largest message or task text."""
    model: str | None = Field(None, validation_alias=_names("MODEL"))
    """Default model as `provider:model`; unset means `local` without a key."""
    model_file: Path | None = Field(None, validation_alias=_names("MODEL_FILE"))
    """A GGUF file for the local provider."""
    max_parallel_runs: int = Field(64, ge=1, validation_alias=_names("MAX_PARALLEL_RUNS"))
    """Runs that may execute at once on this server."""
    server_lease: timedelta = Field(
        timedelta(seconds=20), ge=timedelta(seconds=2), validation_alias=_names("SERVER_LEASE")
    )
    """On PostgreSQL: a server that is silent for so long is taken for dead, and another takes its runs over."""
    workers: int = Field(1, ge=1, validation_alias=_names("WORKERS"))
    """Reserved for several server processes; 1 on SQLite."""
    auth: Literal["local", "password"] = Field("local", validation_alias=_names("AUTH"))
    """`local`: one local user, loopback only; `password`: people sign in."""
    registration: Literal["closed", "open"] = Field("closed", validation_alias=_names("REGISTRATION"))
    """With sign-in: `open` lets anybody who reaches the server make an account."""
    sign_in_ttl: timedelta = Field(timedelta(days=30), validation_alias=_names("SIGN_IN_TTL"))
    """After this people sign in again, however busy they were."""
    sign_in_idle_ttl: timedelta = Field(timedelta(days=7), validation_alias=_names("SIGN_IN_IDLE_TTL"))
    """A sign-in that was not used for so long is over."""
    refresh_grace: timedelta = Field(
        timedelta(seconds=10),
        ge=timedelta(0),
        le=timedelta(minutes=1),
        validation_alias=_names("REFRESH_GRACE"),
    )
    """How long two tabs of one browser that renew their sign-in at once get the same answer; `0s`: never."""
    public_metrics: bool = Field(False, validation_alias=_names("PUBLIC_METRICS"))
    """With sign-in: `/metrics` answers everybody who reaches the server, not administrators alone."""
    allowed_origins: list[str] = Field(default_factory=list, validation_alias=_names("ALLOWED_ORIGINS"))
    """Origins other than the server's own that browsers may call from."""
    allowed_hosts: list[str] = Field(default_factory=list, validation_alias=_names("ALLOWED_HOSTS"))
    """Host names other than loopback that requests may name."""
    trusted_proxies: list[str] = Field(default_factory=list, validation_alias=_names("TRUSTED_PROXIES"))
    """Addresses or ranges of proxies in front, whose `X-Forwarded-For`, `-Proto` and `-Host` are believed."""
    rate_limits: Literal["auto", "on", "off"] = Field("auto", validation_alias=_names("RATE_LIMITS"))
    """`auto` counts requests when sign-in is on; the one local user is not limited."""
    rate_requests: str = Field("1200/minute", validation_alias=_names("RATE_REQUESTS"))
    """Requests of one person; a rate is a number per `second`, `10second`, `minute`, `hour` or `day`, or `off`."""
    rate_address: str = Field("3000/minute", validation_alias=_names("RATE_ADDRESS"))
    """Requests from one address, whoever makes them (of IPv6: one /64 network)."""
    rate_sign_in: str = Field("10/minute", validation_alias=_names("RATE_SIGN_IN"))
    """Attempts to sign in to one account from one address."""
    rate_sign_in_address: str = Field("30/minute", validation_alias=_names("RATE_SIGN_IN_ADDRESS"))
    """Attempts from one address to sign in, register, change a password or accept a link."""
    rate_runs: str = Field("60/minute", validation_alias=_names("RATE_RUNS"))
    """Starts, resumes, retries and forks of runs by one person."""
    rate_commands: str = Field("600/minute", validation_alias=_names("RATE_COMMANDS"))
    """Frames that one person sends on sockets."""
    rate_opens: str = Field("240/minute", validation_alias=_names("RATE_OPENS"))
    """Sockets and streams that one person opens, and sockets that are opened from one address."""
    max_connections_per_user: int | None = Field(
        None, ge=1, validation_alias=_names("MAX_CONNECTIONS_PER_USER")
    )
    """Sockets and streams one person has open at once; unset means half of them all with sign-in, else all."""
    row_security: Literal["on", "off"] = Field("off", validation_alias=_names("ROW_SECURITY"))
    """PostgreSQL checks access to rows a second time, by itself; needs `perdure db row-security --role NAME`."""
    redis_url: SecretStr | None = Field(None, validation_alias=_names("REDIS_URL"))
    """`redis://…` where several servers count rates together (extra `redis`); unset: each server for itself."""
    secret_key: SecretStr | None = Field(None, validation_alias=_names("SECRET_KEY"))
    """Key for encrypted columns, base64 of 32 bytes; unset means a key file in the data directory."""

    arxiv_api_base: str = Field(
        "https://export.arxiv.org", validation_alias=_names("ARXIV_API_BASE", "ARXIV_API_BASE")
    )
    """Where papers are looked up; `/api/query` is added."""
    arxiv_pdf_base: str = Field(
        "https://export.arxiv.org", validation_alias=_names("ARXIV_PDF_BASE", "ARXIV_PDF_BASE")
    )
    """Where papers are downloaded; `/pdf/` and the identifier are added."""
    arxiv_interval_s: float = Field(
        3.0, ge=0, le=600, validation_alias=_names("ARXIV_INTERVAL_S", "ARXIV_INTERVAL_S")
    )
    """Seconds between two requests to arXiv, over all sessions; its terms ask for 3."""
    arxiv_contact: str | None = Field(
        None, pattern=r"^[ -~]{1,200}$", validation_alias=_names("ARXIV_CONTACT", "ARXIV_CONTACT")
    )
    """Sent to arXiv with each request: an address or URL where whoever runs this can be reached."""

    document_processes: int | None = Field(None, ge=1, le=16, validation_alias=_names("DOCUMENT_PROCESSES"))
    """PDF files read at once, each by a process that takes up to 0.9 GB; unset means 1, or 2 from four cores on."""
    document_max_pages: int = Field(2000, ge=1, validation_alias=_names("DOCUMENT_MAX_PAGES"))
    """Pages of the longest PDF file that is read."""
    sandbox: Literal["auto", "bubblewrap", "limits"] = Field("auto", validation_alias=_names("SANDBOX"))
    """What programs of agents run in: `auto` takes bubblewrap where it works, otherwise limits alone."""
    sandbox_time_limit: timedelta = Field(
        timedelta(minutes=10), validation_alias=_names("SANDBOX_TIME_LIMIT")
    )
    """Longest time that an agent can ask for when it runs a program."""
    sandbox_memory_bytes: int = Field(2**30, ge=2**26, validation_alias=_names("SANDBOX_MEMORY_BYTES"))
    """Memory of one program with everything it starts."""
    sandbox_output_bytes: int = Field(2**20, ge=1024, validation_alias=_names("SANDBOX_OUTPUT_BYTES"))
    """Output of one program that is shown and kept; the rest is counted."""
    sandbox_processes: int = Field(64, ge=4, validation_alias=_names("SANDBOX_PROCESSES"))
    """Processes and threads of one program."""
    sandbox_disk_bytes: int = Field(2**30, ge=2**20, validation_alias=_names("SANDBOX_DISK_BYTES"))
    """By how much one program may make its workspace grow."""
    allowed_private_hosts: list[str] = Field(
        default_factory=list, validation_alias=_names("ALLOWED_PRIVATE_HOSTS")
    )
    """Hosts that agents may fetch from though they are private, as `host` or `host:port`."""
    mcp_servers: dict[str, dict[str, Any]] = Field(
        default_factory=dict, repr=False, validation_alias=_names("MCP_SERVERS")
    )
    """Tool servers by name: `command`, `args`, `env`, or `url`, `headers`; and `category`, the permission needed."""

    oidc_providers: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")], OidcProvider] = Field(
        default_factory=dict, repr=False, validation_alias=_names("OIDC_PROVIDERS")
    )
    """Identity providers by id: `issuer`, `client_id`, `client_secret`, `label`, `scopes`, `create_users`,
    `allowed_domains`."""

    @field_validator("arxiv_api_base", "arxiv_pdf_base")
    @classmethod
    def _base(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(?:/[\w./~-]*)?", value):
            raise ValueError("an http or https address such as https://export.arxiv.org is needed")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for text in value:
            ipaddress.ip_network(text.strip(), strict=False)
        return value

    @field_validator(
        *("rate_requests", "rate_address", "rate_sign_in", "rate_sign_in_address"),
        *("rate_runs", "rate_commands", "rate_opens"),
    )
    @classmethod
    def _rate(cls, value: str) -> str:
        if not re.fullmatch(r"off|[1-9]\d{0,8}/[1-9]?\d{0,4}(?:second|minute|hour|day)", value):
            raise ValueError("a rate such as 60/minute or 5/10second, or `off`, is needed")
        return value

    @field_validator("session_ttl", mode="before")
    @classmethod
    def _ttl(cls, value: Any) -> Any:
        return _duration(value)

    @field_validator(
        "suspended_ttl",
        "archive_after",
        "purge_after",
        "approval_deadline",
        "connection_stale_after",
        "server_lease",
        "sandbox_time_limit",
        "sign_in_ttl",
        "sign_in_idle_ttl",
        "refresh_grace",
        mode="before",
    )
    @classmethod
    def _durations(cls, value: Any) -> Any:
        return _duration(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, Path("perdure.toml"))
        return init_settings, env_settings, dotenv_settings, toml

    @property
    def url(self) -> str:
        """The database address with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'perdure.db'}"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` win over everything else.

    Raises:
        StartupError: naming each setting that cannot be used.
    """
    import os

    values = {k: v for k, v in overrides.items() if v is not None}
    if "session_ttl" not in values and "PERDURE_SESSION_TTL" not in os.environ:
        if hours := os.environ.get("SESSION_TTL_HOURS"):
            values["session_ttl"] = f"{hours}h"
        elif ms := os.environ.get("SESSION_TTL"):
            values["session_ttl"] = f"{ms}ms"
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(p) for p in e['loc'])}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise StartupError("Settings that cannot be used: " + "; ".join(lines)) from error
    if os.environ.get("SESSION_PERSISTENCE_ENABLED", "true").lower() in {"0", "false", "no"}:
        return settings.model_copy(update={"ephemeral": True})
    return settings


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip().lower()
        for unit, factor in _UNITS.items():
            number = text.removesuffix(unit)
            if number != text and number.replace(".", "", 1).isdigit():
                return timedelta(seconds=float(number) * factor)
        if text.replace(".", "", 1).isdigit():
            return timedelta(seconds=float(text))
    return value
