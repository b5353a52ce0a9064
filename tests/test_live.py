"""The live pages, by a real server on a free port and real searches beside it."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest

from archsearch.live.guard import HEADERS, Door
from archsearch.live.server import DashboardError, listen
from archsearch.live.watching import AT_ONCE
from archsearch.runs.store import Store, connect, open_run
from archsearch.trial import Failure, Trial
from archsearch.units import DASH
from tests.live_server import Stream, ask, port_of, searching, serving, until
from tests.runs import small_search
from tests.test_report_data import unpacked

EVIL = "<img src=x onerror=alert(1)>\u202e'\"&%2f.."


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    return small_search(tmp_path_factory.mktemp("runs") / "done", trials=12).folder


def rows_of(events: list[Any]) -> dict[int, int]:
    """How often each trial was told."""
    told: dict[int, int] = {}
    for event in events:
        for number in event.data.get("rows", {}).get("number", []) if event.name == "message" else []:
            told[number] = told.get(number, 0) + 1
    return told


def place_of(page: bytes) -> str:
    """The place that a page holds."""
    return page.decode().partition('data-place="')[2].partition('"')[0]


def numbers_on(page: bytes) -> set[int]:
    """Trials that a page holds."""
    packed = page.decode().partition('id="run">')[2].partition("<")[0]
    return set(unpacked(packed)["message"]["rows"]["number"])


# What is let in, and what is never given


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"])
def test_nothing_but_reading_is_let_in(done: Path, method: str) -> None:
    with serving(done) as served:
        answer = ask(served, "/", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.body.count(b"\n") == 1


@pytest.mark.parametrize(
    "host",
    ["", "evil.com", "evil.com:8421", "127.0.0.1.evil.com", "localhost.evil.com", "a@localhost", "192.168.1.7", "[2001:db8::1]", "::1"],
)  # fmt: skip
def test_foreign_hosts_are_refused(done: Path, host: str) -> None:
    with serving(done) as served:
        answer = ask(served, "/", headers={"host": host})
        assert answer.status == 421
        assert b"<" not in answer.body
    assert not Door(80).knows(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:80", "127.1.2.3"])
def test_this_machine_is_no_foreign_host(done: Path, host: str) -> None:
    with serving(done) as served:
        assert ask(served, "/", headers={"host": host}).status == 303


def test_requests_without_a_host_or_with_two_are_refused(done: Path) -> None:
    with serving(done) as served:
        for lines, status in ((b"GET / HTTP/1.0\r\n\r\n", b"421"), (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n\r\n", b"4")):
            with socket.create_connection(("127.0.0.1", port_of(served))) as connection:
                connection.sendall(lines)
                assert connection.recv(4096).split()[1].startswith(status)


def test_pages_of_other_sites_get_nothing(done: Path) -> None:
    with serving(done) as served:
        assert ask(served, "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status == 403
        assert ask(served, "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 303
        asked = ask(served, "/run/done/", headers={"Origin": "http://evil.com"})
        assert not [name for name in asked.headers if name.lower().startswith("access-control")]


def test_every_answer_says_what_a_browser_may_do_with_it(done: Path) -> None:
    paths = ("/", "/events", "/run/done/", "/run/done/events", "/run/done/trials/0.json", "/compare", "/compare/events", "/nothing")
    with serving(done) as served:
        for path in paths:
            answer = ask(served, path, "HEAD")
            assert answer.body == b""
            assert HEADERS.keys() <= {name.lower() for name in answer.headers}, path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert "server" not in answer.headers


def test_elsewhere_a_token_is_asked_for(done: Path) -> None:
    with serving(done, host="0.0.0.0") as served:
        token = served.address.partition("?token=")[2]
        assert len(token) >= 32
        assert ask(served, "/run/done/").status == 401
        for wrong in ("", "x", token[:-1], token + "x", "%ff"):
            assert ask(served, f"/?token={wrong}").status == 401
            assert ask(served, "/", headers={"Cookie": f"archsearch-{port_of(served)}={wrong}"}).status == 401
        let_in = ask(served, f"/run/done/?a=b&token={token}")
        assert (let_in.status, let_in.headers["location"]) == (303, "/run/done/?a=b")
        assert "HttpOnly" in let_in.headers["set-cookie"]
        assert "SameSite=strict" in let_in.headers["set-cookie"]
        cookie = let_in.headers["set-cookie"].partition(";")[0]
        assert ask(served, "/run/done/", headers={"Cookie": cookie}).status == 200
        assert ask(served, "/run/done/", headers={"Cookie": cookie, "host": "evil.com"}).status == 421
        assert ask(served, f"//evil.com/?token={token}").headers["location"] == "/evil.com/"
        assert ask(served, f"/\\evil.com/?token={token}").headers["location"].startswith("/%5C")


WAYS_OUT = """
/run/done/run.db /run/done/run.json /run/done/weights/000000.safetensors /run/done/report.html /run/done/export/x/../../run.db
/run/done/export/..%2f/run.db /run/done/export/%2e%2e/run.db /run/done/export/link/run.db /run/done/export/trial/secret
/run/done/export/trial/folder /run/done/export/trial/.. /run/../outside /run/%2e%2e/ /run/..%2foutside/ /run/outside/ /run/linked/
/run/done%2f..%2f..%2foutside/ /run/done%00/ /run// /%2e%2e/%2e%2e/etc/passwd //etc/passwd
/run/done/explanation-1.html /run/done/explanation-0002.html
"""


def test_nothing_outside_the_runs_is_given(done: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(done, root / "done")
    shutil.copytree(done, tmp_path / "outside")
    (root / "linked").symlink_to(tmp_path / "outside")
    export = root / "done" / "export"
    (export / "trial" / "folder").mkdir(parents=True)
    (export / "link").symlink_to(tmp_path / "outside")
    (export / "trial" / "secret").symlink_to("/etc/passwd")
    (root / "done" / "explanation-0001.html").symlink_to(tmp_path / "outside" / "run.db")
    (root / "done" / "explanation-0003.html").write_text("<script>alert(1)</script>")
    (export / "trial" / "model.py").write_text("print('mine')")
    (export / "trial" / "page.html").write_text("<script>alert(1)</script>")
    with serving(root) as served:
        for path in WAYS_OUT.split():
            answer = ask(served, path)
            assert answer.status == 404, path
            assert b"root:" not in answer.body
            assert b"SQLite" not in answer.body
        explained = ask(served, "/run/done/explanation-0003.html")
        assert explained.body == b"<script>alert(1)</script>"
        assert explained.headers["content-security-policy"].startswith("sandbox allow-scripts allow-downloads;"), (
            "its script has our origin"
        )
        for name in ("model.py", "page.html"):
            file = ask(served, f"/run/done/export/trial/{name}")
            assert file.body == (export / "trial" / name).read_bytes()
            assert file.headers["content-type"] == "application/octet-stream"
            assert file.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_no_python_that_a_run_names_is_run(done: Path, tmp_path: Path) -> None:
    shutil.copytree(done, tmp_path / "run")
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nspace = strategy = Evaluator = None")
    record = tmp_path / "run" / "run.json"
    text = record.read_text()
    for name, inside in (("space", "space"), ("strategy", "strategy"), ("evaluator", "Evaluator")):
        start = text.index(f'"{name}": "')
        text = text[:start] + f'"{name}": "{tmp_path / "mine.py"}:{inside}"' + text[text.index('",', start) + 1 :]
    record.write_text(text)
    assert "mine.py" in open_run(tmp_path / "run").record.space
    with serving(tmp_path) as served:
        assert b"mine.py" in ask(served, "/run/run/").body
        for path in ("/events", "/run/run/events?place=x-0", "/compare/events?run=run"):
            stream = Stream(served, path)
            next(iter(stream))
            stream.close()
        assert ask(served, "/run/run/trials/0.json").status == 200
    assert not (tmp_path / "ran").exists()


# The list


def test_the_list_has_every_run_the_latest_first_and_goes_on(done: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for place, name in enumerate(["old", EVIL.replace("/", ""), "new"]):
        shutil.copytree(done, root / name)
        os.utime(root / name / "run.json", (1e9 + place, 1e9 + place))
    (root / "no run").mkdir()
    (root / "broken").mkdir()
    (root / "broken" / "run.json").write_text("{")
    os.mkfifo(root / "no run" / "run.json")
    with serving(root) as served:
        stream = Stream(served, "/events")
        events = iter(stream)
        first = next(events).data
        assert [row["name"] for row in first] == ["new", EVIL.replace("/", ""), "old", "broken"]
        best = min(trial.metrics["error"] for trial in open_run(done).trials)
        row = first[0]
        assert (row["state"], row["trials"], row["front"]) == ("done", "12 of 12", str(len(open_run(done).front())))
        assert row["best"] == f"Error {100 * best:.2f}%"
        assert (row["space"], row["strategy"], row["data"]) == ("cell", open_run(done).record.strategy, DASH)
        assert "run.json" in first[3]["trouble"]
        page = ask(served, "/" + first[1]["path"])
        assert page.status == 200
        assert b"<img src=x" not in page.body
        shutil.copytree(done, root / "another")
        assert "another" in [row["name"] for row in next(events).data]
        shutil.rmtree(root / "old")
        assert "old" not in [row["name"] for row in next(events).data]
        stream.close()


def test_names_that_are_no_text_are_served(done: Path, tmp_path: Path) -> None:
    name = b"r\xff\x80n"
    try:
        shutil.copytree(os.fsencode(done), os.fsencode(tmp_path) + b"/" + name)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    with serving(tmp_path) as served:
        stream = Stream(served, "/events")
        row = next(iter(stream)).data[0]
        stream.close()
        assert row["path"] == f"run/{quote_from_bytes(name)}/"
        assert ask(served, f"/{row['path']}").status == 200


# Following a run


def test_a_page_follows_a_search_and_hears_every_trial_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with serving(run, alone=True) as served:
        assert b"no run, or not yet one" in ask(served, "/run/run/").body
        waiting = Stream(served, "/run/run/events")
        with searching(run, 25, 0.05) as search:
            *troubles, _ = until(waiting, lambda found: found[-1].name == "again")
            assert troubles
            assert all(each.name == "trouble" and each.data.count("\n") == 0 for each in troubles)
            waiting.close()
            page = ask(served, "/run/run/").body
            stream = Stream(served, f"/run/run/events?place={place_of(page)}")
            events = until(stream, lambda found: found[-1].data["run"]["status"] == "")
            stream.close()
            assert search.wait(60) == 0
    trials = open_run(run).trials
    tested = set(open_run(run).tests)
    told = rows_of(events)
    later = {trial.number for trial in trials} - {number for number in told if told[number]}
    assert len(trials) == 25
    assert len(told) > 3, "most of the search was before the page"
    assert all(count <= 1 + (number in tested) for number, count in told.items())
    assert later <= numbers_on(page), "a trial was neither on the page nor told"
    assert "running, " in events[0].data["run"]["status"]
    assert [path.name for path in run.iterdir() if path.name.startswith("run.db")] == ["run.db"], "the reader was in the writer's way"


def test_who_comes_back_hears_nothing_twice_and_misses_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with searching(run, 40, 0.05), serving(run, alone=True) as served:
        with Stream(served, "/run/run/events") as waiting:
            until(waiting, lambda found: found[-1].name == "again")
        place = place_of(ask(served, "/run/run/").body).partition("-")[0] + "-0"
        told: dict[int, int] = {}
        while True:
            with Stream(served, "/run/run/events?place=nonsense", place) as stream:
                [event] = until(stream, lambda found: True)
            place = event.place
            for number in event.data.get("rows", {}).get("number", []):
                told[number] = told.get(number, 0) + 1
            if event.data["run"]["status"] == "":
                break
    tests = open_run(run).tests
    assert told.keys() == {trial.number for trial in open_run(run).trials}
    assert all(count <= 1 + (number in tests) for number, count in told.items())


@pytest.mark.parametrize("place", ["", "x", "00000000-0", "-1", "{key}-99999", "{key}--1", "{key}-9" + 5000 * "9"])
def test_a_place_that_is_none_asks_for_the_page_anew(done: Path, place: str) -> None:
    with serving(done) as served:
        key = place_of(ask(served, "/run/done/").body).partition("-")[0]
        stream = Stream(served, "/run/done/events", place.replace("{key}", key))
        assert next(iter(stream)).name == "again"
        stream.close()


def test_rows_are_those_of_the_report_in_portions(done: Path) -> None:
    from archsearch.report.rows import rows

    run = open_run(done)
    with serving(done) as served:
        key = place_of(ask(served, "/run/done/").body).partition("-")[0]
        stream = Stream(served, f"/run/done/events?place={key}-0")
        event = next(iter(stream))
        stream.close()
    assert len(run.trials) < AT_ONCE
    assert event.data["rows"] == rows(run.trials, run.seconds, run.tests)
    assert event.data["run"]["refusals"] == dict(run.refusals)
    assert event.data["run"]["status"] == ""


def one_more(run: Path, number: int) -> None:
    """A writer that records one more trial."""
    store = Store(run)
    before = open_run(run).trials[0]
    failed = Trial(number, before.choices, f"{number:032x}", before.metrics, None, Failure("crashed", EVIL))
    store.add(failed, open_run(run).genotype(0), {"duplicate": 2}, 1.5)
    store.close()


def test_several_browsers_hear_the_same_whoever_is_slow_or_gone(done: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(done, run)
    with serving(run) as served:
        place = place_of(ask(served, "/run/run/").body)
        streams = [Stream(served, f"/run/run/events?place={place}") for _ in range(12)]
        deaf = [socket.create_connection(("127.0.0.1", port_of(served))) for _ in range(5)]
        for number, connection in enumerate(deaf):
            path = f"/run/run/events?place={place}" if number % 2 else "/run/run/"  # the page is more than any buffer holds
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for stream in streams[6:]:
            stream.close()
        one_more(run, 99)
        heard = [next(iter(stream)) for stream in streams[:6]]
        assert len({event.place for event in heard}) == 1
        assert all(event.data["rows"]["failure"] == [["crashed", " ".join(EVIL.split())]] for event in heard)
        for stream in streams[:6]:
            stream.close()
        for connection in deaf:
            connection.close()
        limit = time.monotonic() + 20
        while served.server.server_state.tasks and time.monotonic() < limit:
            time.sleep(0.05)
        assert not served.server.server_state.tasks, "somebody who is gone is still held"


def test_a_run_that_is_damaged_or_gone_gets_one_line_and_comes_back(done: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(done, run)
    with serving(run, alone=True) as served:
        stream = Stream(served, f"/run/run/events?place={place_of(ask(served, '/run/run/').body)}")
        events = iter(stream)
        whole = (run / "run.db").read_bytes()
        (run / "run.db").write_bytes(whole[: len(whole) // 2])
        damaged = next(events)
        assert damaged.name == "trouble"
        assert "run.db" in damaged.data
        assert damaged.data in ask(served, "/run/run/").body.decode().replace("&#x27;", "'").replace("&quot;", '"')
        run.rename(tmp_path / "elsewhere")
        gone = next(events)
        assert "no run" in gone.data
        (tmp_path / "elsewhere" / "run.db").write_bytes(whole)
        (tmp_path / "elsewhere").rename(run)
        back = next(events)
        assert (back.name, back.data) == ("trouble", "")
        one_more(run, 50)
        assert next(events).data["rows"]["number"] == [50]
        stream.close()


def test_a_page_that_cannot_be_shown_waits_until_something_is_written(done: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(done, run)
    db = connect(run / "run.db")
    [(choices,)] = db.execute("SELECT choices FROM trials WHERE number = 3").fetchall()
    with db:
        db.execute("UPDATE trials SET choices = '[' WHERE number = 3")
    with serving(run) as served:
        assert b"trial 3: not valid JSON" in ask(served, "/run/run/").body
        with Stream(served, "/run/run/events") as waiting:
            events = iter(waiting)
            assert next(events).name == "trouble"
            time.sleep(1.5)
            with db:
                db.execute("UPDATE trials SET choices = ? WHERE number = 3", (choices,))
            assert [next(events).name for _ in range(2)] == ["trouble", "again"], "it may not ask for the page anew before"
        assert b"not valid JSON" not in ask(served, "/run/run/").body
    db.close()


def test_another_run_in_the_same_place_is_another_page(done: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(done, run)
    with serving(run) as served:
        stream = Stream(served, f"/run/run/events?place={place_of(ask(served, '/run/run/').body)}")
        shutil.rmtree(run)
        small_search(run, trials=5, seed=3)
        assert until(stream, lambda found: found[-1].name == "again")
        stream.close()


def test_who_takes_nothing_holds_nobody_up_at_the_end(done: Path) -> None:
    with serving(done) as served:
        deaf = [socket.create_connection(("127.0.0.1", port_of(served))) for _ in range(4)]
        for connection in deaf:
            connection.sendall(b"GET /run/done/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1)
        assert ask(served, "/run/done/").status == 200
        began = time.monotonic()
    assert time.monotonic() - began < 3
    for connection in deaf:
        connection.close()


# Beside each other


def test_runs_are_compared_as_they_grow(done: Path, tmp_path: Path) -> None:
    for name in ("a", EVIL.replace("/", "")):
        shutil.copytree(done, tmp_path / name)
    evil = quote_from_bytes(quote_from_bytes(os.fsencode(EVIL.replace("/", "")), safe="").encode())
    with serving(tmp_path) as served:
        assert b"<img" not in ask(served, f"/compare?run=a&run={evil}").body
        stream = Stream(served, f"/compare/events?run=a&run={evil}")
        first = next(iter(stream)).data
        assert [row[0] for row in first["rows"]] == ["a", EVIL.replace("/", "")]
        assert first["rows"][0][1:] == first["rows"][1][1:]
        one_more(tmp_path / "a", 12)
        second = next(iter(stream)).data
        assert (first["rows"][0][1], second["rows"][0][1]) == ("12", "13")
        stream.close()
        nobody = Stream(served, "/compare/events?run=nobody")
        assert [event.data for event in until(nobody, lambda found: len(found) == 2)][1] == "Choose runs in the list of all runs."
        nobody.close()


# How it begins and ends


def test_a_port_in_use_and_a_host_of_others_get_one_line(done: Path, tmp_path: Path) -> None:
    with serving(done) as served:
        for options, words in (
            ((port_of(served),), "in use; give another with --port"),
            ((0, "203.0.113.1"), "nothing can listen on 203.0.113.1"),
            ((0, "no.such.host.invalid"), "nothing can listen on no.such.host"),
        ):
            with pytest.raises(DashboardError, match=words) as caught:
                listen(done, *reversed(options) if len(options) == 2 else ("127.0.0.1", *options))
            assert "\n" not in str(caught.value)
    with pytest.raises(DashboardError, match="is no folder"):
        listen(tmp_path / "nothing", port=0)
