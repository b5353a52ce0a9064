"""MedMNIST: medical images in small squares, a file for each set and size (Yang et al. 2023, arXiv:2110.14795, medmnist.com).

Not here: ChestMNIST, whose images show several things at once, and the sets of solid images.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archsearch.data.base import Images
from archsearch.data.npz import read_npz
from archsearch.support.reading import at

ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left", "lung-right", "pancreas",
    "spleen",
)  # fmt: skip
CLASSES: dict[str, tuple[str, ...]] = {
    "bloodmnist": (
        "basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil", "platelet",
    ),
    "breastmnist": ("malignant", "normal, benign"),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions", "dermatofibroma",
        "melanoma", "melanocytic nevi", "vascular lesions",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    **dict.fromkeys(("organamnist", "organcmnist", "organsmnist"), ORGANS),
    "pathmnist": (
        "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa", "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium",
    ),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4"),
    "tissuemnist": (
        "Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule", "Glomerular endothelial cells", "Interstitial endothelial cells",
        "Leukocytes", "Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb",
    ),
}  # fmt: skip
"""Name of a set -> its classes in the order of their numbers."""
SIZES = ("", "_64", "_128", "_224")
"""What the name of a file ends in, by the side of its images; without a word it is 28."""


def read_medmnist(folder: Path, name: str) -> Images:
    """A set by the name of its file without `.npz`, such as `pathmnist` or `pathmnist_64`, in the three parts in which it was published.

    Images mirror in training, but not those of organs, which have a left and a right.

    Raises:
        ValueError: the file is damaged, or has other classes or parts; one line with its name.
    """
    path, kind = folder / f"{name}.npz", name.partition("_")[0]
    found, names = read_npz(path), CLASSES[kind]
    if len(found.class_names) != len(names) or found.validation is None or found.labels.ndim > 1:
        words = f"has {len(found.class_names)} classes; expected {len(names)}, and arrays of train, val and test"
        raise ValueError(at(path, f"{words}; fetch it again", "data"))
    return replace(found, name=name, class_names=names, flip=names is not ORGANS)
