"""GANs on MNIST after a few minutes on one core: the defaults of pofx against the DCGAN recipe.

    python benchmarks/adversarial.py --arm relativistic --seed 0      # 6 minutes
    python benchmarks/adversarial.py --arm dcgan --seed 0
    python benchmarks/adversarial.py --arm real                       # real against real: the floor
    python benchmarks/adversarial.py --arm stacked --minutes 15       # 1000 modes
    python benchmarks/adversarial.py --arm stacked_real

``relativistic`` (and ``non_saturating``, ``minimax``) are objectives of `pofx.GAN` with its defaults. ``dcgan`` is the
recipe of Radford et al. 2015 (arXiv 1511.06434) written out below: batch normalisation, LeakyReLU, non-saturating loss,
Adam 2e-4 with beta1 = 0.5, no penalties, its last state; its generator has about as many parameters as ours, and its
discriminator mirrors it. All train on the 60,000 training images (pofx holds a tenth out of them to choose its state).

Each arm appends a row to ``results/adversarial.csv``: 10,000 samples against the 10,000 test images by the Fréchet
distance on the last hidden layer of a classifier of digits (trained on the training images, alike in every run), by the
lower bound on the Jensen-Shannon divergence of a fresh classifier, and by precision and recall on the same features.
``real`` takes 10,000 training images for the samples, which that classifier was trained on. A sheet of samples is
written under ``--folder``.

``stacked``: images of three digits, red, green and blue, drawn evenly; 26,000 samples, whose digits a classifier names:
modes of 1,000 that appear, and KL of their frequencies from the uniform law.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

import common
import pofx
from pofx.files.pictures import save_png, sheet
from pofx.measures.classifier import SmallClassifier
from pofx.measures.extractors import of_classifier
from pofx.measures.frechet import frechet_distance
from pofx.measures.precision_recall import precision_recall
from pofx.measures.stacked import stacked_coverage, stacked_images
from pofx.measures.two_sample import classifier_two_sample_test

#: Of the recipe, so that its generator has about as many parameters as ours (109 and 116 thousand).
LATENT_DIM, WIDTH = 64, 16
OBJECTIVES = ("relativistic", "non_saturating", "minimax")
DRAWN, DRAWN_STACKED, SHOWN = 10_000, 26_000, 100
Images = NDArray[np.uint8]


# ---- the recipe ------------------------------------------------------------------------------------------------------


def dcgan_generator(latent_dim: int = LATENT_DIM, width: int = WIDTH) -> nn.Sequential:
    """z -> 28 x 28: transposed convolutions with batch normalisation and ReLU, tanh at the end."""
    return nn.Sequential(
        nn.ConvTranspose2d(latent_dim, 2 * width, 7, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def dcgan_discriminator(width: int = WIDTH) -> nn.Sequential:
    """28 x 28 -> logit: strided convolutions, batch normalisation but in the first, LeakyReLU(0.2)."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 7),
        nn.Flatten(0),
    )


def fit_dcgan(images: Images, minutes: float, seed: int, batch_size: int = 64) -> tuple[nn.Module, int]:
    """Train until the minutes are over; the generator and the number of steps."""
    torch.manual_seed(seed)
    generator, discriminator = dcgan_generator(), dcgan_discriminator()
    for module in (generator, discriminator):
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, 0.0, 0.02)
            elif name.endswith("weight"):
                nn.init.normal_(parameter, 1.0, 0.02)
    optimisers = [torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (discriminator, generator)]
    data = torch.from_numpy(images).float().unsqueeze(1) / 127.5 - 1
    end, steps = time.perf_counter() + 60 * minutes, 0
    while time.perf_counter() < end:
        for index in torch.randperm(len(data)).split(batch_size):
            real, made = data[index], generator(torch.randn(len(index), LATENT_DIM, 1, 1))
            loss = softplus(-discriminator(real)).mean() + softplus(discriminator(made.detach())).mean()
            optimisers[0].zero_grad()
            loss.backward()
            optimisers[0].step()
            loss = softplus(-discriminator(made)).mean()
            optimisers[1].zero_grad()
            loss.backward()
            optimisers[1].step()
            steps += 1
            if time.perf_counter() >= end:
                break
    return generator.eval(), steps


@torch.inference_mode()
def draw_dcgan(generator: nn.Module, n: int) -> Images:
    """n samples, with the running statistics of the normalisation."""
    noise = torch.randn(n, LATENT_DIM, 1, 1, generator=torch.Generator().manual_seed(1))
    made: list[Tensor] = [generator(part) for part in noise.split(500)]
    return ((torch.cat(made)[:, 0] + 1) * 127.5).round().byte().numpy()


# ---- arms ------------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=[*OBJECTIVES, "dcgan", "real", "stacked", "stacked_real"], required=True)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--folder", type=Path, default=Path("out/adversarial"), help="of models and sheets")
    parser.add_argument("--data-folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    arrays = common.load("mnist", arguments.data_folder)
    if arguments.arm.startswith("stacked"):
        run_stacked(arguments, arrays)
    else:
        run(arguments, arrays)


def run(arguments: argparse.Namespace, arrays: dict[str, np.ndarray]) -> None:
    """Fit an arm, and compare its samples with the test images."""
    train, test = arrays["x_train"], arrays["x_test"]
    told: dict[str, Any] = {}
    start = time.perf_counter()
    if arguments.arm == "real":
        drawn = train[np.random.default_rng(arguments.seed).permutation(len(train))[:DRAWN]]
    elif arguments.arm == "dcgan":
        generator, steps = fit_dcgan(train, arguments.minutes, arguments.seed)
        drawn = draw_dcgan(generator, DRAWN)
        told = {"steps": steps, "generator_parameters": sum(p.numel() for p in generator.parameters())}
    else:
        drawn, told = fit_pofx(arguments, train)
    told["fit_minutes"] = round((time.perf_counter() - start) / 60, 2)
    extractor, _ = of_classifier(train, arrays["y_train"])
    real, made = extractor(test), extractor(drawn)
    frechet, two_sample = (
        frechet_distance(real, made, extractor=extractor.name),
        classifier_two_sample_test(test, drawn),
    )
    coverage = precision_recall(real, made)
    common.append_row(
        "adversarial",
        {
            "data": f"mnist, {len(drawn)} against {len(test)} test images",
            "arm": " ".join([arguments.arm, *arguments.changes]),
            "seed": arguments.seed,
            "frechet": round(frechet.value, 4),
            "extractor": extractor.name,
            "jsd_bound": round(two_sample.jsd_bound, 4),
            "jsd_standard_error": round(two_sample.jsd_standard_error, 4),
            "c2st_accuracy": round(two_sample.accuracy, 4),
            "precision": round(coverage.precision, 4),
            "recall": round(coverage.recall, 4),
            **told,
        },
    )
    draw(arguments, drawn)


def fit_pofx(arguments: argparse.Namespace, train: Images) -> tuple[Images, dict[str, Any]]:
    """Samples of `pofx.GAN`, and what to tell about its fit."""
    parameters: dict[str, Any] = dict(common.change(text) for text in arguments.changes)
    objective = arguments.arm if arguments.arm in OBJECTIVES else "relativistic"
    model = pofx.GAN(
        **{
            "objective": objective,
            "max_epochs": 10_000,
            "max_minutes": arguments.minutes,
            "random_state": arguments.seed,
            "verbose": True,
            **parameters,
        }
    ).fit(train)
    model.save(arguments.folder / f"{arguments.arm}_{arguments.seed}.pofx")
    n_drawn = DRAWN_STACKED if arguments.arm == "stacked" else DRAWN
    told = {
        "steps": model.n_steps_,
        "generator_parameters": sum(p.numel() for p in model.module_.generator.parameters()),
        "energy_distance": round(-float(model.held_out_score_), 5),
        "rejection": str(model.rejection_),
    }
    return model.sample(n_drawn, random_state=1), told


def run_stacked(arguments: argparse.Namespace, arrays: dict[str, np.ndarray]) -> None:
    """Stacked digits: modes and KL."""
    judge = SmallClassifier().fit(arrays["x_train"], arrays["y_train"])
    told: dict[str, Any] = {}
    if arguments.arm == "stacked_real":
        drawn, _ = stacked_images(arrays["x_test"], arrays["y_test"], DRAWN_STACKED, random_state=arguments.seed)
    else:
        train, _ = stacked_images(arrays["x_train"], arrays["y_train"], 128_000, random_state=arguments.seed)
        drawn, told = fit_pofx(arguments, train)
    coverage = stacked_coverage(drawn, judge)
    common.append_row(
        "adversarial",
        {
            "data": f"stacked mnist, {len(drawn)} samples",
            "arm": " ".join([arguments.arm, *arguments.changes]),
            "seed": arguments.seed,
            "modes": coverage.covered,
            "kl": round(coverage.kl, 4),
            "kl_of_perfect": round(coverage.kl_of_perfect, 4),
            "judge_accuracy": round(float((judge.predict(arrays["x_test"]) == arrays["y_test"]).mean()), 4),
            **told,
        },
    )
    draw(arguments, drawn)


def draw(arguments: argparse.Namespace, drawn: Images) -> None:
    """A sheet of the first samples."""
    page = sheet(drawn[:SHOWN], n_columns=20, scale=2, title=f"{arguments.arm}, seed {arguments.seed}")
    save_png(page, arguments.folder / f"{arguments.arm}_{arguments.seed}.png")


if __name__ == "__main__":
    main()
