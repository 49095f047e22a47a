"""Draws the pictures of digits in editing.md and outliers.md: fits a VAE, in a minute.

    python docs/draw_digits.py

Those of another machine may differ a little.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from sklearn.model_selection import train_test_split

import pofx
from pofx.applications.attributes import class_attributes
from pofx.applications.editing import LatentEditor
from pofx.cli.latents import warnings_in_words
from pofx.files.pictures import save_png
from pofx.pages.gallery import Gallery
from pofx.pages.latents import edit_page, interpolation_page, traversal_page

PICTURES = Path(__file__).parent / "pictures"
#: Digits edited, and what they are turned into.
EDITED, BEFORE, AFTER = 12, "6", "0"
SHARES = (1 / 3, 2 / 3, 1.0)
#: Pairs of digits of different classes, images on the way between them, and values of a dimension.
PAIRS, STEPS, VALUES = 6, 9, np.linspace(-3, 3, 11)
#: Digits among which others are hidden, and how many of each kind; the other digits set aside teach what is ordinary.
DIGITS, HIDDEN = 100, 3
NAMES = ("interpolations", "latents", "edited", "outliers")


def latent_pages(
    model: pofx.VAE,
    train: NDArray[np.generic],
    train_labels: NDArray[np.generic],
    test: NDArray[np.generic],
    test_labels: NDArray[np.generic],
) -> dict[str, Image]:
    """Ways between digits, what each dimension does, and digits turned into others, by the name of their file."""
    editor = LatentEditor(model)
    with warnings_in_words():
        editor.fit(
            train, {name: is_it for name, is_it in class_attributes(train_labels).items() if name in (BEFORE, AFTER)}
        )

    first = [np.flatnonzero(test_labels == label)[0] for label in range(PAIRS)]
    last = [np.flatnonzero(test_labels == (label + 4) % 10)[1] for label in range(PAIRS)]
    a, b = test[first], test[last]
    interpolations = interpolation_page(
        model,
        a,
        b,
        editor.interpolate(a, b, STEPS),
        title="From one digit to another",
        note="Left and right digits the model never saw; between them what it makes of points on the line between "
        "their latents.",
    )

    order = np.argsort(-model.latent_importance_, kind="stable")
    dims = [int(j) for j in order[: max(1, len(editor.live_dims_))]]
    latents = traversal_page(
        model,
        editor.traverse(dims=dims, values=VALUES)[0],
        [f"z{j} {model.latent_importance_[j]:.2f}" for j in dims],
        title="What each dimension of the latents does",
        note=f"The mean latent with one dimension at a time set from {VALUES[0]:g} to {VALUES[-1]:g} standard "
        "deviations from its mean. Beside each how many nats it says about a digit; the other "
        f"{model.latent_dim - len(dims)} of {model.latent_dim} dimensions say nothing and are left out.",
    )

    some = test[np.flatnonzero(test_labels == int(BEFORE))[:EDITED]]
    edited = edit_page(
        model,
        some,
        editor.edit(some, {}),
        [editor.edit(some, {AFTER: share, BEFORE: -share}) for share in SHARES],
        [f"{share:.0%}" for share in SHARES],
        title=f"Digits {BEFORE} edited into digits {AFTER}",
        note=f"The latent of each is moved along the direction of {AFTER} (the mean latent of such digits less that of "
        f"all others) and against that of {BEFORE}; at 100% by the distance between those means.",
    )
    return {"interpolations": interpolations, "latents": latents, "edited": edited}


def outlier_page(model: pofx.VAE, digits: NDArray[Any]) -> dict[str, Image]:
    """The most atypical of some digits, among which others are hidden; of all these digits the model never saw one."""
    rng = np.random.default_rng(0)
    detector = pofx.OutlierDetector(model, random_state=0).fit(digits[DIGITS:])
    parts = {"digit": digits[:DIGITS]} | hidden(digits[:DIGITS], model.spec_.levels, rng)
    kinds = np.repeat(list(parts), [len(part) for part in parts.values()])
    order = rng.permutation(len(kinds))
    images = np.concatenate(list(parts.values()))[order]
    gallery = Gallery(detector, images, detector.assess(images), list(kinds[order]))
    title = "The most atypical of digits with others hidden among them"
    return {"outliers": gallery.overview(title=title, n_images=len(kinds) - DIGITS)}


def hidden(digits: NDArray[Any], levels: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Images (HIDDEN, H, W) of each kind, made of other digits; they have the same levels."""
    inverted, turned, scrambled = rng.choice(len(digits), (3, HIDDEN), replace=False)
    pixels = digits[scrambled].reshape(HIDDEN, -1)
    return {
        "inverted": levels - 1 - digits[inverted],
        "noise": rng.integers(0, levels, digits[:HIDDEN].shape).astype(digits.dtype),
        "turned": np.rot90(digits[turned], axes=(1, 2)),
        "scrambled": rng.permuted(pixels, axis=1).reshape(digits[:HIDDEN].shape),
    }


def main() -> None:
    digits = pofx.load_source("digits")
    train, test, train_labels, test_labels = train_test_split(
        digits.images, digits.labels, test_size=0.2, random_state=0, stratify=digits.labels
    )
    model = pofx.VAE(random_state=0, verbose=True).fit(train)
    pages = latent_pages(model, train, train_labels, test, test_labels) | outlier_page(model, test)
    for name in NAMES:
        save_png(pages[name], PICTURES / f"digits_{name}.png")


if __name__ == "__main__":
    main()
