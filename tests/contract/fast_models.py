"""One fast model of each family, and data of each kind that the contract speaks of."""

import numpy as np
from sklearn.datasets import load_digits

import fourth_family  # noqa: F401 - registers the family that is not pofx's own
import pofx

#: Parameters that make a fit take well under a second.
FAST = {
    "pixelcnn": {"n_layers": 1, "n_channels": 6, "n_components": 2},
    "pixelrnn": {"n_layers": 1, "n_hidden": 3, "n_components": 2},
    "gan": {"width": 16, "depth": 1, "latent_dim": 3},
    "vae": {"width": 16, "depth": 1, "latent_dim": 3},
    "histograms": {},
}
FAMILIES = sorted(FAST)


def fast_model(family, **parameters):
    return pofx.family(family)(**({"max_epochs": 2, "random_state": 0} | FAST[family] | parameters))


def make_data(kind):
    """120 small images of a kind."""
    rng = np.random.default_rng(0)
    digits = load_digits()
    images = digits.images[:120]
    return {
        "digits": images,
        "digits as rows": images.reshape(120, -1),
        "uint8": (images * 15).astype(np.uint8),
        "bool": images > 8,
        "binary float32": (images > 8).astype(np.float32),
        "colour": rng.integers(0, 256, size=(120, 5, 4, 3), dtype=np.uint8),
        "unit float32": (np.round(images * 15) / 255).astype(np.float32),
        "real": rng.normal(size=(120, 4, 4)) * 3 - 5,
        "real rows float32": rng.normal(size=(120, 5)).astype(np.float32),
    }[kind]


KINDS = [
    "digits", "digits as rows", "uint8", "bool", "binary float32", "colour", "unit float32", "real",
    "real rows float32",
]  # fmt: skip
