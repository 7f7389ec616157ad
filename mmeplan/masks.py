"""What stands in the place of a secret: the one form of it, how it is made, and how it is known again."""

from __future__ import annotations

import hmac
import re
from typing import Final

from mmeplan.errors import LEFT_OUT

_MASK: Final = re.compile(r"\(masked, [0-9a-f]{8}\)")


def mask_of(salt: str, value: str) -> str:
    """What stands for a value: the same value gives the same mask with the same salt. The only masking there is."""
    key, text = (part.encode("utf-8", "surrogatepass") for part in (salt, value))
    return f"(masked, {hmac.digest(key, text, 'sha256').hex()[:8]})"


def is_masked(value: object) -> bool:
    """Whether the value is what masking put in its place."""
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def stands_for_another(value: object) -> bool:
    """Whether the value is a mask, or what commands show in the place of a variable's value."""
    return is_masked(value) or value == LEFT_OUT
