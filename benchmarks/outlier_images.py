"""Ordinary and foreign images of each benchmark of outliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import common

Images = NDArray[Any]
#: Ordinary images that a detector gets, and test images of either kind.
ORDINARY, TESTED = 6_000, 1_500
MAGNETIC_KINDS = {1: "blowhole", 2: "break", 3: "crack", 4: "fray", 5: "uneven"}
CIFAR_KINDS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Task:
    """Images that a detector learns from, ordinary ones that it has not seen, and foreign ones by kind."""

    name: str
    known: Images
    ordinary: Images
    foreign: dict[str, Images]

    def rounded(self, levels: int) -> Task:
        """The same images of 256 levels in so many evenly wide steps of them, 0 to ``levels`` - 1."""

        def of(images: Images) -> Images:
            return (images.astype(np.int64) * levels // 256).astype(np.uint8)

        return Task(
            self.name, of(self.known), of(self.ordinary), {kind: of(some) for kind, some in self.foreign.items()}
        )


def task(data: str, seed: int, part: int) -> Task:
    """The images of a benchmark; ``part`` is the digit or class that is ordinary, where there is one."""
    rng = np.random.default_rng([seed, 7])

    def some(images: Images, n: int) -> Images:
        return images[np.sort(rng.permutation(len(images))[:n])]

    if data in ("fashion_to_mnist", "mnist_to_fashion"):
        known, foreign = ("fashion_mnist", "mnist") if data == "fashion_to_mnist" else ("mnist", "fashion_mnist")
        own, other = common.load(known), common.load(foreign)
        tested = {foreign: some(other["x_test"], TESTED)}
        return Task(data, some(own["x_train"], ORDINARY), some(own["x_test"], TESTED), tested)
    if data == "one_class_mnist":
        own = common.load("mnist")
        of_digit = own["y_test"] == part
        foreign_images = some(own["x_test"][~of_digit], TESTED)
        known_images = some(own["x_train"][own["y_train"] == part], ORDINARY)
        return Task(f"mnist {part}", known_images, own["x_test"][of_digit], {"other digits": foreign_images})
    if data == "magnetic":
        own = common.load("magnetic_tile64")
        kinds = {name: own["x_test"][own["y_test"] == label] for label, name in MAGNETIC_KINDS.items()}
        return Task(data, own["x_train"], own["x_test"][own["y_test"] == 0], kinds)
    own = common.load("cifar10_subset")
    of_class = own["y_test"] == part
    known_images = own["x_train"][own["y_train"] == part]
    others = {"other classes": some(own["x_test"][~of_class], TESTED)}
    return Task(f"cifar {CIFAR_KINDS[part]}", known_images, own["x_test"][of_class], others)


def hostile_images(ordinary: Images, rng: np.random.Generator) -> dict[str, Images]:
    """What is no ordinary image, of 256 levels, by kind; 200 of each."""
    n, shape = 200, ordinary.shape[1:]
    some = ordinary[:n]
    one_pixel = np.zeros((n, *shape), dtype=np.uint8)
    one_pixel.reshape(n, -1)[np.arange(n), rng.integers(0, one_pixel[0].size, size=n)] = 255
    return {
        "black": np.zeros((n, *shape), dtype=np.uint8),
        "white": np.full((n, *shape), 255, dtype=np.uint8),
        "constant": np.broadcast_to(rng.integers(0, 256, size=(n, *[1] * len(shape))), (n, *shape)).astype(np.uint8),
        "noise": rng.integers(0, 256, size=(n, *shape), dtype=np.uint8),
        "noise of 0 and 255": (255 * rng.integers(0, 2, size=(n, *shape))).astype(np.uint8),
        "inverted": 255 - some,
        "one pixel set": one_pixel,
        "pixels in random order": rng.permuted(some.reshape(n, -1), axis=1).reshape(some.shape),
        "half as bright": some // 2,
        "upside down": some[:, ::-1],
        "blurred": ((some.astype(int) + np.roll(some, 1, 1) + np.roll(some, 1, 2) + np.roll(some, -1, 1)) // 4).astype(
            np.uint8
        ),
        "a tenth of the pixels redrawn": np.where(
            rng.random(some.shape) < 0.1, rng.integers(0, 256, size=some.shape, dtype=np.uint8), some
        ),
    }
