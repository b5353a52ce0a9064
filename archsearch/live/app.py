"""What is served under which address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from archsearch.live import comparing
from archsearch.live.folder import Runs
from archsearch.live.guard import Door, Guard, line
from archsearch.live.pages import compare_page, list_page, waiting_page
from archsearch.live.run_page import render, trial_json
from archsearch.live.watching import RETRY, Watch, event, rest
from archsearch.runs.database import StoreError

POLICY = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Of a page, besides the one that it holds itself, which cannot say who may frame it."""

SANDBOX = "sandbox allow-scripts allow-downloads; frame-ancestors 'none'"
"""Of a page that lies in a run's folder: its scripts may run, but whoever wrote them, they are of no origin and get nothing from here."""


def app_of(runs: Runs, door: Door, closing: asyncio.Event) -> ASGIApp:
    """The app that serves runs to who may come in, until it is closing."""
    site = Site(runs, closing)
    routes = [
        Route("/", site.first),
        Route("/events", site.events),
        Route("/compare", site.compare),
        Route("/compare/events", site.compare_events),
        Route("/run/{run}/", site.run),
        Route("/run/{run}/events", site.run_events),
        Route("/run/{run}/trials/{number:int}.json", site.trial),
        Route("/run/{run}/explanation-{number:int}.html", site.explanation),
        Route("/run/{run}/export/{folder}/{file}", site.exported),
    ]
    return Guard(Starlette(routes=routes), door)


@dataclass
class Site:
    """The answers; at most one page is made at a time, and the last one of a run is kept while the run is as it was."""

    runs: Runs
    closing: asyncio.Event
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    made: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)

    async def first(self, request: Request) -> Response:
        """The list of runs, or the only one."""
        if self.runs.alone:
            return RedirectResponse(f"/run/{quote_from_bytes(self.runs.names()[0], safe='')}/", 303)
        return shown(list_page(self.runs.title))

    async def events(self, request: Request) -> Response:
        """The rows of the list, whole, whenever one of them changes."""
        return streamed(request, self._rows())

    async def _rows(self) -> AsyncIterator[bytes]:
        yield RETRY
        told = None
        while not self.closing.is_set():
            await self.runs.look()
            if self.runs.rows != told:
                told = self.runs.rows
                yield event(told)
            await rest(self.closing, self.runs.pause)

    async def compare(self, request: Request) -> Response:
        """Runs beside each other."""
        return shown(compare_page())

    async def compare_events(self, request: Request) -> Response:
        """What that page shows; a name that is no run's is passed over."""
        names = dict.fromkeys(unquote_to_bytes(name) for name in request.query_params.getlist("run"))
        watches = [watch for name in names if (watch := self.runs.watch(name)) is not None]
        return streamed(request, comparing.stream(watches[: comparing.MOST], len(watches[comparing.MOST :]), self.closing))

    async def run(self, request: Request) -> Response:
        """The page of a run, or why there is none yet."""
        watch = self.watch(request)
        if watch is None:
            return missing()
        async with self.making:
            await watch.look()
            place, run = watch.place, watch.follower.run
            title = watch.name.decode("utf-8", "replace")
            if watch.trouble or run is None:
                return shown(waiting_page(title, watch.trouble, not self.runs.alone))
            if self.made.get(watch.name, ("",))[0] != place:
                self.made.clear()
                try:
                    self.made[watch.name] = place, await asyncio.to_thread(render, watch.follower, place)
                except StoreError as error:
                    watch.refuse(str(error))
                    return shown(waiting_page(title, str(error), not self.runs.alone))
            return shown(self.made[watch.name][1])

    async def run_events(self, request: Request) -> Response:
        """What is new of a run from a place on."""
        watch = self.watch(request)
        if watch is None:
            return missing()
        place = request.headers.get("last-event-id") or request.query_params.get("place", "")
        return streamed(request, watch.stream(place, self.closing))

    async def trial(self, request: Request) -> Response:
        """The network of a trial."""
        watch = self.watch(request)
        if watch is None or watch.follower.run is None:
            return missing()
        try:
            async with self.making:
                found = await asyncio.to_thread(trial_json, watch.follower.run, request.path_params["number"])
        except (StoreError, KeyError) as error:
            return Response(json.dumps({"undrawn": str(error.args[0])}), media_type="application/json")
        return Response(found, media_type="application/json")

    async def exported(self, request: Request) -> Response:
        """A model file of a run, to be kept; nothing else of its folder."""
        watch = self.watch(request)
        if watch is None:
            return missing()
        home = watch.follower.folder / "export"
        file = inside(home, home / request.path_params["folder"] / request.path_params["file"])
        return missing() if file is None else FileResponse(file, media_type="application/octet-stream", filename=file.name)

    async def explanation(self, request: Request) -> Response:
        """The page about what a trial does with images, where there is one."""
        watch = self.watch(request)
        if watch is None:
            return missing()
        await watch.look()
        run = watch.follower.run
        file = None if run is None else inside(run.folder, run.explanation(request.path_params["number"]))
        return missing() if file is None else FileResponse(file, media_type="text/html", headers={"content-security-policy": SANDBOX})

    def watch(self, request: Request) -> Watch | None:
        """The watch of the run that is asked for; a name may be any bytes."""
        return self.runs.watch(unquote_to_bytes(request.scope["raw_path"].split(b"/")[2]))


def inside(home: Path, path: Path) -> Path | None:
    """A file where it really lies, if that is within the home; None for all else."""
    try:
        found = path.resolve(strict=True)
        return found if found.is_file() and found.is_relative_to(home.resolve(strict=True)) else None
    except (OSError, ValueError, RuntimeError):
        return None


def streamed(request: Request, messages: AsyncIterator[bytes]) -> Response:
    """Server-sent events; who asks for heads alone gets these."""
    if request.method == "HEAD":
        return Response(media_type="text/event-stream")
    return StreamingResponse(messages, media_type="text/event-stream")


def shown(page: str | bytes) -> Response:
    """A page, which holds a policy of its own besides."""
    return HTMLResponse(page, headers={"content-security-policy": POLICY})


def missing() -> Response:
    """What is not there."""
    return line("there is nothing of this name", 404)
