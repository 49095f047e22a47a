"""Modes counted by hand, of points and of stacked digits."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from pofx.data.toy import gaussian_grid
from pofx.measures.mode_coverage import mode_coverage, nearest_mode
from pofx.measures.stacked import stacked_coverage, stacked_images, stacked_modes


def test_by_hand():
    result = mode_coverage([0, 0, 1, 3, -1, -1, 0, 1], 5)
    assert (result.covered, result.n_modes, result.n_samples) == (3, 5, 8)
    assert result.counts.tolist() == [3, 2, 0, 1, 0]
    p = np.array([3, 2, 1]) / 6
    assert result.kl == pytest.approx((p * np.log(p * 5)).sum())
    assert result.in_a_mode == 0.75
    assert result.kl_of_perfect == pytest.approx(4 / 12)
    assert mode_coverage([0, 0, 1, 3, -1, -1, 0, 1], 5, least=2).covered == 2


def test_a_reference_takes_the_place_of_the_uniform_law():
    assert mode_coverage([0, 1, 1, 1], 2, reference=[0.25, 0.75]).kl == 0
    assert mode_coverage([0, 1], 2, reference=[1.0, 0.0]).kl == math.inf


def test_of_a_perfect_generator_the_kl_is_about_what_is_told():
    draws = np.random.default_rng(0).integers(100, size=(20, 2000))
    results = [mode_coverage(modes, 100) for modes in draws]
    # 2n KL is about chi-squared with K - 1 degrees of freedom: standard deviation sqrt(2 (K - 1)).
    error = math.sqrt(2 * 99) / (2 * 2000) / math.sqrt(20)
    assert abs(np.mean([result.kl for result in results]) - results[0].kl_of_perfect) < 4 * error


@pytest.mark.parametrize(
    ("modes", "options", "said"),
    [
        ([0, 5], {}, "-1..4"),
        ([-2, 0], {}, "-1..4"),
        ([-1, -1], {}, "none of the samples"),
        ([0.5], {}, "integers"),
        ([], {}, "integers"),
        ([0], {"least": 0}, "least"),
        ([0], {"least": 1.0}, "least must be a whole number"),
        ([0], {"least": True}, "least must be a whole number"),
        ([0], {"n_modes": 5.0}, "n_modes must be a whole number"),
        ([0], {"n_modes": True}, "n_modes must be a whole number"),
        ([0], {"n_modes": 0}, "n_modes must be a whole number"),
        ([0], {"reference": [0.5, 0.5]}, r"shape \(5,\)"),
        ([0], {"reference": [0.5] * 5}, "sum to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(modes, options, said):
    with pytest.raises(ValueError, match=said):
        mode_coverage(modes, **({"n_modes": 5} | options))


def test_points_belong_to_the_nearest_centre_within_its_radius():
    centres = [[0.0, 0.0], [10.0, 0.0]]
    samples = [[0.2, 0.0], [0.31, 0.0], [10.0, 0.5], [9.0, 0.0], [5.1, 0.0], [8.6, 0.0]]
    assert nearest_mode(samples, centres, [0.1, 0.4]).tolist() == [0, -1, 1, 1, -1, -1]
    assert nearest_mode(samples, centres, [0.1, 0.4], within=2.5).tolist()[2:4] == [1, 1]
    assert nearest_mode(samples, centres, 1.0).tolist() == [0, 0, 1, 1, -1, 1]
    with pytest.raises(ValueError, match="standard_deviations"):
        nearest_mode(samples, centres, [0.1, 0.0])
    with pytest.raises(ValueError, match="samples and centres"):
        nearest_mode([[1.0]], centres, 1.0)


def test_the_grid_of_normals_covers_itself():
    law = gaussian_grid()
    result = mode_coverage(nearest_mode(law.sample(5000, 0), law.means, 0.05), 25)
    assert result.covered == 25
    beyond = math.exp(-4.5)
    assert abs(result.in_a_mode - (1 - beyond)) < 4 * math.sqrt(beyond / 5000)
    assert result.kl < 4 * result.kl_of_perfect


def test_stacks_hold_the_digits_that_their_mode_spells():
    images = np.arange(30)[:, None, None] * np.ones((1, 4, 4), dtype=int)
    labels = np.repeat([7, 3, 5], [10, 5, 15])
    stacks, modes = stacked_images(images, labels, 4000)
    assert stacks.shape == (4000, 4, 4, 3) and stacks.dtype == images.dtype
    places = {3: 0, 5: 1, 7: 2}
    spelt = [[places[label] for label in labels[stack[0, 0]]] for stack in stacks]
    assert modes.tolist() == [9 * r + 3 * g + b for r, g, b in spelt]
    # Even over classes, whatever their sizes, and over the images of a class.
    result = mode_coverage(modes, 27)
    assert result.covered == 27 and result.kl < 2 * result.kl_of_perfect
    counts = np.bincount(stacks[:, 0, 0, 0], minlength=30)
    assert abs(counts[labels == 3].mean() / 4000 - 1 / 15) < 4 * math.sqrt(1 / 15 / 20000)
    again, _ = stacked_images(images, labels, 4000)
    assert np.array_equal(stacks, again)


class OfDigits:
    """A classifier of images, by logistic regression of their pixels."""

    def __init__(self, images, labels):
        self.pixels = LogisticRegression(max_iter=200).fit(images.reshape(len(images), -1) / 16, labels)
        self.classes_ = self.pixels.classes_

    def predict(self, images):
        return self.pixels.predict(images.reshape(len(images), -1) / 16)


def test_a_classifier_reads_stacked_digits():
    digits = load_digits()
    classifier = OfDigits(digits.images[:1200], digits.target[:1200])
    stacks, modes = stacked_images(digits.images[1200:], digits.target[1200:], 3000)
    assert np.mean(stacked_modes(stacks, classifier) == modes) > 0.7
    result = stacked_coverage(stacks, classifier)
    assert result.n_modes == 1000 and result.covered > 900
    collapsed = stacked_coverage(np.repeat(stacks[:1], 100, axis=0), classifier)
    assert collapsed.covered == 1 and collapsed.kl == pytest.approx(math.log(1000))


def test_stacks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="stacks must be"):
        stacked_modes(np.zeros((3, 4, 4)), None)
    with pytest.raises(ValueError, match="images must be"):
        stacked_images(np.zeros((3, 4, 4, 3)), [0, 1, 2], 4)
    with pytest.raises(ValueError, match="n must be"):
        stacked_images(np.zeros((3, 4, 4)), [0, 1, 2], 0)
    with pytest.raises(ValueError, match="n must be a whole number"):
        stacked_images(np.zeros((3, 4, 4)), [0, 1, 2], 2.0)
    with pytest.raises(ValueError, match="images must be"):
        stacked_images(np.zeros((0, 4, 4)), [], 4)


def test_nothing_is_near_where_there_are_no_centres():
    with pytest.raises(ValueError, match="m at least 1"):
        nearest_mode(np.zeros((3, 2)), np.zeros((0, 2)), 1.0)
