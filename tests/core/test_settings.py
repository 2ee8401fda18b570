"""Settings: strict, from the environment alone, and silent about secrets."""

from pathlib import Path

import pytest

from app.core.errors import ConfigurationError
from app.core.settings import Settings


def test_has_defaults_that_run_a_demo() -> None:
    settings = Settings.from_env({})

    assert (settings.mode, settings.port, settings.host) == ("demo", 8000, "127.0.0.1")
    assert settings.model in settings.models


def test_offers_of_another_server_what_it_was_told_alone() -> None:
    elsewhere = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:11434", "RILL_MODEL": "qwen3"}

    assert Settings.from_env(elsewhere).models == ("qwen3",)
    assert Settings.from_env({**elsewhere, "RILL_MODELS": "qwen3, llama"}).models == ("qwen3", "llama")
    assert len(Settings.from_env({"RILL_MODEL": "claude-next"}).models) == 4


@pytest.mark.parametrize("env", [{"ANTHROPIC_API_KEY": "sk-x"}, {"ANTHROPIC_BASE_URL": "http://127.0.0.1:11434"}])
def test_talks_to_claude_with_a_key_or_another_server(env: dict[str, str]) -> None:
    assert Settings.from_env(env).mode == "claude"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "8_0"),
        ("PORT", "²"),
        ("RILL_HOST", "0.0.0.0"),
        ("RILL_HOST", "192.168.1.4"),
        ("RILL_HOST", "example.org"),
        ("ANTHROPIC_BASE_URL", "ftp://x"),
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "http://x"),
        ("WEB_CONCURRENCY", "0"),
        ("RILL_ALLOW_EPHEMERAL", "yes"),
        ("RILL_MAX_TOKENS", "-5"),
        ("RILL_MODELS", " , "),
        ("RILL_THINKING", "yes"),
        ("RILL_DEMO_SPEED", "0"),
        ("RILL_DEMO_SPEED", "nan"),
        ("RILL_DEMO_SPEED", "fast"),
        ("RILL_SECURITY_CONTACT", "http://rill.example"),
        ("RILL_SECURITY_CONTACT", "a@b.example\nExpires: never"),
        ("RILL_SECURITY_CONTACT", "a b"),
        ("ANTHROPIC_LOG", "debug"),
        ("ANTHROPIC_CUSTOM_HEADERS", "x: y"),
    ],
)
def test_refuses_what_makes_no_sense_and_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} .*[.]$"):
        Settings.from_env({name: value})


def test_refuses_a_model_that_is_not_offered() -> None:
    with pytest.raises(ConfigurationError, match="RILL_MODEL must be one of RILL_MODELS"):
        Settings.from_env({"RILL_MODEL": "a", "RILL_MODELS": "b, c"})


def test_offers_the_model_that_was_chosen() -> None:
    assert "local-model" in Settings.from_env({"RILL_MODEL": "local-model"}).models


def test_takes_empty_values_as_unset() -> None:
    assert Settings.from_env({"PORT": "", "ANTHROPIC_API_KEY": " "}) == Settings()


def test_reads_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")

    assert Settings.from_env({"ANTHROPIC_API_KEY_FILE": f"{tmp_path}/key"}).anthropic_api_key == "sk-from-file"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xff"])
def test_refuses_files_it_cannot_use(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY_FILE"):
        Settings.from_env({"ANTHROPIC_API_KEY_FILE": f"{tmp_path}/key"})


def test_refuses_a_secret_given_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        Settings.from_env({"ANTHROPIC_API_KEY": "a", "ANTHROPIC_API_KEY_FILE": f"{tmp_path}/key"})


def test_shows_no_secret() -> None:
    assert "sk-secret" not in repr(Settings.from_env({"ANTHROPIC_API_KEY": "sk-secret"}))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_takes_the_addresses_that_platforms_give(scheme: str) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"{scheme}://u:secret-word@h:5432/d?sslmode=require"})

    assert settings.database_url == "postgresql+psycopg://u:secret-word@h:5432/d?sslmode=require"
    assert "secret-word" not in repr(settings)


@pytest.mark.parametrize(
    ("env", "workers"),
    [
        ({"WEB_CONCURRENCY": "4"}, 1),
        ({"WEB_CONCURRENCY": "4", "REDIS_URL": "redis://h"}, 1),
        ({"WEB_CONCURRENCY": "4", "DATABASE_URL": "postgres://h/d"}, 1),
        ({"WEB_CONCURRENCY": "4", "DATABASE_URL": "postgres://h/d", "REDIS_URL": "rediss://h"}, 4),
    ],
)
def test_has_several_processes_only_with_what_they_share(env: dict[str, str], workers: int) -> None:
    assert Settings.from_env(env).workers == workers


def test_refuses_a_file_on_a_disk_that_is_wiped() -> None:
    with pytest.raises(ConfigurationError, match="wipes its disk"):
        Settings.from_env({"DYNO": "web.1"})

    assert Settings.from_env({"DYNO": "web.1", "RILL_ALLOW_EPHEMERAL": "1"}).allow_ephemeral
    assert Settings.from_env({"DYNO": "web.1", "DATABASE_URL": "postgres://h/d"}).is_shared
