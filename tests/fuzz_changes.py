"""How files are damaged for `tests.fuzz`: blindly, and by what knows the form of a file. Sizes are only ever declared, never made."""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from lzma import LZMAError
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from archsearch.support.archive import BROKEN

Change = Callable[[bytes, np.random.Generator], bytes]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    found = bytearray(data)
    for place in rng.integers(0, max(1, len(found)), rng.integers(1, 9)):
        if found:
            found[place] = rng.integers(0, 256)
    return bytes(found)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(0, len(data) + 1)]


def splice(data: bytes, rng: np.random.Generator) -> bytes:
    a, b = sorted(rng.integers(0, len(data) + 1, 2))
    place = rng.integers(0, len(data) + 1)
    return data[:place] + data[a : min(b, a + 4096)] + data[place if rng.random() < 0.5 else min(len(data), place + b - a) :]


ODD = [
    b"1" * 250,
    b"1" * 400,
    b"1e400",
    b"-1",
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\ud800"',
    b'"\\u001b[31m"',
    b"1e308",
    b"9223372036854775808",
    b"2147483648",
    b"1000000000",
    b"[" * 300,
    b'{"a":' * 150,
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xff\xfe",
    b'"' + b"a" * 5000 + b'"',
    b"100000",
    b"65536",
    b"0",
]


def odd(data: bytes, rng: np.random.Generator) -> bytes:
    word = ODD[rng.integers(len(ODD))]
    digits = [place for place, byte in enumerate(data) if chr(byte).isdigit()]
    if digits and rng.random() < 0.7:
        place = int(digits[rng.integers(len(digits))])
        end = place
        while end < len(data) and chr(data[end]).isdigit():
            end += 1
        return data[:place] + word + data[end:]
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + word + data[place:]


def words(data: bytes, rng: np.random.Generator) -> bytes:
    """Numbers of 4 and 8 bytes in heads of binary files, set to what is huge."""
    found = bytearray(data)
    size = int(rng.choice([2, 4, 8]))
    place = int(rng.integers(0, max(1, min(len(found), 600) - size)))
    value = int(rng.choice([0, 1, 2**16 - 1, 2**24, 2**31 - 1]))
    found[place : place + size] = (value & (256**size - 1)).to_bytes(size, ["little", "big"][rng.integers(2)])
    return bytes(found)


def structure(data: bytes, rng: np.random.Generator) -> bytes:
    """JSON with a value replaced by another of its own, or by what is odd."""
    try:
        made = json.loads(data)
    except ValueError:
        return flip(data, rng)
    places = list(walk(made))
    if not places:
        return flip(data, rng)
    (holder, key), (other, name) = (places[rng.integers(len(places))] for _ in range(2))
    oddities = [
        None,
        True,
        -1,
        0,
        2**70,
        1.5,
        "",
        "x" * 6000,
        [],
        {},
        [[[]]],
        {"a": 1},
        "\x1b[2J",
        10**9,
        json.loads(json.dumps(other[name])),
    ]
    if isinstance(holder, dict) and rng.random() < 0.2:
        holder.pop(key)
    else:
        holder[key] = oddities[rng.integers(len(oddities))]
    return json.dumps(made).encode()


def walk(data: Any) -> Any:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield data, key
        yield from walk(value)


def archive(data: bytes, rng: np.random.Generator) -> bytes:
    """An .npz whose arrays have damaged heads, other packing, or other names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            members = {name: found.read(name) for name in found.namelist()}
    except (*BROKEN, LZMAError):
        return flip(data, rng)
    if not members:
        return flip(data, rng)
    target = list(members)[rng.integers(len(members))]
    change = [flip, cut, odd, words][rng.integers(4)]
    members[target] = change(members[target][:200], rng) + members[target][200:]
    out = io.BytesIO()
    pack = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA][rng.choice(4, p=[0.4, 0.4, 0.1, 0.1])]
    with zipfile.ZipFile(out, "w", pack) as made:
        for name, content in members.items():
            made.writestr(name if rng.random() < 0.98 else f"x{name}", content)
    return out.getvalue()


def tensors(data: bytes, rng: np.random.Generator) -> bytes:
    """Safetensors with another head."""
    length = int.from_bytes(data[:8], "little")
    head = [structure, odd, flip][rng.integers(3)](data[8 : 8 + length], rng)
    return len(head).to_bytes(8, "little") + head + data[8 + length :]


def trained(data: bytes, rng: np.random.Generator) -> bytes:
    """Safetensors in which all is well but one tensor, or one text of the head."""
    try:
        tensors, head = load(data), json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError, KeyError):
        return flip(data, rng)
    texts = {name: text for name, text in head.get("__metadata__", {}).items() if isinstance(text, str)}
    if texts and rng.random() < 0.5:
        name = list(texts)[rng.integers(len(texts))]
        texts[name] = structure(texts[name].encode(), rng).decode("utf-8", "replace")
    elif tensors:
        name, other = (list(tensors)[place] for place in rng.integers(0, len(tensors), 2))
        tensor = tensors.pop(name)
        if (change := rng.integers(6)) == 0:
            tensors[name], tensors[other] = tensors.get(other, tensor), tensor
        elif change < 5:
            kind = KINDS[rng.integers(len(KINDS))]
            tensors[name] = (tensor.flatten(), tensor.to(kind), tensor[:0] if tensor.ndim else tensor[None], tensor * torch.nan)[change - 1]
    return save({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, texts or None)


KINDS = (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64, torch.uint8, torch.bool, torch.complex64)


def database(data: bytes, rng: np.random.Generator) -> bytes:
    """A run's database with a damaged value, made by SQLite itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.db")
        path.write_bytes(data)
        db = sqlite3.connect(path)
        try:
            table, column = [
                ("trials", "choices"),
                ("trials", "metrics"),
                ("trials", "objectives"),
                ("trials", "failure"),
                ("curves", "metrics"),
                ("trials", "genotype"),
                ("trials", "number"),
                ("timings", "seconds"),
                ("trials", "fingerprint"),
                ("shared", "genotype"),
            ][rng.integers(10)]
            old = db.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
            raw = old[0] if old else ""
            harmed = flip(raw, rng) if isinstance(raw, bytes) else structure(str(raw).encode(), rng)
            new: Any = harmed.decode("utf-8", "surrogateescape")
            new = [new.encode("utf-8", "surrogateescape"), None, 10**15, -1, 1.5, new.encode("utf-8", "replace").decode()][rng.integers(6)]
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT min(rowid) FROM {table})", (new,))
            db.commit()
        except (sqlite3.Error, OverflowError, UnicodeError):
            return flip(data, rng)
        finally:
            db.close()
        return path.read_bytes()


CHANGES: tuple[Change, ...] = (flip, cut, splice, odd, words)
OWN: dict[str, tuple[Change, ...]] = {
    ".json": (structure,), ".npz": (archive,), ".safetensors": (tensors, trained), ".db": (database,),
}  # fmt: skip


def damaged(data: bytes, name: str, rng: np.random.Generator) -> bytes:
    """The content of a file after one change or two; half of all changes know the file's form."""
    for _ in range(rng.integers(1, 3)):
        known = OWN.get(Path(name).suffix, ())
        changes = known if known and rng.random() < 0.5 else CHANGES
        data = changes[rng.integers(len(changes))](data, rng)
    return data
