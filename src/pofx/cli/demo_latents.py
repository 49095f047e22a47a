"""The pages of `pofx demo` on the latents of its VAE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pofx.applications.attributes import class_attributes
from pofx.applications.editing import LatentEditor
from pofx.cli.latents import warnings_in_words
from pofx.pages.latents import edit_page, interpolation_page, traversal_page

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.families.variational.estimator import VAE

#: Digits edited, and what they are turned into.
EDITED, BEFORE, AFTER = 12, "6", "0"
SHARES = (1 / 3, 2 / 3, 1.0)
#: Pairs of digits of different classes, images on the way between them, and values of a dimension.
PAIRS, STEPS, VALUES = 6, 9, np.linspace(-3, 3, 11)


def latent_pages(
    model: VAE,
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
