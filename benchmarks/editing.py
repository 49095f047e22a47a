"""Attribute edits of real images, judged by classifiers that were trained on other images.

    python benchmarks/editing.py mnist --arm model --minutes 10
    python benchmarks/editing.py mnist --arm mean_difference
    python benchmarks/editing.py mnist --arm logistic
    python benchmarks/editing.py mnist --arm orthogonal
    python benchmarks/editing.py mnist --arm refined
    python benchmarks/editing.py fashion_mnist --arm model --minutes 10       and the same arms

``model`` fits a VAE to the 60,000 training images and saves it under ``--folder``; killed, it goes on where it was.
Every other arm needs that file, and appends a row an attribute to ``results/editing.csv``, with a picture beside the
model.

Of the 10,000 test images (shuffled) 6,000 train the classifiers (one an attribute, a fully connected network), 2,000
tell their accuracy, and of the last 2,000 those without the attribute are edited: 300 at most, by ``--strength`` times
the distance of the class means. The directions are learned from 10,000 training images, which no classifier ever sees.
Told is the mean probability of the attribute by its classifier for the rebuilt images and for the edited ones, the
share of images for which it is above 1/2, and how the probabilities of all other attributes change.

Attributes of MNIST: ``thick`` (more ink than the median), ``slanted`` (leans to the right by more than the median, by
second moments), ``wide`` (wider than the median), and ``seven`` and ``nine``, against the ones and the fours that are
edited. Those of Fashion-MNIST: ``bright`` (above the median), ``long_sleeves`` (pullovers and coats, against T-shirts),
``dress`` (against trousers) and ``boot`` (ankle boots, against sneakers).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import common
import pofx
from pofx.files.pictures import save_png
from pofx.pages.latents import edit_page

LEARNED_FROM, TRAINED_ON, TESTED_ON, EDITED, SHOWN = 10_000, 6_000, 2_000, 300, 12
Attributes = dict[str, NDArray[np.float64]]

#: Keywords of the editor and of `edit`.
ARMS: dict[str, tuple[dict, dict]] = {
    "mean_difference": ({}, {}),
    "logistic": ({"method": "logistic"}, {}),
    "orthogonal": ({"orthogonal": True}, {}),
    "refined": ({}, {"refine": True}),
}


def measures(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Ink, slant and width of each image; the slant is -cov(x, y) / var(y) with y pointing down."""
    ink = images / 255.0
    total = ink.sum(axis=(1, 2)).clip(min=1e-9)
    y, x = (axis.astype(np.float64) for axis in np.mgrid[: images.shape[1], : images.shape[2]])
    centre = [(ink * axis).sum(axis=(1, 2)) / total for axis in (y, x)]
    dy, dx = (axis - middle[:, None, None] for axis, middle in zip((y, x), centre, strict=True))
    moments = [(ink * product).sum(axis=(1, 2)) / total for product in (dy * dy, dx * dy, dx * dx)]
    columns = (images > 127).any(axis=1)
    width = images.shape[2] - columns.argmax(axis=1) - columns[:, ::-1].argmax(axis=1)
    return {"ink": total, "slant": -moments[1] / moments[0].clip(min=1e-9), "width": width.astype(np.float64)}


def one_of(labels: NDArray[np.integer], has: tuple[int, ...], has_not: tuple[int, ...]) -> NDArray[np.float64]:
    """1 for the first classes, 0 for the second, NaN for all others."""
    return np.where(np.isin(labels, has), 1.0, np.where(np.isin(labels, has_not), 0.0, np.nan))


def attributes_of(
    data: str, images: NDArray[np.uint8], labels: NDArray[np.integer], limits: dict[str, float]
) -> Attributes:
    """The attributes of images; ``limits`` are medians of the training images."""
    measured = {name: (values > limits[name]).astype(float) for name, values in measures(images).items()}
    if data == "mnist":
        return {
            "thick": measured["ink"],
            "slanted": measured["slant"],
            "wide": measured["width"],
            "seven": one_of(labels, (7,), (1,)),
            "nine": one_of(labels, (9,), (4,)),
        }
    return {
        "bright": measured["ink"],
        "long_sleeves": one_of(labels, (2, 4), (0,)),
        "dress": one_of(labels, (3,), (1,)),
        "boot": one_of(labels, (9,), (7,)),
    }


def classifiers_of(
    images: NDArray[np.float64], attributes: Attributes, seed: int, max_iter: int
) -> dict[str, MLPClassifier]:
    """A network for each attribute, trained on the images of which it is known."""
    found = {}
    for name, values in attributes.items():
        known = ~np.isnan(values)
        network = MLPClassifier(256, batch_size=128, max_iter=max_iter, early_stopping=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found[name] = network.fit(images[known], values[known])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["mnist", "fashion_mnist"])
    parser.add_argument("--arm", choices=["model", *ARMS], required=True)
    parser.add_argument("--minutes", type=float, default=10, help="of the fit")
    parser.add_argument("--latent-dim", type=int, default=32)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=EDITED, help="edited for each attribute, at most")
    parser.add_argument("--classifier-epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("out/editing"), help="of the model and the pictures")
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arrays = common.load(arguments.data, arguments.data_folder)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / f"{arguments.data}.pofx"
    if arguments.arm == "model":
        common.fit_vae(arguments, arrays["x_train"], path)
        return
    if not path.exists():
        sys.exit(f"{path} does not exist: run the arm 'model' first")
    run(arguments, arrays, pofx.load(path).set_params(verbose=True))


def run(arguments: argparse.Namespace, arrays: dict[str, np.ndarray], model: pofx.VAE) -> None:
    """Edit, judge, append a row an attribute."""
    data = arguments.data
    rng = np.random.default_rng(arguments.seed)
    learned = np.sort(rng.permutation(len(arrays["x_train"]))[:LEARNED_FROM])
    order = rng.permutation(len(arrays["x_test"]))
    trained, tested, edited = np.split(order, [TRAINED_ON, TRAINED_ON + TESTED_ON])
    limits = {name: float(np.median(values)) for name, values in measures(arrays["x_train"][learned]).items()}
    known = attributes_of(data, arrays["x_train"][learned], arrays["y_train"][learned], limits)
    truth = attributes_of(data, arrays["x_test"], arrays["y_test"], limits)

    def rows(images: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.asarray(images, dtype=np.float64).reshape(len(images), -1) / 255

    judges = classifiers_of(
        rows(arrays["x_test"][trained]),
        {name: values[trained] for name, values in truth.items()},
        arguments.seed,
        arguments.classifier_epochs,
    )
    accuracy = {}
    for name, judge in judges.items():
        some = tested[~np.isnan(truth[name][tested])]
        accuracy[name] = float(judge.score(rows(arrays["x_test"][some]), truth[name][some]))
        print(f"classifier of {name}: accuracy {accuracy[name]:.3f} on {len(some)} other images")

    of_editor, of_edit = ARMS[arguments.arm]
    start = time.perf_counter()
    editor = pofx.LatentEditor(model, **of_editor).fit(arrays["x_train"][learned], known)
    seconds = time.perf_counter() - start
    for name in known:
        some = edited[truth[name][edited] == 0][: arguments.images]
        images = arrays["x_test"][some]
        start = time.perf_counter()
        after, report = editor.edit(images, {name: arguments.strength}, return_report=True, **of_edit)
        edit_seconds = time.perf_counter() - start
        before = model.inverse_transform(report.latents)
        p_before, p_after = (
            {k: judge.predict_proba(rows(part))[:, 1] for k, judge in judges.items()} for part in (before, after)
        )
        others = [k for k in judges if k != name]
        p_real = judges[name].predict_proba(rows(images))[:, 1]
        common.append_row(
            "editing",
            {
                "data": data,
                "arm": arguments.arm,
                "attribute": name,
                "strength": arguments.strength,
                "images": len(some),
                "classifier_accuracy": round(accuracy[name], 4),
                "direction_score": round(editor.scores_[name], 4),
                "p_of_real_images": round(float(p_real.mean()), 4),
                "p_before": round(float(p_before[name].mean()), 4),
                "p_after": round(float(p_after[name].mean()), 4),
                "p_up": round(float((p_after[name] - p_before[name]).mean()), 4),
                "p_up_standard_error": round(float((p_after[name] - p_before[name]).std() / np.sqrt(len(some))), 4),
                "share_before": round(float((p_before[name] > 0.5).mean()), 4),
                "share_after": round(float((p_after[name] > 0.5).mean()), 4),
                "others": " ".join(f"{k} {(p_after[k] - p_before[k]).mean():+.3f}" for k in others),
                "others_mean_absolute_change": round(
                    float(np.mean([np.abs(p_after[k] - p_before[k]).mean() for k in others])), 4
                ),
                "rms_error_encoded": round(float(report.error_encoded.mean()), 2),
                "rms_error": round(float(report.error.mean()), 2),
                "fit_seconds": round(seconds, 1),
                "edit_seconds": round(edit_seconds, 1),
                "seed": arguments.seed,
            },
        )
        page = edit_page(
            model,
            images[:SHOWN],
            before[:SHOWN],
            [editor.edit(images[:SHOWN], {name: arguments.strength / 2}, **of_edit), after[:SHOWN]],
            [f"{arguments.strength / 2:+g}", f"{arguments.strength:+g}"],
            title=f"{name}, {data}, {arguments.arm}",
            note=f"Test images without the attribute; its probability by a separate classifier rises from "
            f"{p_before[name].mean():.2f} to {p_after[name].mean():.2f} in the mean over {len(some)} images.",
        )
        save_png(page, arguments.folder / f"{data}_{arguments.arm}_{name}.png")


if __name__ == "__main__":
    main()
