"""Labels by p(x|y), with rejection, beside logistic regression.

    python benchmarks/classification.py --arm vae --minutes 30
    python benchmarks/classification.py --arm pixelcnn --minutes 30
    python benchmarks/classification.py --arm logistic
    python benchmarks/classification.py --arm vae --minutes 30 --labels 600      # 59,400 images without a label
    python benchmarks/classification.py --arm logistic --labels 600              # learns from the 600 alone

MNIST, rounded to ``--levels`` levels of grey (2). A `GenerativeClassifier` gets 60,000 training images: four fifths fit
the model, the others are reference and calibration images and calibrate the probabilities. Logistic regression learns
from all that have a label, and rejects images of which the likeliest class has a probability below that of all but 5 %
of 10 % of the training images, which it is not fitted to. Test images are ``--images`` of MNIST's and as many of
Fashion-MNIST's. Columns: ``accuracy``; ``rejected_ordinary`` (nominally 5 %) and ``rejected_foreign``; the expected
calibration error of calibrated probabilities and of those of Bayes' rule alone; the mean of -log p(y|x).

``--unlabelled`` says how the images without a label are learned from, see `GenerativeClassifier`; ``minutes`` is the
time of the fit of p(x|y), and ``total_minutes`` that of all of `fit`. ``--set NAME=VALUE`` changes a parameter of the
model. Appends a row to ``results/classification.csv``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

import common
import pofx
from pofx.measures.reliability import reliability

Images = NDArray[Any]
RATE = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=["vae", "pixelcnn", "logistic"], required=True)
    parser.add_argument("--labels", type=int, help="training images that have a label; all, if not given")
    parser.add_argument("--levels", type=int, default=2)
    parser.add_argument("--images", type=int, default=10_000, help="test images of either kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--unlabelled", choices=["imputed", "marginal"], default="imputed")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--save", type=Path, help="where to keep the classifier")
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    own, other = (common.load(name, arguments.data_folder) for name in ("mnist", "fashion_mnist"))
    rng = np.random.default_rng([arguments.seed, 12])
    X, y = rounded(own["x_train"], arguments.levels), own["y_train"].astype(np.int64)
    chosen = np.sort(rng.permutation(len(own["x_test"]))[: arguments.images])
    test, truth = rounded(own["x_test"][chosen], arguments.levels), own["y_test"][chosen].astype(np.int64)
    foreign = rounded(other["x_test"][chosen], arguments.levels)
    if arguments.labels is not None:
        y[rng.permutation(len(y))[arguments.labels :]] = -1
    found = (logistic if arguments.arm == "logistic" else generative)(arguments, X, y, test, truth, foreign)
    common.append_row(
        "classification",
        {
            "arm": " ".join([arguments.arm, *arguments.changes]),
            "labels": len(y) if arguments.labels is None else arguments.labels,
            "levels": arguments.levels,
            "seed": arguments.seed,
            "images": len(test),
            **found,
        },
    )


def rounded(images: Images, levels: int) -> Images:
    return (images.astype(np.int64) * levels // 256).astype(np.uint8)


def generative(
    arguments: argparse.Namespace, X: Images, y: Images, test: Images, truth: Images, foreign: Images
) -> dict[str, Any]:
    words = dict(common.change(text) for text in arguments.changes)
    model = pofx.family(arguments.arm)(
        levels=arguments.levels, max_epochs=100_000, max_minutes=arguments.minutes, early_stopping=None,
        random_state=arguments.seed, verbose=True, **words,
    )  # fmt: skip
    start = time.monotonic()
    classifier = pofx.GenerativeClassifier(
        model,
        false_alarm_rate=RATE,
        calibrated=True,
        unlabelled=arguments.unlabelled,
        random_state=arguments.seed,
    ).fit(X, y)
    total = time.monotonic() - start
    if arguments.save is not None:
        classifier.save(arguments.save)
    start = time.monotonic()
    log_posterior = classifier.predict_log_proba(test)
    seconds = (time.monotonic() - start) / len(test)
    # What the temperature divided, multiplied by it again.
    bayes = np.exp(log_softmax(classifier.temperature_ * log_posterior, axis=1))
    return {
        **qualities(np.exp(log_posterior), truth),
        "ece_of_bayes_rule": round(reliability(bayes, truth).expected_calibration_error, 4),
        "temperature": round(classifier.temperature_, 3),
        "rejected_ordinary": round(float((classifier.detector_.predict(test) == -1).mean()), 4),
        "rejected_foreign": round(float((classifier.detector_.predict(foreign) == -1).mean()), 4),
        "seconds_an_image": round(seconds, 5),
        "minutes": round(classifier.model_.history_["seconds"][-1] / 60, 2),
        "total_minutes": round(total / 60, 2),
        "unlabelled": arguments.unlabelled if arguments.labels is not None else "",
        "steps": classifier.model_.n_steps_,
    }


def logistic(
    arguments: argparse.Namespace, X: Images, y: Images, test: Images, truth: Images, foreign: Images
) -> dict[str, Any]:
    start = time.monotonic()
    known = np.flatnonzero(y != -1)
    n_held_out = len(known) // 10
    rows, tested, strange = (images.reshape(len(images), -1) / (arguments.levels - 1) for images in (X, test, foreign))
    fitted = LogisticRegression(C=0.1, max_iter=300).fit(rows[known[n_held_out:]], y[known[n_held_out:]])
    threshold = np.quantile(fitted.predict_proba(rows[known[:n_held_out]]).max(axis=1), RATE)
    return {
        **qualities(fitted.predict_proba(tested), truth),
        "rejected_ordinary": round(float((fitted.predict_proba(tested).max(axis=1) <= threshold).mean()), 4),
        "rejected_foreign": round(float((fitted.predict_proba(strange).max(axis=1) <= threshold).mean()), 4),
        "minutes": round((time.monotonic() - start) / 60, 2),
    }


def qualities(probabilities: NDArray[np.float64], truth: Images) -> dict[str, Any]:
    of_truth = np.maximum(probabilities[np.arange(len(truth)), truth], np.finfo(float).tiny)
    return {
        "accuracy": round(float((probabilities.argmax(axis=1) == truth).mean()), 4),
        "ece": round(reliability(probabilities, truth).expected_calibration_error, 4),
        "nll": round(float(-np.log(of_truth).mean()), 4),
    }


if __name__ == "__main__":
    main()
