from datetime import UTC, datetime, timedelta

from easel.artifacts.links import LinkSigner

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "generations/0-abc.png"


def signature_in(path: str) -> str:
    _, files, signature, rest = path.split("/", 3)
    assert files == "files"
    assert rest == KEY
    return signature


def test_a_link_ends_in_the_key_and_verifies() -> None:
    signer = LinkSigner("secret")
    path = signer.path(KEY)
    assert path.endswith(".png")
    assert signer.verify(signature_in(path), KEY, NOW)


def test_a_link_is_for_one_key_and_one_secret() -> None:
    signature = signature_in(LinkSigner("secret").path(KEY))
    assert not LinkSigner("secret").verify(signature, "generations/1-abc.png", NOW)
    assert not LinkSigner("another").verify(signature, KEY, NOW)


def test_a_link_runs_out_and_its_end_cannot_be_moved() -> None:
    signer = LinkSigner("secret")
    signature = signature_in(signer.path(KEY, NOW + timedelta(hours=1)))
    assert signer.verify(signature, KEY, NOW)
    assert not signer.verify(signature, KEY, NOW + timedelta(hours=2))
    _, _, signed = signature.partition("-")
    assert not signer.verify(f"0-{signed}", KEY, NOW)


def test_nonsense_is_no_signature() -> None:
    for nonsense in ("", "-", "0", "zz-aa", "0-", "0-é", "-5-aa"):
        assert not LinkSigner("secret").verify(nonsense, KEY, NOW)
