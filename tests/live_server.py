"""What tests of the live pages share: a real server on a free port, a client that reads what it sends, and a real search beside it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from archsearch.live.server import Served, listen

TREE = Path(__file__).parents[1]
PATIENCE = 30.0


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@contextmanager
def serving(root: Path, **options: Any) -> Iterator[Served]:
    """The server of a folder, in a thread."""
    served = listen(root, port=0, **options)
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        until = time.monotonic() + PATIENCE
        while not served.server.started and time.monotonic() < until:
            time.sleep(0.01)
        yield served
    finally:
        served.end()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def port_of(served: Served) -> int:
    found = urlsplit(served.address).port
    assert found is not None
    return found


def ask(served: Served, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """One request, with a right Host header unless another is given; None leaves it out."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=PATIENCE)
    connection.putrequest(method, path, skip_host=headers is not None and "host" in headers)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = Answer(answer.status, answer.headers, answer.read())
    connection.close()
    return found


class Event(NamedTuple):
    name: str
    place: str
    data: Any
    size: int


class Stream:
    """Events of one address, as a browser would get them."""

    def __init__(self, served: Served, path: str, last: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=PATIENCE)
        self.connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"].startswith("text/event-stream")

    def __iter__(self) -> Iterator[Event]:
        name, place, lines, size = "message", "", list[str](), 0
        for raw in self.answer:
            size += len(raw)
            line = raw.decode().removesuffix("\n")
            field, _, value = line.partition(": ")
            if line == "" and lines:
                yield Event(name, place, json.loads("\n".join(lines)), size)
                name, lines, size = "message", [], 0
            elif field == "data":
                lines.append(value)
            elif field == "event":
                name = value
            elif field == "id":
                place = value

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def until(stream: Stream, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Events of a stream until there are enough."""
    found: list[Any] = []
    for event in stream:
        found.append(event)
        if enough(found):
            break
    assert enough(found), found
    return found


@contextmanager
def searching(out: Path, trials: int, seconds: float, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A search of so many trials in a process of its own, each of so many seconds."""
    code = (
        "from pathlib import Path; from tests.runs import small_search; from tests.evaluators import Formula\n"
        f"small_search(Path({str(out)!r}), evaluator=Formula(seconds={seconds}), trials={trials}, **{options!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=TREE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
