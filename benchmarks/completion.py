"""Completions of MNIST digits of which a half or a quadrant is unknown, by pofx's models and beside simple floors.

    python benchmarks/completion.py --arm pixelcnn --minutes 30 --save pixelcnn.pofx
    python benchmarks/completion.py --arm pixelcnn --model pixelcnn.pofx --picture completed.png
    python benchmarks/completion.py --arm vae --minutes 30 --unknown lower_half
    python benchmarks/completion.py --arm gan --minutes 15
    python benchmarks/completion.py --arm neighbour
    python benchmarks/completion.py --arm mean

Models learn from the first 55,000 training images, rounded to ``--levels`` levels of grey (256); test images are
completed, the same ones for all arms, with the lower half or one of the four quadrants unknown: a row for each. The
columns:

``log_p``: log p(x_unknown | x_known) of what truly stands there, nats an image, with the standard error over images.
``log_p_is``: "exact", or "estimate" (a VAE's, by importance sampling: ``estimate_error`` is its own standard error, a
mean over images); no number where there is none (a GAN; a PixelCNN where something known comes after something
unknown).
``rms``: root mean square error of the unknown pixels, in grey levels, a mean over images of one completion each. A draw
has by nature twice the squared error of the mean of the draws.
``agreement``: share of completed images to which a classifier (scikit-learn's, trained on whole training images) gives
the true label; ``agreement_of_true`` is that of the whole test images.
``seconds``: an image.

Floors. ``neighbour`` shows the unknown pixels of the training image nearest in the known ones. Its law is a kernel
mixture over the 64 nearest training images t: weights proportional to exp(-|x_known - t_known|^2 / 2 h^2), of each the
product over unknown pixels of (1 - e) L(x; t, s) + e q(x), L a logistic of scale s around the neighbour's level cut
into levels, q the histogram of the pixel over training images; h, s and e are those that 200 of the last 5,000 training
images, which are no neighbours, find likeliest. ``mean`` shows the mean training image, and its law is that of the
histograms alone. ``truth`` leaves the images as they are.

``--set NAME=VALUE`` changes a parameter of the model, ``--with NAME=VALUE`` one of `complete`, or with ``n_draws`` of
`central_completion`; both are in the row.
Appends rows to ``results/completion.csv``.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp
from sklearn.neural_network import MLPClassifier

import common
import pofx
from pofx.files.pictures import save_png, sheet

Images = NDArray[np.uint8]
Mask = NDArray[np.bool_]
TRAINED, VALIDATED, NEIGHBOURS, SHOWN = 55_000, 200, 64, 10
UNKNOWN = ("lower_half", "upper_left", "upper_right", "lower_left", "lower_right")
BANDWIDTHS, SCALES, SHARES = (100.0, 200.0, 400.0, 800.0, 1600.0), (0.2, 3.0, 30.0), (0.2, 0.5, 0.8, 0.9, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--arm", choices=["vae", "pixelcnn", "pixelrnn", "gan", "neighbour", "mean", "truth"], required=True
    )
    parser.add_argument("--unknown", choices=[*UNKNOWN, "all"], default="all")
    parser.add_argument("--images", type=int, default=500, help="test images that are completed")
    parser.add_argument("--levels", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--model", type=Path, help="a fit to reuse")
    parser.add_argument("--save", type=Path, help="where to keep the fit")
    parser.add_argument("--n-samples", type=int, default=1000, help="draws of z for log p of a VAE")
    parser.add_argument("--picture", type=Path, help="a page of completions; with the part in its name, if all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--with", action="append", default=[], metavar="NAME=VALUE", dest="options")
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    data = common.load("mnist", arguments.data_folder)
    chosen = np.sort(np.random.default_rng([arguments.seed, 11]).permutation(len(data["x_test"]))[: arguments.images])
    top = arguments.levels - 1
    X, y = rounded(data["x_test"][chosen], arguments.levels), data["y_test"][chosen]
    x_train = rounded(data["x_train"], arguments.levels)
    arm = made_arm(arguments, x_train, data["y_train"])
    judge = judge_of(x_train / top, data["y_train"])
    for unknown in UNKNOWN if arguments.unknown == "all" else [arguments.unknown]:
        known = ~part(unknown)
        start = time.perf_counter()
        completed = arm.complete(X, known)
        seconds = (time.perf_counter() - start) / len(X)
        assert (completed[:, known] == X[:, known]).all()
        error = (completed[:, ~known].astype(float) - X[:, ~known]) * 255 / top
        common.append_row(
            "completion",
            {
                "data": "mnist",
                "levels": arguments.levels,
                "unknown": unknown,
                "arm": " ".join([arguments.arm, *arguments.changes, *arguments.options]),
                **arm.log_p(X, known),
                "rms": round(float(np.sqrt((error**2).mean(axis=1)).mean()), 2),
                "agreement": round(agreement(judge, completed / top, y), 4),
                "agreement_of_true": round(agreement(judge, X / top, y), 4),
                "seconds": round(seconds, 4),
                "images": len(X),
                "seed": arguments.seed,
                **arm.told(),
            },
        )
        if arguments.picture is not None:
            path = arguments.picture
            if arguments.unknown == "all":
                path = path.with_stem(f"{path.stem}_{unknown}")
            draw_page(arm, X[:SHOWN], known, path, f"{arguments.arm}: {unknown} unknown", top)


def part(name: str) -> Mask:
    """True where the named part of an image is."""
    there = np.zeros((28, 28), dtype=bool)
    rows = slice(0, 14) if name.startswith("upper") else slice(14, 28)
    columns = slice(0, 14) if name.endswith("left") else slice(14, 28) if name.endswith("right") else slice(0, 28)
    there[rows, columns] = True
    return there


def rounded(images: Images, levels: int) -> Images:
    return (images.astype(np.int64) * levels // 256).astype(np.uint8)


def judge_of(X: NDArray[np.float64], y: NDArray[Any]) -> MLPClassifier:
    """A classifier of whole images."""
    judge = MLPClassifier((256,), batch_size=128, max_iter=12, early_stopping=True, n_iter_no_change=12, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # twelve epochs are enough, whether it has converged or not
        return judge.fit(X[:20_000].reshape(-1, 784), y[:20_000])


def agreement(judge: MLPClassifier, X: NDArray[np.float64], y: NDArray[Any]) -> float:
    return float((judge.predict(X.reshape(-1, 784)) == y).mean())


def mean_and_error(log_p: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "log_p": round(float(log_p.mean()), 3),
        "log_p_error": round(float(log_p.std(ddof=1) / np.sqrt(len(log_p))), 3),
    }


def made_arm(arguments: argparse.Namespace, x_train: Images, y_train: NDArray[Any]) -> Any:
    if arguments.arm == "truth":
        return Truth()
    if arguments.arm == "mean":
        return Mean(x_train[:TRAINED], arguments.levels)
    if arguments.arm == "neighbour":
        return Neighbour(x_train[:TRAINED], x_train[TRAINED : TRAINED + VALIDATED], arguments.levels)
    return Model(arguments, x_train[:TRAINED], y_train[:TRAINED])


class Model:
    """A model of pofx."""

    def __init__(self, arguments: argparse.Namespace, training: Images, labels: NDArray[Any]) -> None:
        self.seed, self.n_samples = arguments.seed, arguments.n_samples
        self.options = dict(common.change(text) for text in arguments.options)
        if arguments.model is not None:
            self.model = pofx.load(arguments.model)
            if not isinstance(self.model, pofx.family(arguments.arm)):
                raise SystemExit(f"{arguments.model} holds a {type(self.model).__name__}, and not a {arguments.arm}")
        else:
            words: dict[str, Any] = {"encoder": True} if arguments.arm == "gan" else {}
            words |= dict(common.change(text) for text in arguments.changes)
            self.model = pofx.family(arguments.arm)(
                levels=arguments.levels, max_epochs=100_000, max_minutes=arguments.minutes, early_stopping=None,
                random_state=arguments.seed, verbose=True, **words,
            ).fit(training, labels)  # fmt: skip
        if arguments.save is not None:
            self.model.save(arguments.save)

    def complete(self, X: Images, known: Mask) -> Images:
        way = self.model.central_completion if "n_draws" in self.options else self.model.complete
        completed: Images = way(X, known, random_state=self.seed, **self.options)
        return completed

    def log_p(self, X: Images, known: Mask) -> dict[str, Any]:
        if not hasattr(self.model, "log_prob_of_unknown"):
            return {"log_p": "", "log_p_error": "", "log_p_is": "", "estimate_error": ""}
        words = {"n_samples": self.n_samples} if self.model.density == "lower bound" else {}
        try:
            found = self.model.log_prob_of_unknown(X, known, **words)
        except ValueError as error:
            if "order of reading" not in str(error):
                raise
            return {"log_p": "", "log_p_error": "", "log_p_is": "", "estimate_error": ""}
        return {
            **mean_and_error(found.value),
            "log_p_is": "exact" if found.is_exact else "estimate",
            "estimate_error": "" if found.is_exact else round(float(found.std_error.mean()), 3),
        }

    def told(self) -> dict[str, Any]:
        model = self.model
        return {"steps": model.n_steps_, "minutes": round(model.history_["seconds"][-1] / 60, 2)}


class Truth:
    """The images as they are."""

    def complete(self, X: Images, known: Mask) -> Images:
        return X

    def log_p(self, X: Images, known: Mask) -> dict[str, Any]:
        return {"log_p": "", "log_p_error": "", "log_p_is": ""}

    def told(self) -> dict[str, Any]:
        return {}


class Mean(Truth):
    """The mean training image, and the histogram of each pixel (with one more image of every level)."""

    def __init__(self, training: Images, levels: int) -> None:
        self.levels = levels
        self.training = training.reshape(len(training), -1)
        counts = np.stack([np.bincount(pixel, minlength=levels) for pixel in self.training.T])
        self.histogram = (counts + 1.0) / (len(training) + levels)
        self.mean = np.rint(self.training.mean(axis=0)).astype(np.uint8).reshape(28, 28)

    def complete(self, X: Images, known: Mask) -> Images:
        return np.where(known, X, self.mean)

    def log_p(self, X: Images, known: Mask) -> dict[str, Any]:
        rows = X.reshape(len(X), -1)
        terms = np.log(self.histogram[np.arange(784), rows])
        return {**mean_and_error(terms[:, ~known.ravel()].sum(axis=1)), "log_p_is": "exact"}


class Neighbour(Mean):
    """The training image that is nearest in the known pixels, and a kernel mixture over the nearest ones."""

    def __init__(self, training: Images, validation: Images, levels: int) -> None:
        super().__init__(training, levels)
        self.validation, self.found = validation, ()

    def nearest(self, X: Images, known: Mask) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The nearest training images of each image, (n, NEIGHBOURS), and their squared distances."""
        of_images, of_training = (
            rows.reshape(len(rows), -1)[:, known.ravel()].astype(np.float32) for rows in (X, self.training)
        )
        squared = (of_training**2).sum(axis=1)
        order, distances = [], []
        for part_of in np.array_split(of_images, max(1, len(X) // 100)):
            d = (part_of**2).sum(axis=1)[:, None] - 2 * part_of @ of_training.T + squared
            near = np.argpartition(d, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
            d = np.take_along_axis(d, near, axis=1)
            by_distance = np.argsort(d, axis=1)
            order.append(np.take_along_axis(near, by_distance, axis=1))
            distances.append(np.take_along_axis(d, by_distance, axis=1).astype(np.float64).clip(min=0))
        return np.concatenate(order), np.concatenate(distances)

    def complete(self, X: Images, known: Mask) -> Images:
        order, _ = self.nearest(X, known)
        return np.where(known, X, self.training[order[:, 0]].reshape(-1, 28, 28))

    def log_p(self, X: Images, known: Mask) -> dict[str, Any]:
        settings = itertools.product(SCALES, SHARES)
        likeliest = (-np.inf, 0.0, 0.0, 0.0)
        near = self.nearest(self.validation, known)
        for scale, share in settings:
            kernels = self.log_kernels(self.validation, known, near[0], scale, share)
            for bandwidth in (b * (self.levels - 1) / 255 for b in BANDWIDTHS):
                value = float(self.mixed(kernels, near[1], bandwidth).mean())
                likeliest = max(likeliest, (value, bandwidth, scale, share))
        _, bandwidth, scale, share = self.found = likeliest
        order, distances = self.nearest(X, known)
        values = self.mixed(self.log_kernels(X, known, order, scale, share), distances, bandwidth)
        return {**mean_and_error(values), "log_p_is": "exact"}

    def log_kernels(
        self, X: Images, known: Mask, order: NDArray[np.int64], scale: float, share: float
    ) -> NDArray[np.float64]:
        """log prod over unknown pixels of the kernel around each neighbour, (n, NEIGHBOURS)."""
        edges = np.arange(self.levels + 1) - 0.5
        edges[0], edges[-1] = -np.inf, np.inf
        mass = np.diff(expit((edges - np.arange(self.levels)[:, None]) / scale), axis=1)  # (t, x)
        hidden = np.flatnonzero(~known.ravel())
        values = np.empty(order.shape)
        for i, (row, near) in enumerate(zip(X.reshape(len(X), -1)[:, hidden], order, strict=True)):
            of_neighbours = mass[self.training[near][:, hidden], row]
            values[i] = np.log((1 - share) * of_neighbours + share * self.histogram[hidden, row]).sum(axis=1)
        return values

    def mixed(
        self, kernels: NDArray[np.float64], distances: NDArray[np.float64], bandwidth: float
    ) -> NDArray[np.float64]:
        log_w = -0.5 * distances / bandwidth**2
        log_w -= logsumexp(log_w, axis=1, keepdims=True)
        return np.asarray(logsumexp(log_w + kernels, axis=1))

    def told(self) -> dict[str, Any]:
        _, bandwidth, scale, share = self.found
        return {"law": f"h={bandwidth:g} s={scale:g} e={share:g}"}


def draw_page(arm: Any, X: Images, known: Mask, path: Path, title: str, top: int) -> None:
    """True images, what is known of them, and three completions of each (one of an arm that has no other)."""
    n = 3 if isinstance(arm, Model) else 1
    completed = arm.complete(np.tile(X, (n, 1, 1)), known)
    shades = [(images.astype(int) * 255 // top).astype(np.uint8) for images in (X, completed)]
    masked = np.where(known, shades[0], 128).astype(np.uint8)
    rows = np.concatenate([shades[0], masked, shades[1]])
    labels = ["true", "known", *(f"completed {k}" for k in range(1, n + 1))]
    save_png(sheet(rows, n_columns=len(X), row_labels=labels, title=title, note=""), path)


if __name__ == "__main__":
    main()
