"""Genotypes as a run keeps them: small, and each readable whatever became of the others."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch.network.genotype import Genotype
from archsearch.runs.packing import checksum, packed, shared_by, texts_of, unpacked
from archsearch.runs.search import resume
from archsearch.runs.store import StoreError, open_run
from archsearch.spaces.catalogue import Catalogue
from archsearch.strategies import Evolution, Random
from archsearch.support.reading import MAX_TEXT
from tests.evaluators import FirstIsLong, Formula
from tests.runs import assert_same_run, small_search, small_space, table
from tests.test_record import told

BEFORE = Path(__file__).with_name("runs_before")


@given(st.text(alphabet=st.characters(codec="utf-8")), st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_texts_come_back_with_and_without_what_they_share(text: str, shared: str) -> None:
    alone, beside = packed(text), packed(text, shared)
    assert unpacked(alone) == text == unpacked(beside, shared)
    assert (shared_by(alone), shared_by(beside)) == (None, checksum(shared))


@pytest.mark.parametrize("data", [b"", b"x", b"\x78\xbb", packed("abc" * 50)[:-2], packed("abc") + b"more", packed("\0" * (MAX_TEXT + 1))])
def test_a_damaged_or_hostile_stream_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it (cannot be unpacked|is cut off)[^\n]*$"):
        unpacked(data)
    assert texts_of([(1, data), (2, "text"), (3, packed("not of this checksum"))]) == {}


def test_what_networks_share_does_not_hang_on_which_is_recorded_first(tmp_path: Path) -> None:
    calm = small_search(tmp_path / "calm", Random(), trials=6)
    small_search(tmp_path / "run", Random(), FirstIsLong(seconds=1.0), trials=6, workers=2)
    assert_same_run(tmp_path / "run", calm.folder)


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "run.db")) as db, db:
        for statement in statements:
            db.execute(statement)


def texts(folder: Path) -> list[str]:
    run = open_run(folder)
    return [run.genotype(trial.number).to_json() for trial in run.trials]


def test_every_genotype_is_that_of_its_choices_and_small(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", trials=30)
    catalogue = Catalogue(small_space())
    assert texts(run.folder) == [catalogue.genotype(catalogue.look_up(trial.choices)).to_json() for trial in run.trials]
    kept = [len(row[3]) for row in table(run.folder, "trials")]
    assert sum(kept) < 0.15 * sum(map(len, texts(run.folder)))


def test_a_damaged_row_takes_no_other_along(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=5).folder
    whole = texts(folder)
    change(folder, "UPDATE trials SET genotype = zeroblob(50) WHERE number IN (0, 3)")
    run = open_run(folder)
    for number in (0, 3):
        with pytest.raises(StoreError, match=rf"run.db is damaged: trial {number}: it cannot be unpacked"):
            run.genotype(number)
    assert [run.genotype(number).to_json() for number in (1, 2, 4)] == [whole[number] for number in (1, 2, 4)]


def test_what_genotypes_share_is_kept_twice(tmp_path: Path) -> None:
    folder = small_search(tmp_path / "run", trials=5).folder
    whole = texts(folder)
    change(folder, "UPDATE shared SET genotype = zeroblob(50)")
    assert texts(folder) == whole
    change(folder, "DELETE FROM shared")
    assert texts(folder) == whole
    resume(folder, small_space(), Evolution(population=10, tournament=4), Formula(), trials=8)
    assert texts(folder)[:5] == whole
    change(folder, "DELETE FROM shared", "UPDATE trials SET genotype = 7 WHERE number = 0")
    with pytest.raises(StoreError, match="trial 2: what its genotype shares with others is lost"):
        open_run(folder).genotype(2)
    assert Genotype.from_json(texts_of([(row[0], row[1]) for row in table(tmp_path / "run", "shared")]).get(0) or whole[0])


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A run of the format before, of 12 trials."""
    folder = Path(shutil.copytree(BEFORE / "format-2", tmp_path / "run"))
    record = (folder / "run.json").read_text()
    digest = record.partition('"space_sha256": "')[2].partition('"')[0]
    (folder / "run.json").write_text(record.replace(digest, ""))  # the space may be written otherwise by now
    return folder


def test_a_run_of_the_format_before_is_read_as_it_is(before: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bytes_before = {path.name: path.read_bytes() for path in before.iterdir()}
    run = open_run(before)
    assert [trial.number for trial in run.trials] == list(range(12))
    assert [len(run.genotype(number).nodes) > 3 for number in range(12)] == [True] * 12
    assert "Test error" in told(["show", str(before)], capsys)
    assert {path.name: path.read_bytes() for path in before.iterdir()} == bytes_before


def test_a_run_of_the_format_before_goes_on_and_its_original_is_kept(
    before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, rows = (before / "run.json").read_bytes(), [table(before, name) for name in ("trials", "tests", "refusals")]
    options = ["--strategy-set", "population=6", "--strategy-set", "tournament=3", "--objective", "error,params", "--max-params", "20k"]
    searched = ["search", "small_cell", "--evaluator", "table", "--strategy", "evolution", *options, "--workers", "0", "--seed", "3", "-q"]
    told([*searched, "--trials", "20", "--out", str(tmp_path / "whole")], capsys)
    told(["resume", str(before), "--trials", "20", "-q"], capsys)
    assert [row[1:3] for row in table(before, "trials")] == [row[1:3] for row in table(tmp_path / "whole", "trials")]
    assert texts(before) == texts(tmp_path / "whole")
    assert (before / "run.2.json").read_bytes() == record
    kept = shutil.copytree(before, tmp_path / "kept")
    (kept / "run.2.json").replace(kept / "run.json")
    (kept / "run.2.db").replace(kept / "run.db")
    assert [table(kept, name) for name in ("trials", "tests", "refusals")] == rows
    assert len(open_run(kept).trials) == 12
    told(["resume", str(before), "--trials", "21", "-q"], capsys)
    assert (before / "run.2.json").read_bytes() == record
