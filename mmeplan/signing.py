"""Signatures of saved plans: Ed25519, by the library `cryptography`, in a file beside the plan (`plan.json.sig`).

    openssl genpkey -algorithm ed25519 -out key.pem; openssl pkey -in key.pem -pubout -out public.pem

What is signed are the bytes of the plan's file; the signature is a line of base64. docs/plan-format.md says what it
protects from.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmeplan.documents import MOST_BYTES, DamagedError, read_regular
from mmeplan.errors import InputError, MmeplanError, PlanRefused, Problem
from mmeplan.installing import how_to_add

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SUFFIX: Final = ".sig"
_MOST_KEY: Final = 64 * 1024  # bytes of a key or a signature
_MAKE: Final = "openssl genpkey -algorithm ed25519 -out key.pem"


def private_key(path: str) -> Ed25519PrivateKey:
    """The key to sign with. Raises InputError; MmeplanError where `cryptography` isn't installed."""
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_content(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it has a password
        raise _no_key(path, "private", str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, "private", type(key).__name__)
    return key


def signature(content: bytes, key: Ed25519PrivateKey) -> str:
    """The text of the signature's file."""
    return base64.b64encode(key.sign(content)).decode("ascii") + "\n"


def verified(path: str, key_path: str) -> bytes:
    """The bytes of a plan's file, once its signature was found to be by this key. Nothing of it is looked at before.

    Raises PlanRefused where there is no signature, or another's; InputError for what can't be read; MmeplanError where
    `cryptography` isn't installed.
    """
    key = _public_key(key_path)
    from cryptography.exceptions import InvalidSignature

    hint = "mmeplan plan --out FILE --sign KEYFILE"
    if not Path(path + SUFFIX).exists():
        raise PlanRefused(f"{path} has no signature: there is no {path}{SUFFIX}", hint=hint)
    content = _content(path, MOST_BYTES)
    try:
        key.verify(base64.b64decode(_content(path + SUFFIX).strip(), validate=True), content)
    except (InvalidSignature, binascii.Error):
        raise PlanRefused(f"{path}{SUFFIX} is no signature of {path} by the key {key_path}", hint=hint) from None
    return content


def _public_key(path: str) -> Ed25519PublicKey:
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_content(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "public", str(error)) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "public", type(key).__name__)
    return key


def _require() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        text = "signatures of plans need the package cryptography"
        raise MmeplanError(text, hint=how_to_add("signing", "cryptography")) from None


def _content(path: str, most: int = _MOST_KEY) -> bytes:
    try:
        return read_regular(Path(path), most)
    except DamagedError as error:
        raise InputError([Problem(str(error), path)]) from None
    except OSError as error:
        raise InputError([Problem(f"can't be read: {error.strerror or error}", path)]) from None


def _no_key(path: str, which: str, why: str) -> InputError:
    text = f"this is no {which} key for Ed25519 in PEM: {why.partition('(')[0].partition('. ')[0].strip()}"
    hint = _MAKE if which == "private" else "openssl pkey -in key.pem -pubout -out public.pem"
    return InputError([Problem(text, path, hint=hint)])
