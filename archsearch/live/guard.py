"""What is let in, and what a browser is told about every answer."""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD")
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The policy of an answer that is no page."""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": NOTHING,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.IGNORECASE)
KEY = "token"


@dataclass(frozen=True)
class Door:
    """Who may come in: by which names the server is asked for, on which port it listens, and the token, empty where none is needed.

    On loopback only names of this machine lead here: any other is that of a foreign page whose name was made to point here. Elsewhere the
    token is what counts; addresses as numbers, which no such page has, and the machine's own names are let in.
    """

    port: int
    names: frozenset[str] = frozenset({"localhost"})
    token: str = ""

    @property
    def cookie(self) -> str:
        """Where a browser keeps the token; cookies know no ports."""
        return f"archsearch-{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return address.is_loopback or bool(self.token)

    def opens(self, given: str) -> bool:
        """Whether this is the token; takes as long for any other."""
        return secrets.compare_digest(given.encode(), self.token.encode())


class Guard:
    """An ASGI app around another one, which refuses what is not for it."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with one line."""
        answer = self.refusal(Request(scope)) or self.app

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await answer(scope, receive, with_headers)

    def refusal(self, request: Request) -> Response | None:
        """The answer to what is not let in; None to all else."""
        if request.method not in METHODS:
            return line("this server only shows: GET and HEAD", 405, {"allow": ", ".join(METHODS)})
        if len(request.headers.getlist("host")) != 1 or not self.door.knows(request.headers["host"]):
            return line("this server has another name; open the address that the command printed", 421)
        if request.headers.get("sec-fetch-site") == "cross-site" and request.headers.get("sec-fetch-mode") != "navigate":
            return line("pages of other sites get nothing here", 403)
        return self.asked_for_token(request) if self.door.token else None

    def asked_for_token(self, request: Request) -> Response | None:
        """None for who shows the token; it is taken out of the address and kept as a cookie."""
        given = request.query_params.get(KEY)
        if given is not None and self.door.opens(given):
            rest = [(name, value) for name, value in request.query_params.multi_items() if name != KEY]
            where = "/" + quote(request.scope["path"].lstrip("/")) + (f"?{urlencode(rest)}" if rest else "")
            answer = Response(status_code=303, headers={"location": where})
            answer.set_cookie(self.door.cookie, self.door.token, httponly=True, samesite="strict")
            return answer
        if self.door.opens(request.cookies.get(self.door.cookie, "")):
            return None
        return line("open the address that the command printed, with its token", 401)


def line(words: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """One line of plain text."""
    return PlainTextResponse(f"{words}\n", status, headers)
