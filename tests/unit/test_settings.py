"""Settings as they are typed; what does not fit, or not together, is told in a sentence that quotes no secret."""

from typing import Any

import pytest
from pydantic import ValidationError

from easel.cli.main import setting_problem
from easel.settings import Settings


def told(**settings: Any) -> str:
    """What the program says of these settings."""
    with pytest.raises(ValidationError) as wrong:
        Settings(**settings)
    return setting_problem(wrong.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"smtp_url": "smtp://mail.example.org"}, "EASEL_SMTP_URL needs EASEL_PUBLIC_URL as well"),
        ({"oidc_issuer": "https://id.example.org", "oidc_client_id": "x"}, "and EASEL_OIDC_CLIENT_SECRET as well"),
        ({"signup": "oidc"}, "EASEL_SIGNUP=oidc needs EASEL_OIDC_ISSUER as well"),
        ({"signup": "yes"}, "the setting signup is wrong"),
        ({"smtp_url": "http://a:hunter2@b.c", "public_url": "https://x.y"}, "the setting smtp_url is wrong"),
        ({"oidc_issuer": "id.example.org"}, "the setting oidc_issuer is wrong"),
    ],
)
def test_it_is_told_in_a_sentence(settings: dict[str, str], says: str) -> None:
    sentence = told(**settings)
    assert says in sentence
    assert "hunter2" not in sentence
    assert "\n" not in sentence


def test_mail_with_a_public_url_is_fine() -> None:
    settings = Settings(smtp_url="smtp://u:p@mail.example.org", public_url="https://easel.example.org/")
    assert settings.home_url == "https://easel.example.org"


def test_without_a_public_url_home_is_this_machine() -> None:
    assert Settings(public_url=None, port=8123).home_url == "http://127.0.0.1:8123"


def test_an_issuer_is_kept_to_the_letter() -> None:
    """OpenID Connect compares issuers letter by letter, a slash at the end included."""
    settings = Settings(oidc_issuer="https://id.example.org/", oidc_client_id="x", oidc_client_secret="y")
    assert settings.oidc_issuer == "https://id.example.org/"


def test_sign_up_is_closed_unless_it_is_opened() -> None:
    assert Settings().signup == "closed"
    with pytest.raises(ValidationError):
        Settings(signup="perhaps")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("typed", "bytes"), [("auto", None), ("8GiB", 8 * 2**30), ("500MB", 500_000_000), ("123456", 123456)]
)
def test_memory_is_a_number_with_a_unit_or_left_to_the_machine(
    typed: str, bytes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().weight_memory is None
    monkeypatch.setenv("EASEL_WEIGHT_MEMORY", typed)
    monkeypatch.setenv("EASEL_GPU_WEIGHT_MEMORY", typed)
    assert (Settings().weight_memory, Settings().gpu_weight_memory) == (bytes, bytes)


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_WEIGHT_MEMORY", "much")
    with pytest.raises(ValidationError):
        Settings()
