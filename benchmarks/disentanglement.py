"""How far single latent dimensions stand for single properties of digits: MIG and DCI, with how they were estimated.

    python benchmarks/disentanglement.py --arm beta_1 --minutes 5
    python benchmarks/disentanglement.py --arm beta_4 --minutes 5
    python benchmarks/disentanglement.py --arm pca

Of MNIST's 10,000 test images four factors are known: the digit, and the ink, slant and width that `editing.measures`
finds in the pixels. They are no independent causes of the images, as those of made data are (ones are narrow, nines
lean), so that no code can reach 1; what counts is the difference between arms. Those of a VAE (``latent_dim`` 10, beta
1 or 4) are fitted to the 60,000 training images, as is the PCA of as many components. Appends to
``results/disentanglement.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

import common
import pofx
from editing import measures
from pofx.evaluation.disentanglement import disentanglement_completeness_informativeness, mutual_information_gap

BETAS = {"beta_1": 1.0, "beta_4": 4.0}
LATENT_DIM = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=[*BETAS, "pca"], required=True)
    parser.add_argument("--minutes", type=float, default=5, help="of the fit of a VAE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arrays = common.load("mnist", arguments.data_folder)
    codes = codes_of(arguments, arrays["x_train"], arrays["x_test"])
    measured = measures(arrays["x_test"])
    factors, names = np.column_stack([arrays["y_test"], *measured.values()]), ["digit", *measured]
    gap = mutual_information_gap(codes, factors)
    dci = disentanglement_completeness_informativeness(codes, factors, random_state=arguments.seed)
    print(gap, dci, sep="\n")
    common.append_row(
        "disentanglement",
        {
            "data": "mnist, 10000 test images",
            "arm": arguments.arm,
            "mig": round(gap.value, 4),
            "d": round(dci.disentanglement, 4),
            "c": round(dci.completeness, 4),
            "i_accuracy_of_the_digit": round(dci.accuracy, 4),
            "i_r_squared_of_the_others": round(dci.r_squared, 4),
            "mig_of_each": of_each(names, gap.by_factor),
            "c_of_each": of_each(names, dci.by_factor),
            "i_of_each": of_each([f"{name} ({by})" for name, by in zip(names, dci.told_by, strict=True)], dci.told),
            "mig_settings": str(gap),
            "dci_settings": str(dci),
            "minutes": arguments.minutes if arguments.arm in BETAS else "",
            "seed": arguments.seed,
        },
    )


def of_each(names: list[str], values: np.ndarray) -> str:
    """One number a factor, behind its name."""
    return ", ".join(f"{name} {value:.3f}" for name, value in zip(names, values, strict=True))


def codes_of(arguments: argparse.Namespace, train: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Of each image, by the model of the arm."""
    if arguments.arm == "pca":
        pca = PCA(LATENT_DIM, random_state=arguments.seed).fit(train.reshape(len(train), -1) / 255)
        return pca.transform(images.reshape(len(images), -1) / 255)
    model = pofx.VAE(
        latent_dim=LATENT_DIM,
        beta=BETAS[arguments.arm],
        max_epochs=10_000,
        max_minutes=arguments.minutes,
        early_stopping=None,
        random_state=arguments.seed,
        verbose=True,
    )
    return model.fit(train).transform(images)


if __name__ == "__main__":
    main()
