"""Draws the picture of families.md: three families fitted to images whose law is known, in a minute.

    python docs/draw_families.py

Nothing is drawn by hand: all bars are of models fitted here. Those of another machine may differ a little.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from svg import BLUE, GREEN, GREY, INK, MARGIN, ORANGE, PALE, Drawing

import pofx

PICTURES = Path(__file__).parent / "pictures"
#: All images of 2 x 2 black and white pixels, (16, 2, 2): few enough to see every probability.
IMAGES = np.array(list(itertools.product([0, 1], repeat=4)), dtype=np.uint8).reshape(-1, 2, 2)
#: p of each: two kinds are frequent, the others rarer the more of their pixels differ from both.
LAW = np.exp(-1.2 * np.minimum((IMAGES != [[0, 0], [1, 1]]).sum((1, 2)), (IMAGES != [[1, 0], [1, 0]]).sum((1, 2))))
LAW /= LAW.sum()


def drawn(n: int, seed: int) -> NDArray[np.uint8]:
    """Images of the law, (n, 2, 2)."""
    return IMAGES[np.random.default_rng(seed).choice(16, n, p=LAW)]


def frequencies(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How frequent each of `IMAGES` is among some, (16,)."""
    numbers = images.reshape(-1, 4).astype(int) @ [8, 4, 2, 1]
    return np.bincount(numbers, minlength=16) / len(images)


def fitted() -> dict[str, NDArray[np.float64]]:
    """What each family says of each image: p(x), a lower bound on it, or how often it is drawn; (16,)."""
    X = drawn(4000, seed=0)
    pixelcnn = pofx.PixelCNN(n_layers=2, n_channels=16, max_epochs=30, random_state=0).fit(X)
    vae = pofx.VAE(latent_dim=2, width=64, max_epochs=60, random_state=0).fit(X)
    gan = pofx.GAN(max_epochs=40, random_state=0).fit(X)
    return {
        "PixelCNN: p(x)": np.exp(pixelcnn.score_samples(IMAGES)),
        "VAE: a lower bound on p(x)": np.exp(
            vae.log_prob_bounds(IMAGES, method="elbo", n_samples=4000, random_state=0).lower
        ),
        "GAN: share of 20,000 samples": frequencies(gan.sample(20_000, random_state=0)),
    }


def families() -> Drawing:
    """Bars of all images, the law first."""
    found = {"the law that drew the images": LAW} | fitted()
    colours = (INK, BLUE, GREEN, ORANGE)
    left, top, height, step, bar = 60, 110, 220, 56, 11
    drawing = Drawing(left + 16 * step + MARGIN, top + height + 80, "Bars of 16 images under the law and three models")
    most = 1.08 * max(values.max() for values in found.values())
    for k, (name, values) in enumerate(found.items()):
        x = left + 470 * (k % 2)
        y = 30 + 26 * (k // 2)
        drawing.rectangle(x, y - 12, 14, 14, colours[k])
        drawing.text(x + 22, y, f"{name}; sum {values.sum():.3f}", size=15)
    for share in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25):
        if share < most:
            y = top + height * (1 - share / most)
            drawing.rectangle(left, y, 16 * step, 1, PALE)
            drawing.text(left - 8, y + 5, f"{share:.2f}", size=13, colour=GREY, anchor="end")
    for i, image in enumerate(IMAGES):
        x = left + i * step + 5
        for k, values in enumerate(found.values()):
            tall = height * values[i] / most
            drawing.rectangle(x + k * (bar + 1), round(top + height - tall, 1), bar, round(tall, 1), colours[k])
        for row, column in np.ndindex(2, 2):
            fill = INK if image[row, column] else "white"
            drawing.rectangle(x + 8 + 15 * column, top + height + 12 + 15 * row, 15, 15, fill, edge=GREY)
    return drawing


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    families().save(PICTURES / "families.svg")


if __name__ == "__main__":
    main()
