"""Outliers found by pofx's models, beside simple floors.

    python benchmarks/outliers.py fashion_to_mnist --arm pixelcnn --seed 0        # 3 minutes
    python benchmarks/outliers.py mnist_to_fashion --arm vae --seed 0
    python benchmarks/outliers.py fashion_to_mnist --arm vae --ratio              # the likelihood ratio, too
    python benchmarks/outliers.py fashion_to_mnist --arm floors --seed 0
    python benchmarks/outliers.py one_class_mnist --arm vae --part 3 --minutes 2  # the digit 3 is ordinary
    python benchmarks/outliers.py one_class_mnist --arm vae --part 3 --minutes 2 --levels 2 --set latent_dim=16
    python benchmarks/outliers.py magnetic --arm vae --tile 32
    python benchmarks/outliers.py cifar --arm vae --part 0
    python benchmarks/outliers.py false_alarms --arm vae
    python benchmarks/outliers.py hostile --arm vae
    python benchmarks/outliers.py contamination --arm vae --share 0.05

``fashion_to_mnist``: 6,000 images of Fashion-MNIST are ordinary; 1,500 test images of it are to be told from as many of
MNIST. Three fifths fit the model, a fifth is the reference, a fifth calibrates; floors learn from all 6,000. One fitted
model judges by each score: a row a score, with the AUROC, the foreign images that pass where 95 % of the ordinary ones
do, and the share flagged at a false-alarm rate of 5 % of ordinary (that should be 5 %) and of foreign images.
``magnetic`` has a row for each kind of defect. ``false_alarms``: one fitted model, 200 random divisions of 4,000 images
of MNIST that it has not seen into reference, calibration and test. ``hostile``: a detector of MNIST, and what is no
ordinary image. ``contamination``: a share of the 6,000 images of MNIST is of Fashion-MNIST.

Arms: ``vae``, ``pixelcnn``, ``gan`` (with an encoder), the defaults of pofx but for the minutes; ``floors``. ``--set
NAME=VALUE`` changes a parameter, ``--levels`` rounds all images to fewer levels of grey (for floors, too); both are in
the row. Each appends rows to ``results/outliers.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import common
import pofx
from outlier_images import Images, Task, hostile_images, task
from pofx.applications.outlier_scores import image_statistics
from pofx.data.tiles import cut_tiles
from pofx.evaluation.detection import auroc, false_positive_rate_at_95
from pofx.evaluation.outlier_floors import floors

DATA = ("fashion_to_mnist", "mnist_to_fashion", "one_class_mnist", "magnetic", "cifar")
ALARM = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=[*DATA, "false_alarms", "hostile", "contamination"])
    parser.add_argument("--arm", choices=["vae", "pixelcnn", "gan", "floors"], required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=int, default=0, help="the digit or class that is ordinary")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--tile", type=int)
    parser.add_argument("--ratio", action="store_true", help="the likelihood ratio, too")
    parser.add_argument("--share", type=float, default=0.0, help="of foreign images among the ordinary ones")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--levels", type=int, default=256, help="of grey, to which all images are rounded first")
    parser.add_argument("--keep", type=Path, help="folder for the model and the statistics of all images")
    arguments = parser.parse_args()
    if arguments.arm == "floors" and arguments.data not in DATA:
        parser.error(f"{arguments.data} is about a detector, and floors are none")
    if arguments.levels != 256:
        if arguments.data not in DATA:
            parser.error(f"{arguments.data} is of 256 levels")
        arguments.changes.append(f"levels={arguments.levels}")
    if arguments.data == "false_alarms":
        false_alarms(arguments)
    elif arguments.data == "hostile":
        hostile(arguments)
    elif arguments.data == "contamination":
        contamination(arguments)
    elif arguments.arm == "floors":
        simple(arguments, task(arguments.data, arguments.seed, arguments.part).rounded(arguments.levels))
    else:
        compare(arguments, task(arguments.data, arguments.seed, arguments.part).rounded(arguments.levels))


def fitted(arguments: argparse.Namespace, training: Images) -> Any:
    words: dict[str, Any] = {"encoder": True} if arguments.arm == "gan" else {}
    words |= dict(common.change(text) for text in arguments.changes)
    model = pofx.family(arguments.arm)(
        max_epochs=100_000, max_minutes=arguments.minutes, random_state=arguments.seed, verbose=True, **words
    )
    if arguments.tile is not None:
        training = cut_tiles(training, arguments.tile, arguments.tile // 2).stack()
    return model.fit(training)


def divided(images: Images, seed: int) -> tuple[Images, Images]:
    """Three fifths that fit the model, and the rest."""
    order = np.random.default_rng([seed, 8]).permutation(len(images))
    n = round(0.6 * len(images))
    return images[np.sort(order[:n])], images[np.sort(order[n:])]


def detector(arguments: argparse.Namespace, model: Any, rest: Images, score: str) -> pofx.OutlierDetector:
    found = pofx.OutlierDetector(
        model, score, false_alarm_rate=ALARM, tile=arguments.tile, random_state=arguments.seed, reference_fraction=0.5,
        calibration_fraction=0.5,
    )  # fmt: skip
    return found.fit(rest)


def scores_of(model: Any) -> list[str]:
    """Those that need no second fit: a GAN has no log p(x)."""
    return ["typicality"] + (["log_prob", "complexity"] if hasattr(model, "score_samples") else [])


def report(
    arguments: argparse.Namespace, data: str, score: str, ordinary: NDArray[np.float64], foreign: NDArray[np.float64],
    **more: Any,
) -> None:  # fmt: skip
    common.append_row(
        "outliers",
        {
            "data": data,
            "arm": " ".join([arguments.arm, *arguments.changes]),
            "score": score,
            "auroc": round(auroc(ordinary, foreign), 4),
            "fpr_at_95_tpr": round(false_positive_rate_at_95(ordinary, foreign), 4),
            "seed": arguments.seed,
            **more,
        },
    )


def compare(arguments: argparse.Namespace, images: Task) -> None:
    training, rest = divided(images.known, arguments.seed)
    model = fitted(arguments, training)
    for score in scores_of(model) + ["likelihood_ratio"] * arguments.ratio:
        found = detector(arguments, model, rest, score)
        ordinary = found.assess(images.ordinary)
        of_kind = {kind: found.assess(some) for kind, some in images.foreign.items()}
        if len(of_kind) > 1:
            parts = list(of_kind.values())
            of_kind["all"] = type(ordinary)(
                *(np.concatenate([getattr(part, name) for part in parts]) for name in vars(ordinary))
            )
        for kind, foreign in of_kind.items():
            report(
                arguments, f"{images.name}: {kind}", score, ordinary.scores, foreign.scores,
                ordinary_flagged=round(float(ordinary.is_outlier.mean()), 4),
                foreign_flagged=round(float(foreign.is_outlier.mean()), 4),
                tile=arguments.tile or "", steps=model.n_steps_, minutes=round(model.history_["seconds"][-1] / 60, 2),
            )  # fmt: skip
    if arguments.keep is not None:
        keep(arguments, model, rest, images)


def keep(arguments: argparse.Namespace, model: Any, rest: Images, images: Task) -> None:
    """The model, and t of all images, to think about scores without another fit."""
    arguments.keep.mkdir(parents=True, exist_ok=True)
    name = f"{arguments.data}_{arguments.arm}_{arguments.part}_{arguments.seed}"
    model.save(arguments.keep / f"{name}.pofx")
    if arguments.tile is None:
        parts = {"rest": rest, "ordinary": images.ordinary, **images.foreign}
        found = {f"t {key}": image_statistics(model, some, None)[0] for key, some in parts.items()}
        names = np.array(image_statistics(model, rest[:1], None)[1])
        np.savez(arguments.keep / f"{name}.npz", names=names, **found)


def simple(arguments: argparse.Namespace, images: Task) -> None:
    shape = (*images.known.shape[1:], 1)[:3]
    known = images.known.reshape(len(images.known), -1)
    for name, floor in floors(shape).items():
        parts = [images.ordinary, *images.foreign.values()]
        found = floor(known, np.concatenate([part.reshape(len(part), -1) for part in parts]))
        ordinary, *foreign = np.split(found, np.cumsum([len(part) for part in parts])[:-1])
        kinds = dict(zip(images.foreign, foreign, strict=True))
        if len(kinds) > 1:
            kinds["all"] = np.concatenate(foreign)
        for kind, scores in kinds.items():
            report(arguments, f"{images.name}: {kind}", name, ordinary, scores)


def false_alarms(arguments: argparse.Namespace) -> None:
    """One fitted model, one score an image, 200 divisions: the rates against what is promised."""
    images = common.load("mnist")["x_train"]
    order = np.random.default_rng(arguments.seed).permutation(len(images))
    model = fitted(arguments, images[np.sort(order[:3600])])
    normal = images[np.sort(order[3600:7600])]
    statistics, _ = image_statistics(model, normal, None)
    for alpha in (0.01, 0.05, 0.1):
        rates, inside = [], []
        for division in range(200):
            found = pofx.OutlierDetector(
                model, Precomputed(statistics, division), false_alarm_rate=alpha, calibration_fraction=0.5,
                random_state=division,
            )  # fmt: skip
            own = np.random.default_rng([division, 9]).permutation(len(normal))
            # The reference images are the score's own; those given calibrate.
            calibration, tested = own[1000:2000], own[2000:]
            found.fit(np.repeat(calibration[:, None], model.spec_.n_dims, axis=1))
            flagged = found.predict(np.repeat(tested[:, None], model.spec_.n_dims, axis=1)) == -1
            rates.append(float(flagged.mean()))
            low, high = interval(found.report_rate().n_calibration, alpha, len(tested))
            inside.append(low <= flagged.sum() <= high)
        common.append_row(
            "outliers",
            {
                "data": "mnist: 200 divisions",
                "arm": " ".join([arguments.arm, *arguments.changes]),
                "score": "typicality",
                "seed": arguments.seed,
                "nominal_rate": alpha,
                "mean_rate": round(float(np.mean(rates)), 5),
                "two_standard_errors": round(2 * float(np.std(rates, ddof=1)) / np.sqrt(len(rates)), 5),
                "in_95_interval": round(float(np.mean(inside)), 4),
                "steps": model.n_steps_,
            },
        )


class Precomputed:
    """The typicality of images that are named by their index, with a reference of its own for each division."""

    def __init__(self, statistics: NDArray[np.float64], division: int) -> None:
        from pofx.applications.typicality import TypicalLaw

        own = np.random.default_rng([division, 9]).permutation(len(statistics))
        self.scores = TypicalLaw.fit(statistics[own[:1000]]).log_density(statistics)

    def __call__(self, model: Any, X: Images) -> NDArray[np.float64]:
        return self.scores[X.reshape(len(X), -1)[:, 0]]


def interval(n_calibration: int, alpha: float, n_tested: int) -> tuple[float, float]:
    """The 95 % interval of false alarms among ``n_tested``: binomial, of a rate that follows the Beta law."""
    k = int(alpha * (n_calibration + 1) + 1e-9)
    law = stats.betabinom(n_tested, k, n_calibration + 1 - k)
    return float(law.ppf(0.025)), float(law.ppf(0.975))


def hostile(arguments: argparse.Namespace) -> None:
    images = task("mnist_to_fashion", arguments.seed, 0)
    training, rest = divided(images.known, arguments.seed)
    model = fitted(arguments, training)
    found = detector(arguments, model, rest, "typicality")
    ordinary = found.assess(images.ordinary)
    for kind, some in hostile_images(images.ordinary, np.random.default_rng(0)).items():
        foreign = found.assess(some)
        assert np.isfinite(foreign.scores).all(), kind
        report(
            arguments, f"mnist: {kind}", "typicality", ordinary.scores, foreign.scores,
            ordinary_flagged=round(float(ordinary.is_outlier.mean()), 4),
            foreign_flagged=round(float(foreign.is_outlier.mean()), 4), steps=model.n_steps_,
        )  # fmt: skip


def contamination(arguments: argparse.Namespace) -> None:
    images = task("mnist_to_fashion", arguments.seed, 0)
    strange = common.load("fashion_mnist")["x_train"][: round(arguments.share * len(images.known))]
    order = np.random.default_rng([arguments.seed, 10]).permutation(len(images.known))
    known = images.known.copy()
    known[order[: len(strange)]] = strange
    training, rest = divided(known, arguments.seed)
    model = fitted(arguments, training)
    for score in scores_of(model):
        found = detector(arguments, model, rest, score)
        ordinary, foreign = found.assess(images.ordinary), found.assess(images.foreign["fashion_mnist"])
        report(
            arguments, f"{images.name}, contaminated", score, ordinary.scores, foreign.scores,
            ordinary_flagged=round(float(ordinary.is_outlier.mean()), 4),
            foreign_flagged=round(float(foreign.is_outlier.mean()), 4), share=arguments.share, steps=model.n_steps_,
        )  # fmt: skip


if __name__ == "__main__":
    main()
