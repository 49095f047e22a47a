"""Small fitted estimators of every kind, and the images they were fitted to."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from pofx.families.autoregressive.estimator import PixelCNN, PixelRNN

KINDS: dict[str, tuple[type, dict[str, Any]]] = {
    "plain": (PixelCNN, {"gated": False, "n_channels": 6}),
    "gated": (PixelCNN, {"n_channels": 6}),
    "row_lstm": (PixelRNN, {"cell": "row_lstm", "n_hidden": 3}),
    "diagonal_bilstm": (PixelRNN, {"cell": "diagonal_bilstm", "n_hidden": 3}),
}


def make_model(kind: str, **parameters: Any) -> Any:
    """An estimator that fits in a fraction of a second."""
    cls, own = KINDS[kind]
    return cls(**({"n_layers": 2, "max_epochs": 2, "learning_rate": 1e-2, "random_state": 0} | own | parameters))


@cache
def crops(levels: int = 4) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """300 crops of digits, 6 x 4, with so many levels; and the digits."""
    digits = load_digits()
    images = np.minimum(digits.images[:300, 1:7, 2:6] * levels // 17, levels - 1)
    return images, digits.target[:300]


def colour_crops() -> NDArray[np.int64]:
    """Three levels; G is the negative of R, and B a shifted copy of R."""
    gray = crops(3)[0].astype(np.int64)
    return np.stack([gray, 2 - gray, np.roll(gray, 1, axis=2)], axis=-1)


@cache
def fitted(kind: str, what: str = "gray") -> Any:
    """A fitted estimator; shared by tests, so none may change it."""
    X, y = crops()
    if what == "colour":
        return make_model(kind).fit(colour_crops())
    if what == "conditional":
        return make_model(kind, conditional=True).fit(X, y % 3)
    if what == "mixture":
        return make_model(kind, likelihood="logistic_mixture", n_components=2).fit(colour_crops())
    if what == "float64":
        return make_model(kind, precision="float64").fit(X)
    assert what == "gray"
    return make_model(kind).fit(X)


def images_of(what: str) -> NDArray[Any]:
    """The images that `fitted` was fitted to."""
    return colour_crops() if what in ("colour", "mixture") else crops()[0]
