"""Improved precision and recall against a loop, and distances whose memory is bounded."""

import numpy as np
import pytest

from pofx.measures.distances import nearest, neighbour_radii, squared_distances
from pofx.measures.precision_recall import precision_recall

RNG = np.random.default_rng(0)


def by_loop(queries, references, k):
    """Share of queries in a ball around a reference with the distance to its k-th nearest other one."""
    inside = 0
    for q in queries:
        for i, r in enumerate(references):
            others = sorted(np.linalg.norm(r - s) for j, s in enumerate(references) if j != i)
            if np.linalg.norm(q - r) <= others[k - 1]:
                inside += 1
                break
    return inside / len(queries)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("most", [None, 1, 50])
def test_against_a_loop(k, most):
    real, generated = RNG.normal(size=(25, 3)) + 100, RNG.normal(size=(30, 3)) * 0.7 + 100.5
    result = precision_recall(real, generated, k=k, most=most)
    assert result.precision == by_loop(generated, real, k)
    assert result.recall == by_loop(real, generated, k)
    assert 0 < result.recall < 1


def test_what_the_two_tell():
    """A generator of half of the law is precise and recalls half; one of too much is the reverse."""
    whole, half = RNG.uniform(size=(1000, 2)), RNG.uniform(size=(1000, 2)) * [0.5, 1]
    narrow, wide = precision_recall(whole, half), precision_recall(half, whole)
    assert narrow.precision > 0.95 and 0.45 < narrow.recall < 0.62
    assert (wide.precision, wide.recall) == (narrow.recall, narrow.precision)
    assert narrow.recall_standard_error == pytest.approx(np.sqrt(narrow.recall * (1 - narrow.recall) / 1000))


def test_the_errors_are_binomial_each_over_its_own_set():
    result = precision_recall(RNG.uniform(size=(300, 2)), RNG.uniform(size=(200, 2)) * [0.8, 1.3])
    assert 0.1 < result.precision < 0.95 and 0.1 < result.recall < 0.99
    for share, error, n in (
        (result.precision, result.precision_standard_error, 200),
        (result.recall, result.recall_standard_error, 300),
    ):
        assert error == pytest.approx(np.sqrt(share * (1 - share) / n), rel=1e-12)


def test_a_ball_has_its_surface():
    """Exactly as far as the nearest neighbour is within, as in the paper."""
    assert precision_recall([[0.0], [2.0]], [[-2.0], [4.5]], k=1).precision == 0.5


def test_no_row_is_its_own_neighbour():
    assert precision_recall([[0.0], [1.0]], [[1.5], [-5.0]], k=1).precision == 0.5
    assert neighbour_radii(np.array([[0.0], [2.0], [5.0]]), 1) == pytest.approx([4, 4, 9])


def test_not_more_distances_than_allowed_are_in_memory(monkeypatch):
    queries, references = RNG.normal(size=(101, 2)), RNG.normal(size=(40, 2))
    parts = [squared.size for _, squared in squared_distances(queries, references, most=400)]
    assert max(parts) == 400 and sum(parts) == 101 * 40
    # The measures ask for no more than that either, by default and if they are told.
    monkeypatch.setattr("pofx.measures.distances.PART", 200)
    sizes = []
    maximum = np.maximum
    monkeypatch.setattr(
        "pofx.measures.distances.np.maximum", lambda a, b, **k: sizes.append(np.size(a)) or maximum(a, b, **k)
    )
    precision_recall(queries, references)
    assert max(sizes) <= 202 and len(sizes) > 50
    sizes.clear()
    precision_recall(queries, references, most=130)
    assert 101 < max(sizes) <= 130


def test_parts_make_no_difference():
    queries, references = RNG.normal(size=(31, 5)), RNG.normal(size=(17, 5))
    whole = np.concatenate([part for _, part in squared_distances(queries, references)])
    parts = np.concatenate([part for _, part in squared_distances(queries, references, most=40)])
    assert parts == pytest.approx(whole, rel=1e-12)
    assert whole == pytest.approx(((queries[:, None] - references) ** 2).sum(axis=2), rel=1e-10)
    distances, indices = nearest(queries, references)
    assert distances == pytest.approx(np.sqrt(whole.min(axis=1))) and np.array_equal(indices, whole.argmin(axis=1))


def test_a_copy_is_at_distance_zero():
    rows = RNG.normal(size=(50, 7)) * 1e3 + 1e5
    distances, indices = nearest(rows[::-1], rows)
    assert not distances.any() and indices.tolist() == list(range(50))[::-1]


@pytest.mark.parametrize(
    ("k", "n", "said"),
    [
        (0, 9, "k must be a whole number of at least 1, not 0"),
        (2.0, 9, "k must be a whole number of at least 1, not 2.0"),
        (True, 9, "k must be a whole number of at least 1, not True"),
        (3, 3, "at least 4 rows"),
    ],
)
def test_what_makes_no_sense_is_refused(k, n, said):
    with pytest.raises(ValueError, match=said):
        precision_recall(np.zeros((n, 2)), np.zeros((n, 2)), k=k)


def test_a_result_says_what_it_is():
    text = str(precision_recall(RNG.normal(size=(50, 2)), RNG.normal(size=(60, 2)), extractor="a named network"))
    assert "k = 3, a named network: 2 features, 50 real and 60 generated" in text and "±" in text
