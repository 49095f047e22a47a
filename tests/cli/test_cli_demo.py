"""``pofx demo``."""

import contextlib
import io
import shlex

import numpy as np
import pytest
from PIL import Image

import pofx
from pofx.cli import main
from pofx.cli.demo_pictures import pixelcnn_pages, vae_pages

PICTURES = ("samples", "reconstructions", "likely", "pixelcnn_samples", "completions", "surprise")
PICTURES += ("interpolations", "latents", "edited", "gan_samples", "outliers", "features", "classes")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder that it leaves and what it says, with trainings cut short: what is tested is that all is there."""
    folder = tmp_path_factory.mktemp("demo") / "it's a demo"
    full = pofx.VAE.fit
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(pofx.VAE, "fit", lambda self, *data: full(self.set_params(max_epochs=2, verbose=False), *data))
        patch.setattr("pofx.cli.demo.PIXELCNN", {"n_layers": 1, "n_channels": 6, "max_epochs": 1})
        patch.setattr("pofx.cli.demo.GAN", {"width": 16, "depth": 1, "max_epochs": 1})
        assert main(["demo", "-o", str(folder)]) == 0
    return folder, out.getvalue()


def test_it_leaves_its_results(demo):
    folder, out = demo
    fitted = [f"{name} fitted in" for name in ("VAE", "PixelCNN", "GAN")]
    for text in (*fitted, "independent pixels", "raw pixels", "PCA", "autoencoder"):
        assert text in out
    rows = {line.split("│")[1].strip(): line for line in out.splitlines() if line.startswith("│")}
    assert "exact" in rows["PixelCNN"] and "lower bound" in rows["VAE"]
    models = {"digits.pofx", "pixelcnn.pofx", "gan.pofx", "detector.pofx", "classifier.pofx"}
    arrays = {"digits.npz", "mixed.npz"}
    assert {path.name for path in folder.iterdir()} == models | arrays | {f"{name}.png" for name in PICTURES}
    for name in PICTURES:
        assert f"  {folder / name}.png\n" in out
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 900  # twelve columns
    assert isinstance(pofx.load(folder / "pixelcnn.pofx"), pofx.PixelCNN)


def test_what_it_tells_to_try_can_be_done(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hints = [line.split("(try: pofx ")[1].rstrip(")") for line in demo[1].splitlines() if "(try" in line]
    assert [shlex.split(hint)[0] for hint in hints] == ["info", "complete", "evaluate", "outliers", "classify"]
    for hint in hints:
        assert main(shlex.split(hint)) == 0


def test_the_gan_is_told_apart_from_the_digits_set_aside(demo, tmp_path, monkeypatch, capsys):
    """The images it was fitted to are known for what they are, and those set aside are new."""
    monkeypatch.chdir(tmp_path)
    hint = next(line.split("(try: pofx ")[1].rstrip(")") for line in demo[1].splitlines() if "pofx evaluate" in line)
    assert main(shlex.split(hint)) == 0
    out = capsys.readouterr().out
    assert "360 images drawn from gan.pofx beside images of " in out and "Nearest training images" in out


def test_what_was_hidden_among_the_digits_is_found(demo):
    """Also by a model that is hardly trained."""
    folder, out = demo
    detector, mixed = pofx.load(folder / "detector.pofx"), pofx.load_source(folder / "mixed.npz")
    flagged, foreign = detector.predict(mixed.images) == -1, mixed.labels != "digit"
    assert set(mixed.labels[foreign]) == {"inverted", "noise", "turned", "scrambled"}
    assert foreign.sum() == 12 and (~foreign).sum() == 100
    assert flagged[foreign].mean() > 0.5 > flagged[~foreign].mean()
    assert (
        f"Hidden among 100 digits were 12 images that are none: {flagged[foreign].sum()} of them are flagged, and "
        f"{flagged[~foreign].sum()} of the digits. Of ordinary images " in out
    )


def test_what_is_hidden_is_made_of_digits():
    from pofx.cli.demo_outliers import HIDDEN, hidden

    digits = pofx.load_source("digits").images[:50]
    kinds = hidden(digits, 17, np.random.default_rng(0))
    known = {image.tobytes() for image in digits}
    for images in kinds.values():
        assert images.shape == (HIDDEN, 8, 8) and images.dtype == digits.dtype
        assert images.min() >= 0 and images.max() <= 16
        assert not known & {image.tobytes() for image in images}
    back = [16 - kinds["inverted"], np.rot90(kinds["turned"], k=-1, axes=(1, 2))]
    assert all(np.ascontiguousarray(image).tobytes() in known for images in back for image in images)
    pixels = {tuple(np.sort(image.ravel())) for image in digits}
    assert all(tuple(np.sort(image.ravel())) in pixels for image in kinds["scrambled"])


def test_the_seed_steers_what_is_drawn(demo):
    test = pofx.load_source("digits").images[:40]

    def drawn(seed):
        vae, pixelcnn = (
            pofx.load(demo[0] / f"{name}.pofx").set_params(random_state=seed) for name in ("digits", "pixelcnn")
        )
        pages = vae_pages(vae, test) | pixelcnn_pages(pixelcnn, test)
        return [pages[name].tobytes() for name in ("samples", "pixelcnn_samples", "completions")]

    first, again, other = drawn(0), drawn(0), drawn(1)
    assert first == again
    assert all(page != another for page, another in zip(first, other, strict=True))
