"""By which names the server may be addressed, and the pages of which sites may ask it.

A page in a browser can have its own name lead to this machine, and so talk to what listens here
alone. The name is in the header Host then, and what page it is in the header Origin.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection, Iterable

#: Stands for every name.
ANY = "*"

_AUTHORITY = re.compile(
    r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]@/?#\\\s:,]+)(?P<port>:\d{1,5})?", re.IGNORECASE
)
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)", re.IGNORECASE)
_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """Tells which requests are meant for this server.

    Parameters
    ----------
    host : str
        The address that it listens at; every one that there is, with a wildcard.
    allowed : collection of str
        Further names, and ``*`` for all.
    """

    def __init__(self, host: str, allowed: Iterable[str] = ()) -> None:
        self._given = {_name(name) for name in allowed}
        self._names = {"localhost", _name(host), *self._given}
        self._everything = ANY in self._given
        # Where the server listens at every address, it goes by each of them; a number is no name
        # that could be made to lead here.
        self._any_address = _name(host) in ("", "0.0.0.0", "::")
        if self._any_address:
            self._names.add(_name(socket.gethostname()))

    def refusal(self, hosts: Collection[bytes], origins: Collection[bytes]) -> str | None:
        """Why a request with these headers is refused; None if it is not."""
        if self._everything:
            return None
        if len(hosts) > 1 or len(origins) > 1:
            return "the headers Host and Origin are allowed once"
        port = ""
        for host in hosts:
            found = _AUTHORITY.fullmatch(host.decode("latin-1"))
            if found is None or not self._knows(found["name"]):
                return f"the name {_shown(host)} is not one of this server (--allow-host)"
            port = found["port"] or ""
        for origin in origins:
            if not self._is_own(origin.decode("latin-1"), port):
                return f"pages of {_shown(origin)} may not ask this server (--allow-host)"
        return None

    def _is_own(self, origin: str, port: str) -> bool:
        """Whether a page of this origin came from here, or from a name that was allowed."""
        split = _ORIGIN.fullmatch(origin)
        found = split and _AUTHORITY.fullmatch(split["authority"])
        if not split or not found:
            return False
        if _name(found["name"]) in self._given:
            return True
        # At another port of this machine there may be anybody else's page.
        own = port or _PORTS[split["scheme"].lower()]
        given = found["port"] or _PORTS[split["scheme"].lower()]
        return own == given and self._knows(found["name"])

    def _knows(self, name: str) -> bool:
        plain = _name(name)
        if plain in self._names:
            return True
        try:
            address = ipaddress.ip_address(plain)
        except ValueError:
            return False
        return address.is_loopback or self._any_address


def _name(name: str) -> str:
    """A name in the one way to write it."""
    return name.strip().strip("[]").rstrip(".").lower()


def _shown(value: bytes) -> str:
    return repr(value.decode("latin-1"))[:80]
