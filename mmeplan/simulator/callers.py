"""Who may call the served simulator: programs that address it by a name of its own, and no web page of somewhere else.

A page in a browser can send a POST to a port of the same machine without asking, and a name that its author points at
127.0.0.1 a moment later (DNS rebinding) lets it read the answers. Both are told by headers that a browser always
sends: `Origin` names the page, `Host` the name that the page used.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


class Callers:
    """The names by which a server that listens on `host` may be addressed: loopback ones, and what `host` asks for.

    A server on all addresses (0.0.0.0, ::) may be addressed by any address and by names of one label, such as those of
    containers: a public name has a dot.
    """

    def __init__(self, host: str) -> None:
        self._host = host.lower().rstrip(".")
        address = _address(self._host)
        self._everywhere = address is not None and address.is_unspecified

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Why a request with these headers (by lower-case name) is not answered; empty where it is."""
        host, origin = headers.get("host"), headers.get("origin")
        if host is not None and not self._is_own(_name(f"//{host}")):
            return f"The header Host names {host[:100]!r}, which is no name of this server; see mmeplan serve --host."
        if origin is not None and not self._is_own(_name(origin)):
            return "The request comes from a web page of another origin."
        return ""

    def _is_own(self, name: str) -> bool:
        if name in ("localhost", self._host) or name.endswith((".localhost", f".{self._host}")):
            return True
        address = _address(name)
        if address is None:
            return self._everywhere and bool(name) and "." not in name
        return address.is_loopback or self._everywhere


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
