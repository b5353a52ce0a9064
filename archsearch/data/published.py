"""Datasets that were published, by name: how their files, which the user has, are called and read. A new one is a function and a line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

from archsearch.data.base import Images
from archsearch.data.cifar import CIFAR10, CIFAR100, marks, read_cifar
from archsearch.data.idx import MNIST, Layout, read_idx
from archsearch.data.medmnist import CLASSES, SIZES, read_medmnist
from archsearch.data.svhn import EXTRA, FILES, svhn, svhn_extra
from archsearch.support.reading import one_line, place

DIGITS = tuple(digits)
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
EMNIST = {
    "byclass": digits + ascii_uppercase + ascii_lowercase,
    **dict.fromkeys(("bymerge", "balanced"), f"{digits}{ascii_uppercase}abdefghnqrt"),
    "letters": ascii_lowercase,
    **dict.fromkeys(("digits", "mnist"), digits),
}
"""Classes of each split of EMNIST; letters that look alike in both cases are one class of bymerge and balanced, and all are of letters."""


class Published(NamedTuple):
    """A dataset whose files the user has.

    `read` reads it from the folder that holds its files; `marks` are files by any of which that folder is known, and `files` says in words
    which files are needed.
    """

    read: Callable[[Path], Images]
    marks: tuple[str, ...]
    files: str


def fashion_mnist(folder: Path) -> Images:
    """70,000 pieces of clothing, 28x28 (Xiao et al. 2017, arXiv:1708.07747)."""
    return read_idx(folder, "fashion-mnist", CLOTHES, flip=True)


def mnist(folder: Path) -> Images:
    """70,000 handwritten digits, 28x28 (LeCun et al. 1998, doi:10.1109/5.726791)."""
    return read_idx(folder, "mnist", DIGITS)


def kmnist(folder: Path) -> Images:
    """70,000 cursive Japanese characters of ten kinds, 28x28 (Clanuwat et al. 2018, arXiv:1812.01718)."""
    return read_idx(folder, "kmnist", KANA)


QMNIST = Layout(("qmnist-train", "qmnist-test"), "labels-idx2-int")


def qmnist(folder: Path) -> Images:
    """MNIST with all 60,000 test digits (Yadav & Bottou 2019, arXiv:1905.10498); its labels have eight columns, the first is the class."""
    return read_idx(folder, "qmnist", DIGITS, layout=QMNIST)


def emnist_layout(split: str) -> Layout:
    """Files of a split of EMNIST: its images lie on their side, and its letters are numbered from 1."""
    return Layout((f"emnist-{split}-train", f"emnist-{split}-test"), first=int(split == "letters"), transposed=True)


def emnist(folder: Path, split: str) -> Images:
    """Handwritten digits and letters, 28x28, a split of NIST's (Cohen et al. 2017, arXiv:1702.05373)."""
    return read_idx(folder, f"emnist-{split}", tuple(EMNIST[split]), layout=emnist_layout(split))


def cifar10(folder: Path) -> Images:
    """60,000 colour images of ten kinds of things, 32x32 (Krizhevsky 2009, "Learning multiple layers of features from tiny images")."""
    return read_cifar(folder, "cifar10", CIFAR10, 10)


def cifar100(folder: Path) -> Images:
    """60,000 colour images of a hundred kinds of things, 32x32 (Krizhevsky 2009), by their fine labels."""
    return read_cifar(folder, "cifar100", CIFAR100, 100)


def of_idx(read: Callable[[Path], Images], layout: Layout = MNIST, inside: str = "") -> Published:
    """A dataset of four IDX files, which lie `inside` a folder of that name where their archive was unpacked."""
    first = layout.images(layout.parts[0])
    names = tuple(f"{first}{suffix}" for suffix in ("", ".gz"))
    return Published(read, (*names, *(f"{inside}/{name}" for name in names if inside)), f"{first}.gz and its three kin")


MEDICAL = tuple(f"{kind}{size}" for kind in CLASSES for size in SIZES)
PUBLISHED: dict[str, Published] = {
    "fashion-mnist": of_idx(fashion_mnist),
    "mnist": of_idx(mnist),
    "kmnist": of_idx(kmnist),
    "qmnist": of_idx(qmnist, QMNIST),
    **{f"emnist-{split}": of_idx(partial(emnist, split=split), emnist_layout(split), "gzip") for split in EMNIST},
    "cifar10": Published(cifar10, marks(CIFAR10), "cifar-10-binary.tar.gz or cifar-10-python.tar.gz, packed or unpacked"),
    "cifar100": Published(cifar100, marks(CIFAR100), "cifar-100-binary.tar.gz or cifar-100-python.tar.gz, packed or unpacked"),
    "svhn": Published(svhn, FILES, " and ".join(FILES)),
    "svhn-extra": Published(svhn_extra, (*FILES, *(f"svhn/{file}" for file in FILES)), f"{', '.join(FILES)} and {EXTRA}"),
    **{name: Published(partial(read_medmnist, name=name), (f"{name}.npz",), f"{name}.npz") for name in MEDICAL},
}
"""What is read from files in `data_dir`, by name."""


def folder_of(name: str, data_dir: str) -> Path:
    """Where the files of a published dataset lie: in the folder of its name inside `data_dir`, else in that itself. Raises ValueError."""
    known = PUBLISHED[name]
    for folder in (Path(data_dir, name), Path(data_dir or ".")):
        for mark in known.marks:
            if (folder / mark).is_file():
                return (folder / mark).parent
    where = f"not in {place(data_dir)}" if data_dir else "not here"
    raise ValueError(one_line(f"the files of data {name!r} are {where}; give --data-dir the folder that holds {known.files}"))


def holds_idx(folder: Path) -> bool:
    """Whether four IDX files, called as those of MNIST, seem to lie in a folder."""
    return any((folder / mark).is_file() for mark in PUBLISHED["mnist"].marks)
