"""Copies are found, and what is new is not taken for one."""

import numpy as np
import pytest
from scipy.stats import kstest, rankdata
from sklearn.datasets import load_digits

import pofx
from pofx.evaluation.memorisation import memorisation
from pofx.measures.extractors import Extractor
from pofx.pages.memorisation import memorisation_page


@pytest.fixture(scope="module")
def digits():
    images = load_digits().images
    return images[np.random.default_rng(0).permutation(len(images))]


@pytest.fixture(scope="module")
def parts(digits):
    return digits[:600], digits[600:900], digits[900:1200]


def test_copies_are_found(parts):
    train, held_out, new = parts
    chosen = np.random.default_rng(1).integers(600, size=200)
    test = memorisation(train[chosen], train, held_out).in_pixels
    assert test.share_nearer == 1 and test.p_value < 1e-12
    assert test.n_copies == 200 and test.n_real_copies == 0
    assert np.array_equal(test.nearest, chosen)
    half = memorisation(np.concatenate([train[:100], new[:100]]), train, held_out).in_pixels
    assert half.n_copies == 100 and 0.7 < half.share_nearer < 0.8


def test_new_images_of_the_same_law_are_as_near_as_held_out_ones(parts):
    train, held_out, new = parts
    test = memorisation(new, train, held_out).in_pixels
    assert abs(test.share_nearer - 0.5) < 4 * test.null_standard_error
    assert test.n_copies == 0


def test_what_is_far_from_all_images_is_below_one_half(parts):
    train, held_out, _ = parts
    noise = np.random.default_rng(0).integers(0, 17, size=(100, 8, 8))
    test = memorisation(noise, train, held_out).in_pixels
    assert test.share_nearer < 0.01 and test.p_value > 0.99


def test_by_hand():
    train, held_out = np.array([[0.0], [10.1]]), np.array([[2.0], [3.0], [0.0]])
    test = memorisation(np.array([[1.0], [12.1], [10.1]]), train, held_out).in_pixels
    assert test.sample_distances == pytest.approx([1, 2, 0]) and test.held_out_distances == pytest.approx([2, 3, 0])
    assert test.nearest.tolist() == [0, 1, 1]
    # Pairs (sample, held out) with the sample nearer: 1 < 2, 3; 2 < 3; 0 < 2, 3; ties 2 = 2 and 0 = 0 count half.
    assert test.share_nearer == pytest.approx((2 + 1.5 + 2.5) / 9)
    ranks = rankdata(np.concatenate([test.sample_distances, test.held_out_distances]))
    assert test.share_nearer == pytest.approx(1 - (ranks[:3].sum() - 6) / 9)
    assert (test.n_copies, test.n_real_copies) == (1, 1)


def test_the_error_of_the_share_for_one_law_is_the_spread_that_there_is():
    rng = np.random.default_rng(0)
    train = rng.normal(size=(50, 3))
    found = [memorisation(rng.normal(size=(30, 3)), train, rng.normal(size=(45, 3))).in_pixels for _ in range(400)]
    shares = np.array([test.share_nearer for test in found])
    assert abs(np.log(shares.std() / found[0].null_standard_error)) < 4 / np.sqrt(2 * 400)
    assert abs(shares.mean() - 0.5) < 4 * shares.std() / 20
    assert kstest([test.p_value for test in found], "uniform").pvalue > 0.001


def test_parts_of_the_training_images_make_no_difference(parts, monkeypatch):
    train, held_out, new = parts
    whole = memorisation(new[:50], train[:101], held_out[:50]).in_pixels
    monkeypatch.setattr("pofx.evaluation.memorisation.PART", 25)
    cut = memorisation(new[:50], train[:101], held_out[:50]).in_pixels
    assert np.array_equal(whole.nearest, cut.nearest)
    assert np.array_equal(whole.sample_distances, cut.sample_distances)
    last = memorisation(train[100:101].repeat(2, axis=0), train[:101], held_out[:50]).in_pixels
    assert last.nearest.tolist() == [100, 100]


def test_images_that_are_all_there_already_say_nothing():
    """Tiny binary images: every new one is a training image, too."""
    every = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    test = memorisation(every, every, every).in_pixels
    assert (test.share_nearer, test.p_value, test.n_copies, test.n_real_copies) == (0.5, 1.0, 4, 4)


def test_features_have_a_test_of_their_own(parts):
    train, held_out, new = parts
    result = memorisation(new, train, held_out, extractor=Extractor("row sums", lambda x: x.sum(axis=2)))
    assert result.on_features.features == "row sums" and result.in_pixels.features == "pixels"
    nearest = result.on_features.nearest[0]
    sums = train.sum(axis=2)
    assert nearest == np.argmin(np.linalg.norm(sums - new[0].sum(axis=1), axis=1))
    assert "on row sums: " in str(result) and "on pixels: " in str(result)


def test_the_training_images_are_counted_on_all_features(parts, monkeypatch):
    train, held_out, new = parts
    monkeypatch.setattr("pofx.evaluation.memorisation.PART", 400)
    sums, seen = Extractor("row sums", lambda x: x.sum(axis=2)), []
    memorisation(new, train, held_out, extractor=sums, progress=lambda *counts: seen.append(counts))
    assert seen == [(400, 1200), (600, 1200), (1000, 1200), (1200, 1200)]


def test_the_gap_in_log_p_names_its_kind(parts):
    train, held_out, new = parts
    vae = pofx.VAE(width=16, depth=1, latent_dim=3, max_epochs=2, random_state=0).fit(train)
    result = memorisation(new, train, held_out, model=vae)
    gap = result.likelihood_gap
    assert gap.kind == "lower bound"
    assert (gap.train, gap.held_out) == pytest.approx((vae.score(train), vae.score(held_out)))
    assert gap.gap == pytest.approx(gap.train - gap.held_out)
    scores = vae.score_samples(train), vae.score_samples(held_out)
    assert gap.standard_error == pytest.approx(np.sqrt(sum(s.var(ddof=1) / len(s) for s in scores)))
    assert "log p(x) (lower bound)" in str(result)
    assert memorisation(new, train, held_out, model=object()).likelihood_gap is None
    page = memorisation_page(vae, new, train, result.in_pixels, title="Samples", note="A note.")
    # Four rows of ten digits enlarged to 80 pixels.
    assert page.width > 10 * 80 and page.height > 4 * 80
    few = memorisation(new[:3], train, held_out).in_pixels
    assert memorisation_page(vae, new[:3], train, few, title="Samples", note="").width < page.width


def test_log_p_is_asked_of_so_many_images_at_most(parts):
    train, held_out, new = parts
    asked = []

    class Model:
        density = "exact"

        def score_samples(self, X):
            asked.append(len(X))
            return np.arange(len(X), dtype=float)

    memorisation(new, train, held_out, model=Model(), n_scored=7)
    assert asked == [7, 7]
    with pytest.raises(ValueError, match="n_scored"):
        memorisation(new, train, held_out, model=Model(), n_scored=1)


def test_the_page_shows_each_pair(parts, monkeypatch):
    """Below a drawn image stands the training image nearest to it; the nearest pairs come last, in order."""
    train, held_out, new = parts
    vae = pofx.VAE(width=8, depth=0, latent_dim=2, max_epochs=1, random_state=0).fit(train)
    samples = np.concatenate([new[:30], train[40:42]])
    test = memorisation(samples, train, held_out).in_pixels
    seen = {}
    monkeypatch.setattr("pofx.pages.memorisation.sheet", lambda images, **texts: seen.update(texts, images=images))
    memorisation_page(vae, samples, train, test, title="Samples", note="A note.")
    drawn, near, closest, its_near = seen["images"].reshape(4, 10, 8, 8)
    shown = np.rint(samples * 255 / 16)
    assert np.array_equal(drawn, shown[:10])
    assert np.array_equal(near, np.rint(train[test.nearest[:10]] * 255 / 16))
    assert np.array_equal(closest[:2], shown[30:]) and np.array_equal(its_near[:2], shown[30:])
    assert seen["captions"][:10] == [""] * 10 and seen["captions"][30:32] == ["0", "0"]
    assert seen["captions"][10] == f"{test.sample_distances[0]:.3g}"
    assert seen["n_columns"] == 10 and "on pixels. A note." in seen["note"]
