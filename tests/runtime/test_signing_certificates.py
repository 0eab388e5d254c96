"""Signing certificates: made once, kept whole through crashes, rotated, and never lost silently."""

import errno
import os
from base64 import b64decode
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from broker.core.errors import StoreFull
from broker.runtime import durable_file, signing_directory
from broker.runtime.signing_certificates import SigningCertificates, SigningUnusable
from broker.runtime.signing_key import NewKey

NOW_MS = 1_767_225_600_000  # 2026-01-01
YEAR_MS = 365 * 86_400_000


def now_ms() -> int:
    return NOW_MS


def verify(pem: bytes | None, signature: str, text: bytes, version: str) -> None:
    """As a receiver would. Raises: InvalidSignature."""
    assert pem is not None
    public = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(public, RSAPublicKey)
    hash_of = {"1": hashes.SHA1(), "2": hashes.SHA256()}
    public.verify(b64decode(signature), text, PKCS1v15(), hash_of[version])


@pytest.fixture(scope="module")
def four_keys() -> list[NewKey]:
    return [NewKey.generate(NOW_MS) for _ in range(4)]


@pytest.fixture
def ready_keys(monkeypatch: pytest.MonkeyPatch, four_keys: list[NewKey]) -> None:
    """Keys that cost nothing, for tests that need many."""
    keys = cycle(four_keys)
    monkeypatch.setattr(NewKey, "generate", lambda _: next(keys))


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# Made


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_is_signed_verifies_by_the_certificate_and_nothing_else_does(version: str) -> None:
    signing = SigningCertificates.in_memory(now_ms)
    signature = signing.sign(b"text", version)
    pem = signing.certificate(signing.current.name)

    verify(pem, signature, b"text", version)
    with pytest.raises(InvalidSignature):
        verify(pem, signature, b"Text", version)
    with pytest.raises(InvalidSignature):
        verify(pem, signature, b"text", "21"[int(version) - 1])


def test_a_certificate_says_what_receivers_expect_of_sns() -> None:
    signing = SigningCertificates.in_memory(now_ms)
    certificate = x509.load_pem_x509_certificate(signing.current.certificate.pem)

    assert certificate.subject.rfc4514_string() == "CN=sns.amazonaws.com"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sns.amazonaws.com"]
    assert certificate.not_valid_before_utc.timestamp() * 1000 < NOW_MS
    assert certificate.not_valid_after_utc.timestamp() * 1000 == NOW_MS + 10 * YEAR_MS
    certificate.verify_directly_issued_by(certificate)


def test_the_first_start_makes_one_and_the_next_ones_find_it(directory: Path) -> None:
    first = SigningCertificates.open(directory, now_ms)
    again = SigningCertificates.open(directory, now_ms)

    assert again.all() == first.all()
    assert signing_directory.CERTIFICATE_NAME.fullmatch(first.current.name)
    verify(first.certificate(first.current.name), again.sign(b"text", "2"), b"text", "2")


async def test_nobody_else_can_read_the_files(directory: Path, ready_keys: None) -> None:
    before = os.umask(0)
    try:
        signing = SigningCertificates.open(directory, now_ms)
        await signing.rotate()
    finally:
        os.umask(before)

    assert mode(directory) == 0o700
    assert {mode(directory / name) for name in files(directory)} == {0o600}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_directory_that_was_opened_to_others_is_closed_again(
    directory: Path, ready_keys: None
) -> None:
    SigningCertificates.open(directory, now_ms)
    directory.chmod(0o755)

    SigningCertificates.open(directory, now_ms)

    assert mode(directory) == 0o700


def test_only_the_names_of_certificates_are_served(directory: Path, ready_keys: None) -> None:
    signing = SigningCertificates.open(directory, now_ms)
    name = signing.current.name

    assert signing.certificate(name) is not None
    for other in ("current", name.replace(".pem", ".key"), f"../signing/{name}", f"./{name}", ""):
        assert signing.certificate(other) is None


# Rotated


async def test_after_a_rotation_the_old_one_is_served_and_its_key_is_gone(
    directory: Path, ready_keys: None
) -> None:
    signing = SigningCertificates.open(directory, now_ms)
    old = signing.current
    signature = signing.sign(b"text", "2")

    made = await signing.rotate()

    assert signing.current.certificate == made != old.certificate
    for each in (signing, SigningCertificates.open(directory, now_ms)):
        assert each.all() == [made, old.certificate]
        verify(each.certificate(old.name), signature, b"text", "2")
        verify(each.certificate(made.name), each.sign(b"new", "2"), b"new", "2")
    assert [name for name in files(directory) if name.endswith(".key")] == [
        made.name.replace(".pem", ".key")
    ]


async def test_who_began_to_sign_before_a_rotation_ends_with_the_same_certificate(
    directory: Path, ready_keys: None
) -> None:
    signing = SigningCertificates.open(directory, now_ms)
    signer = signing.current
    await signing.rotate()

    verify(signing.certificate(signer.name), signer.sign(b"text", "1"), b"text", "1")


async def test_a_full_disk_refuses_a_rotation_and_changes_nothing(
    directory: Path, ready_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = SigningCertificates.open(directory, now_ms)
    before = signing.all()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(durable_file, "os", Replaced(write=full))
        with pytest.raises(StoreFull):
            await signing.rotate()

    assert signing.all() == before
    assert SigningCertificates.open(directory, now_ms).all() == before


async def test_an_old_key_that_cannot_be_deleted_is_deleted_at_the_next_start(
    directory: Path, ready_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = SigningCertificates.open(directory, now_ms)

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(signing_directory, "os", Replaced(unlink=refused))
        made = await signing.rotate()

    assert signing.current.certificate == made
    SigningCertificates.open(directory, now_ms)
    assert len([name for name in files(directory) if name.endswith(".key")]) == 1


class Replaced:
    """The module `os` with some functions replaced."""

    def __init__(self, **functions: Any) -> None:
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        return self._functions.get(name) or getattr(os, name)


# Crashed


class Crashed(BaseException):
    """The process dies here."""


class DyingOs:
    """The module `os`, of a process that dies at a certain one of the calls that change files."""

    CHANGING = frozenset({"mkdir", "chmod", "open", "write", "fsync", "close", "rename", "unlink"})

    def __init__(self, calls: int) -> None:
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)
        return self._counted(name, function) if name in self.CHANGING else function

    def _counted(self, name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self._left -= 1
            if self._left >= 0 or name == "close":  # which a dying process does as well
                return function(*arguments)
            if name == "write" and self._left == -1:
                descriptor, content = arguments
                os.write(descriptor, content[: len(content) // 2])
            raise Crashed

        return call


def open_dying(directory: Path, calls: int) -> SigningCertificates:
    """Open it as a process that dies after so many calls. Raises: Crashed."""
    with pytest.MonkeyPatch.context() as patched:
        dying = DyingOs(calls)
        patched.setattr(signing_directory, "os", dying)
        patched.setattr(durable_file, "os", dying)
        return SigningCertificates.open(directory, now_ms)


def open_mended(directory: Path) -> SigningCertificates:
    """What a start finds, after starts that died themselves, each a little later than the last."""
    for calls in count():
        with suppress(Crashed):
            return open_dying(directory, calls)
    raise AssertionError


def check_whole(directory: Path, signing: SigningCertificates) -> None:
    """One key, which signs; every file belongs to a certificate that is served."""
    name = signing.current.name
    verify(signing.certificate(name), signing.sign(b"text", "2"), b"text", "2")
    expected = {"current", name.replace(".pem", ".key"), *(each.name for each in signing.all())}
    assert files(directory).keys() == expected


def test_a_first_start_that_dies_anywhere_is_made_good_by_the_next(
    tmp_path: Path, ready_keys: None
) -> None:
    for calls in count():
        directory = tmp_path / str(calls)
        try:
            open_dying(directory, calls)
            break
        except Crashed:
            signing = open_mended(directory)
        check_whole(directory, signing)
        assert len(signing.all()) == 1
    assert calls > 15


async def test_a_rotation_that_dies_anywhere_has_happened_or_not(
    tmp_path: Path, ready_keys: None
) -> None:
    outcomes = []
    for calls in count():
        directory = tmp_path / str(calls)
        signing = SigningCertificates.open(directory, now_ms)
        old, signature = signing.current, signing.sign(b"old", "1")
        with pytest.MonkeyPatch.context() as patched:
            dying = DyingOs(calls)
            patched.setattr(signing_directory, "os", dying)
            patched.setattr(durable_file, "os", dying)
            try:
                await signing.rotate()
                break
            except Crashed:
                pass
        signing = open_mended(directory)
        check_whole(directory, signing)
        verify(signing.certificate(old.name), signature, b"old", "1")
        outcomes.append(signing.current.name != old.name)
    assert outcomes == sorted(outcomes)  # from a certain call on it has
    assert set(outcomes) == {False, True}


# Damaged


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda d, name: (d / name).write_bytes((d / name).read_bytes()[:500]), "certificate"),
        (lambda d, name: (d / name).write_bytes(b""), "certificate"),
        (lambda d, name: (d / name).unlink(), "is not there"),
        (lambda d, name: key_of(d, name).write_bytes(key_of(d, name).read_bytes()[:500]), "key"),
        (lambda d, name: key_of(d, name).write_bytes(b""), "key"),
        (lambda d, name: key_of(d, name).write_bytes(NewKey.generate(0).key), "key is not the"),
        (lambda d, name: key_of(d, name).unlink(), "is not there"),
        (lambda d, name: (d / "current").write_bytes(b""), "current"),
        (lambda d, name: (d / "current").write_bytes(b"../../etc/passwd\n"), "current"),
        (lambda d, name: (d / "current").write_bytes(b"\xff"), "current"),
        (lambda d, name: (d / "current").unlink(), "current is not there"),
        (lambda d, name: (d / "current").unlink() or (d / "current").mkdir(), "directory"),
    ],
)
async def test_damage_is_reported_and_nothing_is_replaced(
    damage: Any, told: str, directory: Path, ready_keys: None
) -> None:
    signing = SigningCertificates.open(directory, now_ms)
    await signing.rotate()
    damage(directory, signing.current.name)
    before = contents(directory)

    with pytest.raises(SigningUnusable, match=told) as caught:
        SigningCertificates.open(directory, now_ms)

    assert str(directory) in str(caught.value)
    assert contents(directory) == before


def key_of(directory: Path, name: str) -> Path:
    return directory / name.replace(".pem", ".key")


def contents(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.is_file()}


async def test_an_old_certificate_that_is_damaged_is_reported_and_the_others_serve(
    directory: Path, ready_keys: None, caplog: pytest.LogCaptureFixture
) -> None:
    signing = SigningCertificates.open(directory, now_ms)
    old = signing.current.name
    await signing.rotate()
    (directory / old).write_bytes(b"-----BEGIN")

    again = SigningCertificates.open(directory, now_ms)

    assert again.certificate(old) is None
    assert again.current.certificate == signing.current.certificate
    assert str(directory / old) in caplog.text


@pytest.mark.parametrize(("years", "mentioned"), [(8, False), (9.5, True)])
def test_a_certificate_that_ends_soon_is_mentioned(
    years: float, mentioned: bool, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SigningCertificates.open(directory, now_ms)

    SigningCertificates.open(directory, lambda: NOW_MS + int(years * YEAR_MS))

    assert ("broker certificate rotate" in caplog.text) == mentioned
