"""The server: where it listens, who may come in, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from archsearch.live.app import app_of
from archsearch.live.folder import Runs
from archsearch.live.guard import KEY, Door
from archsearch.support.reading import one_line, place, reason

PORT = 8421
MOST_CONNECTIONS = 200
GRACE_S = 0.5
SLOW_MS = 30_000
"""Who takes nothing of what is sent for so long is let go, where the system can see to that."""


class DashboardError(Exception):
    """A dashboard that cannot be served; one line."""


@dataclass
class Served:
    """A server that listens, and the address that leads to it."""

    server: uvicorn.Server
    listener: socket.socket
    address: str

    def run(self) -> None:
        """Serve until Ctrl-C, or until `end` is called."""
        self.server.run([self.listener])

    def end(self) -> None:
        """End the server; from any thread."""
        self.server.should_exit = True


class Server(uvicorn.Server):
    """Ends the streams to browsers, which would not end by themselves."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self.closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, within a second or two."""
        self.closing.set()
        asyncio.get_running_loop().call_later(GRACE_S, self.let_go)
        await super().shutdown(sockets)

    def let_go(self) -> None:
        """Close what is still open, as to somebody who does not take what is sent."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def listen(root: Path, host: str = "127.0.0.1", port: int = PORT, alone: bool | None = None) -> Served:
    """A server of the run in a folder, or of all runs in it; `alone`: it is one run, which may be about to begin.

    Where `host` is not this machine alone (loopback), who comes in needs the token that stands in the address. Port 0 is any that is free.

    Raises:
        DashboardError: no such folder, or the port is taken.
    """
    if not alone and not root.is_dir():
        raise DashboardError(f"{place(root)} is no folder; give that of a run, or one that holds runs")
    listener = bound(host, port)
    address, port = listener.getsockname()[:2]
    local = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    names = {host.lower(), "localhost"} | (set() if local else {socket.gethostname().lower(), socket.getfqdn().lower()})
    door = Door(port, frozenset(names), "" if local else secrets.token_urlsafe(24))
    closing = asyncio.Event()
    runs = Runs(root, (root / "run.json").is_file() if alone is None else alone)
    config = uvicorn.Config(
        app_of(runs, door, closing), http="h11", ws="none", loop="asyncio", lifespan="off", log_config=None, log_level="error",
        access_log=False, server_header=False, proxy_headers=False, limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=2,
    )  # fmt: skip
    return Served(Server(config, closing), listener, address_of(host, port, door.token))


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises DashboardError."""
    try:
        family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(found[:2], family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise DashboardError(f"port {port} is in use; give another with --port, or --port 0 for any that is free") from error
        where = f"{one_line(host, 60)}, port {port}"
        raise DashboardError(f"nothing can listen on {where}: {reason(error)}; choose another --host or --port") from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SLOW_MS)
    return listener


def address_of(host: str, port: int, token: str) -> str:
    """The address for a browser: of a server on all addresses by this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?{KEY}={token}" if token else "")


def serve(root: Path, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `tell` hears the address once it leads somewhere. Raises as `listen`."""
    served = listen(root, host, port)
    tell(served.address)
    served.run()
