"""`plan --sign` and `apply --verify`: a plan that isn't signed by the key is refused before anything of it is read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.cli.running import Result, mmeplan
from tests.cli.test_stale_files import FLEET, STORES

_PLAIN = (pem.Encoding.PEM, pem.PrivateFormat.PKCS8)


def keys(folder: Path, name: str) -> None:
    key = Ed25519PrivateKey.generate()
    (folder / f"{name}.pem").write_bytes(key.private_bytes(*_PLAIN, pem.NoEncryption()))
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fleet, two pairs of keys, and a plan that is signed with one of them."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "tables" / "stores.csv").write_text(STORES)
    keys(tmp_path, "ours")
    keys(tmp_path, "theirs")
    result = mmeplan("plan --local --out plan.json --sign ours.pem", tmp_path)
    assert result.code == 0, result.stderr
    return tmp_path


def applied(folder: Path, key: str = "ours.pub", plan: str = "plan.json") -> Result:
    return mmeplan(f"apply --local --yes --verify {key} {plan}", folder)


def test_a_signed_plan_is_applied(folder: Path) -> None:
    assert applied(folder).code == 0


def test_a_plan_that_was_changed_by_a_byte_is_refused(folder: Path) -> None:
    (folder / "plan.json").write_bytes((folder / "plan.json").read_bytes() + b"\n")
    result = applied(folder)
    assert (result.code, result.stdout) == (3, "")
    assert "error: plan.json.sig is no signature of plan.json by the key ours.pub" in result.stderr


def test_a_plan_of_another_key_is_refused(folder: Path) -> None:
    assert applied(folder, "theirs.pub").code == 3


@pytest.mark.parametrize("text", ["", "nonsense\n", "AAAA\n", "\u00e9"])
def test_what_is_no_signature_is_refused(folder: Path, text: str) -> None:
    (folder / "plan.json.sig").write_text(text)
    assert applied(folder).code == 3


def test_a_plan_without_a_signature_is_refused_before_it_is_read(folder: Path) -> None:
    (folder / "plan.json.sig").unlink()
    (folder / "plan.json").write_text("this is not even a plan")
    result = applied(folder)
    assert (result.code, result.stdout) == (3, "")
    assert "error: plan.json has no signature: there is no plan.json.sig" in result.stderr


def test_a_fleet_file_has_no_signature(folder: Path) -> None:
    assert applied(folder, plan="fleet.yaml").code == 3


def test_a_plan_that_is_saved_anew_without_a_signature_does_not_keep_the_old_one(folder: Path) -> None:
    (folder / "fleet.yaml").write_text(FLEET.replace("m5.large", "m5.xlarge"))
    assert mmeplan("plan --local --out plan.json", folder).code == 0
    assert applied(folder).code == 3


def test_the_signature_is_public_and_the_plan_is_not(folder: Path) -> None:
    assert (folder / "plan.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "plan.json.sig").stat().st_mode & 0o044


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("plan --local --sign ours.pem", "--sign signs what --out FILE saves"),
        ("plan --local --out p.json --sign missing.pem", "can't be read: No such file or directory"),
        ("plan --local --out p.json --sign fleet.yaml", "this is no private key for Ed25519 in PEM"),
        ("plan --local --out p.json --sign ours.pub", "this is no private key for Ed25519 in PEM"),
        ("plan --local --out p.json --sign x25519.pem", "this is no private key for Ed25519 in PEM"),
        ("plan --local --out p.json --sign locked.pem", "this is no private key for Ed25519 in PEM"),
        ("plan --local --out p.json --sign /dev/zero", "is not a regular file"),
        ("plan --local --out p.json --sign ours.pem --write md=p.json.sig", "are the same file"),
        ("apply --local --yes --verify ours.pem plan.json", "this is no public key for Ed25519 in PEM"),
        ("apply --local --yes --verify missing.pub plan.json", "can't be read: No such file or directory"),
    ],
)
def test_what_is_no_key_is_told(folder: Path, command: str, told: str) -> None:
    key = X25519PrivateKey.generate().private_bytes(*_PLAIN, pem.NoEncryption())
    (folder / "x25519.pem").write_bytes(key)
    locked = Ed25519PrivateKey.generate().private_bytes(*_PLAIN, pem.BestAvailableEncryption(b"word"))
    (folder / "locked.pem").write_bytes(locked)
    result = mmeplan(command, folder)
    assert (result.code, result.stdout) == (1, "")
    assert told in result.stderr
    assert not (folder / "p.json").exists()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl isn't here")
def test_another_program_can_check_the_signature(folder: Path) -> None:
    script = (
        "base64 -d plan.json.sig > raw.sig && openssl pkeyutl -verify -pubin -inkey ours.pub -rawin -in plan.json "
        "-sigfile raw.sig"
    )
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_key_of_a_kind_that_is_not_known_is_told(folder: Path) -> None:
    command = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp112r1 -out odd.pem"
    if shutil.which("openssl") is None or subprocess.run(command.split(), cwd=folder, check=False).returncode:
        pytest.skip("openssl makes no such key here")
    told = mmeplan("plan --local --out plan.json --sign odd.pem", folder)
    assert told.code == 1
    assert "this is no private key for Ed25519" in told.stderr
