"""``pofx demo``: from nothing to a fitted model, its figures and its pictures, in a minute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pofx.cli.options import Seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pofx.families.variational.estimator import VAE


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The folder to write to.")] = Path("out/demo"),
    seed: Seed = 0,
) -> None:
    """Fit a model to handwritten digits and write pictures of what it learned.

    The images are scikit-learn's: 1,797 digits of 8 x 8 pixels in 17 shades of gray, of which one in five is set aside
    to measure with.

    Example: `pofx demo -o out/demo`
    """
    from sklearn.model_selection import train_test_split

    import pofx
    from pofx.cli.output import OutputConsole
    from pofx.cli.show import print_density_table, print_feature_table
    from pofx.evaluation.densities import density_table
    from pofx.evaluation.features import feature_table

    output.mkdir(parents=True, exist_ok=True)
    console = OutputConsole()
    digits = pofx.load_source("digits")
    train, test, train_labels, test_labels = train_test_split(
        digits.images, digits.labels, test_size=0.2, random_state=seed, stratify=digits.labels
    )
    console.print(f"Fitting a VAE to {len(train):,} handwritten digits; {len(test)} others are set aside.")
    model = pofx.VAE(random_state=seed, verbose=True).fit(train)
    model.save(output / "digits.pofx")
    console.print(
        f"Fitted in {model.provenance_['minutes'] * 60:.0f} seconds ({model.n_epochs_} epochs, ended by "
        f"{model.stopped_by_}). How likely does it find digits that it never saw?\n"
    )
    print_density_table(console, density_table(model, train, test, title="Digits set aside"))

    console.print("\nDo its features, learned without labels, tell the digits apart?\n")
    print_feature_table(console, feature_table(model, train, train_labels, test, test_labels))

    console.print("\nPictures:")
    for path in _pictures(model, test, output):
        console.print(f"  {path}", soft_wrap=True)
    console.print(f"Model: {output / 'digits.pofx'}  (try: pofx info {output / 'digits.pofx'})", soft_wrap=True)


def _pictures(model: VAE, test: NDArray[np.generic], output: Path) -> list[Path]:
    """Samples, reconstructions, and the most and least likely test images."""
    import numpy as np

    from pofx.cli.show import displayed
    from pofx.files.pictures import save_png, sheet

    samples = sheet(
        displayed(model, model.sample(60, random_state=0)),
        n_columns=12,
        title="Digits that nobody wrote",
        note="Each was drawn from the model: a random point z of its latent space, decoded to an image.",
    )
    some = test[:12]
    reconstructions = sheet(
        np.concatenate([displayed(model, some), displayed(model, model.reconstruct(some))]),
        n_columns=12,
        row_labels=["digit", "rebuilt"],
        title="Digits the model never saw, and what it makes of them",
        note=f"Each digit was squeezed to {model.latent_dim} numbers (the mean of q(z|x)) and rebuilt from them.",
    )
    log_p = model.score_samples(test)
    order = np.argsort(log_p)
    chosen = np.concatenate([order[::-1][:12], order[:12]])
    likely = sheet(
        displayed(model, test[chosen]),
        n_columns=12,
        row_labels=["most likely", "least likely"],
        captions=[f"{value:.0f}" for value in log_p[chosen]],
        title="The most and the least likely of the digits set aside",
        note="Below each its log p(x) in nats (a lower bound, as every VAE's): the higher, the likelier. Plain strokes "
        "are likely, odd ones are not.",
    )
    pages = {"samples": samples, "reconstructions": reconstructions, "likely": likely}
    return [save_png(page, output / f"{name}.png") for name, page in pages.items()]
