"""CIFAR archives, binary and Python, packed and unpacked, right and wrong; nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from archsearch.data import load_data
from archsearch.data.pickled import unpickled
from tests.test_data_published import assert_one_line, content, expected

RNG = np.random.default_rng(0)
NAMES = {"cifar10": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
         "cifar100": [f"kind{number:02}" for number in range(100)]}  # fmt: skip
FOLDERS = {("cifar10", "binary"): "cifar-10-batches-bin", ("cifar10", "python"): "cifar-10-batches-py",
           ("cifar100", "binary"): "cifar-100-binary", ("cifar100", "python"): "cifar-100-python"}  # fmt: skip


def text(value: str) -> bytes:
    """A text as Python 2 pickles it."""
    data = value.encode()
    return b"U" + bytes([len(data)]) + data


def numbers(values: np.ndarray) -> bytes:
    return b"](" + b"".join(b"K" + bytes([value]) for value in values.tolist()) + b"e"


def array(rows: np.ndarray) -> bytes:
    """An array of bytes as Python 2 and numpy pickle it (protocol 2), with values that are remembered and read again."""
    kind = b"cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    made = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
    shape = b"J" + struct.pack("<i", len(rows)) + b"M" + struct.pack("<H", rows.shape[1]) + b"\x86"
    return made + b"(K\x01" + shape + kind + b"\x89T" + struct.pack("<i", rows.size) + rows.tobytes() + b"tb"


def pickled(entries: dict[str, bytes]) -> bytes:
    return b"\x80\x02}q\x00(" + b"".join(text(key) + value for key, value in entries.items()) + b"u."


def names_in_text(key: str, names: list[str]) -> bytes:
    """A dict with a list of names as Python 2 pickles it in text (protocol 0)."""
    listed = "".join(f"S'{name}'\np{3 + place}\na" for place, name in enumerate(names))
    return f"(dp1\nS'num_vis'\np2\nI3072\nsS'{key}'\np900\n(lp901\n{listed}s.".encode()


def made(name: str, form: str) -> tuple[dict[str, bytes], list[tuple[np.ndarray, list[str]]]]:
    """Files of a dataset, and what is in its training and its test part: images (N, 3, 32, 32) and their classes."""
    classes, batches = len(NAMES[name]), [f"data_batch_{number}" for number in range(1, 6)] if name == "cifar10" else ["train"]
    files, found = {}, []
    test = "test_batch" if name == "cifar10" else "test"
    for batch in (*batches, test):
        rows = RNG.integers(0, 256, (3 * classes if name == "cifar100" else classes, 3072), dtype=np.uint8)
        fine = RNG.permutation(np.arange(len(rows)) % classes).astype(np.uint8)
        coarse = RNG.integers(0, 20, len(rows), dtype=np.uint8)
        if form == "binary":
            columns = (fine[:, None],) if name == "cifar10" else (coarse[:, None], fine[:, None])
            files[f"{batch}.bin"] = np.concatenate([*columns, rows], 1).tobytes()
        elif name == "cifar10":
            files[batch] = pickled({"batch_label": text("a batch"), "labels": numbers(fine), "data": array(rows)})
        else:
            files[batch] = pickled({"data": array(rows), "coarse_labels": numbers(coarse), "fine_labels": numbers(fine)})
        found.append((rows.reshape(-1, 3, 32, 32), [NAMES[name][label] for label in fine]))
    listed = ("\n".join(NAMES[name]) + "\n\n").encode()
    if form == "binary":
        files |= (
            {"batches.meta.txt": listed} if name == "cifar10" else {"fine_label_names.txt": listed, "coarse_label_names.txt": b"a\nb\n"}
        )
    elif name == "cifar10":
        files["batches.meta"] = names_in_text("label_names", NAMES[name])
    else:
        files["meta"] = pickled({"fine_label_names": b"](" + b"".join(map(text, NAMES[name])) + b"e"})
    files["readme.html"] = b"<html>"
    train = np.concatenate([images for images, _ in found[:-1]]), [kind for _, kinds in found[:-1] for kind in kinds]
    return files, [train, found[-1]]


def laid(folder: Path, name: str, form: str, files: dict[str, bytes], how: str) -> Path:
    """The files in a folder as they come: packed, in the archive's folder, or alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if how == "packed":
        with tarfile.open(folder / f"{name[:5]}-{name[5:]}-{form}.tar.gz", "w:gz") as archive:
            for file in sorted(files, reverse=True):  # the official ones are in no order either
                entry = tarfile.TarInfo(f"{FOLDERS[name, form]}/{file}")
                entry.size = len(files[file])
                archive.addfile(entry, io.BytesIO(files[file]))
        return folder
    inside = folder / FOLDERS[name, form] if how == "unpacked" else folder
    inside.mkdir(exist_ok=True)
    for file, data in files.items():
        (inside / file).write_bytes(data)
    return folder


@pytest.mark.parametrize("how", ["packed", "unpacked", "alone"])
@pytest.mark.parametrize(("name", "form"), sorted(FOLDERS))
def test_all_forms_of_an_archive_are_read(tmp_path, name, form, how):
    files, parts = made(name, form)
    data = load_data(name, 0, str(laid(tmp_path, name, form, files, how)))
    assert (data.name, data.shape, data.flip, list(data.class_names)) == (name, (3, 32, 32), True, NAMES[name])
    for part, (images, kinds) in zip(("train", "test"), parts, strict=True):
        assert content(data, part) == expected(images, kinds)


def test_a_pickle_of_the_tests_is_one_of_numpy():
    rows = RNG.integers(0, 256, (7, 3072), dtype=np.uint8)
    found = pickle.loads(pickled({"data": array(rows), "labels": numbers(np.arange(7))}), encoding="bytes")
    np.testing.assert_array_equal(found[b"data"], rows)
    assert found[b"labels"] == list(range(7))
    assert pickle.loads(names_in_text("label_names", ["a", "b"]))["label_names"] == ["a", "b"]


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("/tmp/never-made-by-a-pickle",)


@pytest.mark.parametrize("protocol", range(5))
def test_code_in_a_pickle_is_named_and_not_run(tmp_path, protocol):
    files, _ = made("cifar10", "python")
    files["data_batch_3"] = pickle.dumps({"data": Harmful()}, protocol)
    laid(tmp_path, "cifar10", "python", files, "packed")
    assert_one_line("cifar10", r"data_batch_3: it asks for '(posix|nt)\.mkdir', which no CIFAR archive does, and is not run", tmp_path)
    assert not Path("/tmp/never-made-by-a-pickle").exists()


ZEROS = np.zeros((10, 3072), np.uint8)


def nested(count: int) -> bytes:
    return b"\x80\x02}(" + b")" + b"\x85" * count + b"K\x01u."


WRONG = {
    "remembers place four billion": (b"\x80\x02}r\xff\xff\xff\xff.", "larger or deeper than any"),
    "tuples in tuples": (nested(200_000), "larger or deeper than any"),
    "an object": (b"\x80\x02}(K\x01c__builtin__\nobject\n)\x81u.", "pickle code NEWOBJ, which no CIFAR archive does"),
    "a persistent name": (b"\x80\x02}(K\x01Pname\nu.", "pickle code PERSID"),
    "an extension": (b"\x80\x02}(K\x01\x82\x01u.", "pickle code EXT1"),
    "a large text that is not there": (b"\x80\x02T\xff\xff\xff\x7fabc.", "not enough data|expected"),
    "cut": (pickled({"data": array(np.zeros((7, 3072), np.uint8))})[:-500], "expected .* bytes|not enough data|exhausted"),
    "nothing": (b"", "exhausted|Ran out of input"),
    "a list": (b"\x80\x02].", "it holds a list, expected a dict"),
    "called as a function": (b"\x80\x02}(K\x01cnumpy\nndarray\nK\x00\x85Ru.", "not callable"),
    "a state for a type": (b"\x80\x02}(K\x01cnumpy\ndtype\n}bu.", "missing|argument"),
    "no data": (pickled({"labels": numbers(np.arange(10))}), "'data' is no array"),
    "other bytes": (pickled({"data": array(np.zeros((10, 3071), np.uint8))}), r"'data' has shape \(10, 3071\)"),
    "another shape": (pickled({"data": array(ZEROS).replace(b"J\x0a\0\0\0M", b"J\x0b\0\0\0M")}), r"shape \(11, 3072\)"),
    "a huge shape": (
        pickled({"data": array(ZEROS).replace(b"J\x0a\0\0\0M", b"J\xff\xff\xff\x7fM")}), r"shape \(2147483647, 3072\)"
    ),
    "numbers of eight bytes": (pickled({"data": array(ZEROS).replace(b"u1", b"u8")}), "no array of bytes"),
    "fewer labels": (pickled({"data": array(ZEROS), "labels": numbers(np.arange(9))}), "'labels' is no list of 10 classes"),
    "class ten": (pickled({"data": array(ZEROS), "labels": numbers(np.arange(1, 11))}), "it holds class 10, expected 0 to 9"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_damaged_batch_gets_one_clear_line(tmp_path, case):
    files, _ = made("cifar10", "python")
    batch, words = WRONG[case]
    laid(tmp_path, "cifar10", "python", files | {"data_batch_2": batch}, "unpacked")
    assert_one_line("cifar10", f"data_batch_2: .*({words})", tmp_path)


def test_arrays_that_python_3_pickled_are_read_too():
    rows = RNG.integers(0, 256, (4, 3072), dtype=np.uint8)
    found = unpickled(pickle.dumps({"data": rows, "labels": [0, 1, 2, 3]}, 3))
    assert found["data"].state[1] == (4, 3072)
    assert found["data"].state[4] == rows.tobytes()


@pytest.mark.parametrize("how", ["packed", "unpacked"])
def test_files_that_are_missing_or_cut(tmp_path, how):
    files, _ = made("cifar10", "binary")
    laid(tmp_path / "a", "cifar10", "binary", {name: data for name, data in files.items() if name != "data_batch_4.bin"}, how)
    assert_one_line("cifar10", "there is no data_batch_4.bin", tmp_path / "a")
    laid(tmp_path / "b", "cifar10", "binary", files | {"test_batch.bin": files["test_batch.bin"][:-1]}, how)
    assert_one_line("cifar10", "test_batch.bin: it has 30,729 bytes, which is no multiple of 3,073", tmp_path / "b")
    laid(tmp_path / "c", "cifar10", "binary", files | {"batches.meta.txt": b"cat\ndog\n"}, how)
    assert_one_line("cifar10", "batches.meta.txt: it holds 2 names of classes, expected 10", tmp_path / "c")


def test_a_damaged_archive_gets_one_clear_line(tmp_path):
    files, _ = made("cifar10", "binary")
    path = laid(tmp_path, "cifar10", "binary", files, "packed") / "cifar-10-binary.tar.gz"
    data = path.read_bytes()
    for changed, words in ((data[: len(data) // 2], "Compressed file ended|cut off"), (b"no archive", "Not a gzipped file"),
                           (data[:5000] + bytes(100) + data[5100:], "cifar-10-binary.tar.gz"),
                           (data[:-8] + b"1234" + data[-4:], "CRC check failed")):  # fmt: skip
        path.write_bytes(changed)
        assert_one_line("cifar10", words, tmp_path)


def test_a_file_that_says_it_is_huge_is_refused_before_room_is_made(tmp_path):
    import gzip

    entry = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    entry.size = 2**29
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(entry.tobuf(tarfile.USTAR_FORMAT)))
    assert_one_line("cifar10", "'data_batch_1.bin' has 536,870,912 bytes, the limit is 268,435,456", tmp_path)
