"""The pages that are written from the code say what the code says."""

from __future__ import annotations

import pytest

from perdure.config import Settings, load_settings
from tools import events, lifecycles, settings_page

_RATES = ("requests", "address", "sign_in", "sign_in_address", "runs", "commands", "opens")


def test_the_page_of_settings_is_fresh() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), (
        "python -m tools.settings_page"
    )


def test_the_page_of_lifecycles_is_fresh() -> None:
    assert events.PAGE.read_text(encoding="utf-8") == events.page(), "python -m tools.events"
    assert lifecycles.PAGE.read_text(encoding="utf-8") == lifecycles.page(), "python -m tools.lifecycles"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained_under_each_of_its_names(name: str) -> None:
    text = settings_page.PAGE.read_text(encoding="utf-8")
    for spelling in settings_page.names(name, Settings.model_fields[name]):
        assert f"`{spelling}`" in text


@pytest.mark.parametrize(
    "spelling",
    [n for name, field in Settings.model_fields.items() for n in settings_page.names(name, field)],
)
def test_every_name_on_the_page_is_read(
    spelling: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    values = {
        "durability": "normal",
        "log_format": "json",
        "auth": "password",
        "allowed_origins": '["https://a.example"]',
        "allowed_hosts": '["a.example"]',
        "ephemeral": "true",
        "session_ttl": "3h",
        "refresh_grace": "7s",
        "connection_stale_after": "7m",
        "arxiv_api_base": "https://a.example",
        "arxiv_pdf_base": "https://a.example",
        "arxiv_interval_s": "4",
        "document_processes": "3",
        "sandbox": "limits",
        "sandbox_time_limit": "7m",
        "sandbox_memory_bytes": "123456789",
        "sandbox_disk_bytes": "123456789",
        "allowed_private_hosts": '["wiki.example"]',
        "registration": "open",
        "public_metrics": "true",
        "trusted_proxies": '["10.0.0.1"]',
        "rate_limits": "off",
        "row_security": "on",
        "oidc_providers": '{"work": {"issuer": "https://a.example", "client_id": "a", "client_secret": "b"}}',
        **{f"rate_{what}": "7/hour" for what in _RATES},
        "mcp_servers": '{"notes": {"command": "notes"}}',
    }
    (name,) = (
        name for name, field in Settings.model_fields.items() if spelling in settings_page.names(name, field)
    )
    before = getattr(load_settings(), name)
    monkeypatch.setenv(spelling, values.get(name, "4321"))
    assert getattr(load_settings(), name) != before
