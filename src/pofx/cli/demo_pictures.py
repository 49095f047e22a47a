"""The pages of `pofx demo`; what is drawn for them is steered by the models' own ``random_state``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pofx.data.parts_of_images import known_part
from pofx.files.pictures import sheet
from pofx.pages.completions import completion_note, completion_page
from pofx.pages.display import displayed
from pofx.pages.feature_map import map_page
from pofx.pages.surprise import surprise_page

if TYPE_CHECKING:
    from PIL.Image import Image

    from pofx.families.adversarial.estimator import GAN
    from pofx.families.autoregressive.estimator import PixelCNN
    from pofx.families.variational.estimator import VAE

#: Images in a row, and rows of samples.
COLUMNS, ROWS = 12, 5
COMPLETIONS = 3


def vae_pages(model: VAE, test: NDArray[np.generic]) -> dict[str, Image]:
    """Samples, reconstructions, and the most and least likely test images, by the name of their file."""
    samples = sheet(
        displayed(model, model.sample(ROWS * COLUMNS)),
        n_columns=COLUMNS,
        title="Digits that nobody wrote, by the VAE",
        note="Each was drawn from the model: a random point z of its latent space, decoded to an image.",
    )
    some = test[:COLUMNS]
    reconstructions = sheet(
        np.concatenate([displayed(model, some), displayed(model, model.reconstruct(some))]),
        n_columns=COLUMNS,
        row_labels=["digit", "rebuilt"],
        title="Digits the model never saw, and what it makes of them",
        note=f"Each digit was squeezed to {model.latent_dim} numbers (the mean of q(z|x)) and rebuilt from them.",
    )
    log_p = model.score_samples(test)
    order = np.argsort(log_p)
    chosen = np.concatenate([order[::-1][:COLUMNS], order[:COLUMNS]])
    likely = sheet(
        displayed(model, test[chosen]),
        n_columns=COLUMNS,
        row_labels=["most likely", "least likely"],
        captions=[f"{value:.0f}" for value in log_p[chosen]],
        title="The most and the least likely of the digits set aside",
        note="Below each its log p(x) in nats (a lower bound, as every VAE's): the higher, the likelier. Plain strokes "
        "are likely, odd ones are not.",
    )
    return {"samples": samples, "reconstructions": reconstructions, "likely": likely}


def pixelcnn_pages(model: PixelCNN, test: NDArray[np.generic]) -> dict[str, Image]:
    """Samples, completions of test images, and what is odd in the least likely of them, by the name of their file."""
    samples = sheet(
        displayed(model, model.sample(ROWS * COLUMNS)),
        n_columns=COLUMNS,
        title="Digits that nobody wrote, by the PixelCNN",
        note="Each was drawn from the model, pixel by pixel: every pixel from its law given the pixels before it.",
    )
    some = test[:COLUMNS]
    known_HWC = known_part("top", 0.5, model.spec_)
    drawn = model.complete(np.tile(some, (COMPLETIONS, 1, 1)), known_HWC[..., 0])
    completions = completion_page(
        model,
        some,
        known_HWC,
        list(drawn.reshape(COMPLETIONS, *some.shape)),
        title="The upper half of digits the model never saw, and lower halves that it draws",
        note=completion_note(model, known_HWC, 1),
    )
    log_p = model.score_samples(test)
    unlikely = np.argsort(log_p)[:COLUMNS]
    surprise = surprise_page(
        model,
        test[unlikely],
        log_p[unlikely],
        title="The least likely of the digits set aside, and what is odd in them",
    )
    return {"pixelcnn_samples": samples, "completions": completions, "surprise": surprise}


def feature_page(model: VAE, test: NDArray[np.generic], labels: NDArray[np.generic]) -> Image:
    """Test images laid out so that those which the model finds alike are near to one another, beside raw pixels."""
    return map_page(
        model.transform(test),
        test,
        labels,
        name="VAE features",
        title="Which digits are alike, to the VAE and by their pixels",
    )


def gan_pages(model: GAN) -> dict[str, Image]:
    """Samples, and those that its own discriminator lets pass, by the name of their file."""
    plain, chosen = model.sample(ROWS // 2 * COLUMNS), model.sample(ROWS // 2 * COLUMNS, reject=True)
    rows = ROWS // 2
    page = sheet(
        displayed(model, np.concatenate([plain, chosen])),
        n_columns=COLUMNS,
        row_labels=["drawn"] * rows + ["chosen"] * rows,
        title="Digits that nobody wrote, by the GAN",
        note=f"A network turned noise into each. Chosen: {model.rejection_}.",
    )
    return {"gan_samples": page}
