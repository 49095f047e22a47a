"""``pofx demo``: from nothing to three fitted models, their figures and their pictures, in a few minutes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

from pofx.cli.options import Seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from pofx.base import GenerativeModel

    M = TypeVar("M", bound=GenerativeModel)

#: Enough for digits of 8 x 8 pixels, in about a minute each.
PIXELCNN: dict[str, Any] = {"n_layers": 4, "n_channels": 32, "max_epochs": 15}
GAN: dict[str, Any] = {"max_epochs": 150}


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The folder to write to.")] = Path("out/demo"),
    seed: Seed = 0,
) -> None:
    """Fit three models to handwritten digits and write pictures of what they learned.

    The images are scikit-learn's: 1,797 digits of 8 x 8 pixels in 17 shades of gray, of which one in five is set aside
    to measure with. A VAE learns a lower bound on log p(x), and features along which digits are changed; a PixelCNN
    learns log p(x) itself, and completes images; a GAN only learns to draw. An outlier detector around the VAE finds
    images that do not belong, hidden among digits, and a classifier tells which digit each is, and what is none.

    Example: `pofx demo -o out/demo`
    """
    from sklearn.model_selection import train_test_split

    import pofx
    from pofx.cli.demo_classes import name
    from pofx.cli.demo_latents import latent_pages
    from pofx.cli.demo_outliers import search
    from pofx.cli.demo_pictures import feature_page, gan_pages, pixelcnn_pages, vae_pages
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_density_table, print_feature_table
    from pofx.evaluation.densities import density_table
    from pofx.evaluation.features import TRANSFORM, feature_table
    from pofx.files.arrays import save_npz
    from pofx.files.pictures import save_png

    output.mkdir(parents=True, exist_ok=True)
    console = OutputConsole()
    digits = pofx.load_source("digits")
    train, test, train_labels, test_labels = train_test_split(
        digits.images, digits.labels, test_size=0.2, random_state=seed, stratify=digits.labels
    )
    arrays = {"x_train": train, "y_train": train_labels, "x_test": test, "y_test": test_labels}
    save_npz(output / "digits.npz", arrays)
    console.print(f"Fitting three models to {len(train):,} handwritten digits; {len(test)} others are set aside.")
    vae = _fitted(console, pofx.VAE(random_state=seed, verbose=True), train)
    pixelcnn = _fitted(console, pofx.PixelCNN(random_state=seed, verbose=True, **PIXELCNN), train)
    gan = _fitted(console, pofx.GAN(random_state=seed, verbose=True, **GAN), train)
    vae_path, pixelcnn_path = vae.save(output / "digits.pofx"), pixelcnn.save(output / "pixelcnn.pofx")
    gan_path = gan.save(output / "gan.pofx")

    console.print("\nHow likely do they find digits that they never saw?\n")
    table = density_table({"PixelCNN": pixelcnn, "VAE": vae}, train, test, title="Digits set aside")
    print_density_table(console, table)

    console.print("\nDo the features of the VAE, learned without labels, tell the digits apart? Do pixels?\n")
    layers = (TRANSFORM, *vae.feature_layers_[:-1])
    print_feature_table(console, feature_table(vae, train, train_labels, test, test_labels, layers=layers, seeds=[0]))

    console.print("\nDoes the VAE tell what does not belong?\n")
    looked_through = search(vae, test, seed)
    console.print(looked_through.summary)
    detector_path, mixed = looked_through.save(output)

    console.print("\nWith labels: which digit is it, and is it one?\n")
    named = name(train, train_labels, test, test_labels, looked_through, seed)
    console.print(named.summary)
    classifier_path = named.save(output)

    console.print("\nPictures:")
    pages = vae_pages(vae, test) | latent_pages(vae, train, train_labels, test, test_labels)
    pages |= pixelcnn_pages(pixelcnn, test) | gan_pages(gan) | {"outliers": looked_through.page()}
    pages |= {"features": feature_page(vae, test, test_labels), "classes": named.page()}
    for file_name, page in pages.items():
        console.print(f"  {save_png(page, output / f'{file_name}.png')}", soft_wrap=True)
    console.print("Models:")
    info = shlex.join(["pofx", "info", str(vae_path)])
    complete = shlex.join(["pofx", "complete", str(pixelcnn_path), "digits", "-o", "completed.png"])
    console.print(f"  {vae_path}  (try: {info})", soft_wrap=True)
    source = str(output / "digits.npz")
    evaluate = shlex.join(["pofx", "evaluate", str(gan_path), source, "--held-out", source, "-o", "evaluated.png"])
    console.print(f"  {pixelcnn_path}  (try: {complete})", soft_wrap=True)
    console.print(f"  {gan_path}  (try: {evaluate})", soft_wrap=True)
    outliers = shlex.join(["pofx", "outliers", str(detector_path), str(mixed), "-o", "report.csv"])
    console.print(f"  {detector_path}  (try: {outliers})", soft_wrap=True)
    classify = shlex.join(["pofx", "classify", str(classifier_path), str(mixed), "-o", "labels.csv"])
    console.print(f"  {classifier_path}  (try: {classify})", soft_wrap=True)
    features = shlex.join(["pofx", "features", str(vae_path), source, "--layer", "layer_2", "-o", "features.csv"])
    console.print(f"What the VAE sees in an image, as numbers: try {features}", soft_wrap=True)
    console.print(f"The digits, those of the fits and those set aside:\n  {source}", soft_wrap=True)


def _fitted(console: Console, model: M, images: NDArray[np.generic]) -> M:
    fitted = model.fit(images)
    seconds = f"{fitted.provenance_['minutes'] * 60:.0f} seconds"
    console.print(
        f"{type(fitted).__name__} fitted in {seconds} ({fitted.n_epochs_} epochs, ended by {fitted.stopped_by_})."
    )
    return fitted
