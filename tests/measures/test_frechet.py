"""The Fréchet distance against closed forms, another library and its own spread."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from pofx.measures.frechet import SmallSampleWarning, frechet_distance

RNG = np.random.default_rng(0)


def with_moments(mean, covariance, n, seed=0):
    """Rows whose sample mean and covariance are exactly these."""
    d = len(mean)
    rows = np.random.default_rng(seed).normal(size=(n, d))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T).reshape(d, d))).T
    return rows @ np.linalg.cholesky(np.asarray(covariance, dtype=float)).T + mean


def random_covariance(d, seed):
    A = np.random.default_rng(seed).normal(size=(d, d))
    return A @ A.T + 0.1 * np.eye(d)


def test_one_dimension():
    """(mu_1 - mu_2)^2 + (sigma_1 - sigma_2)^2."""
    x, y = with_moments([1.0], [[4.0]], 50), with_moments([-2.0], [[0.25]], 70, 1)
    result = frechet_distance(x, y)
    assert result.value == pytest.approx(9 + 1.5**2, rel=1e-12)
    assert (result.mean_part, result.covariance_part) == pytest.approx((9, 2.25), rel=1e-12)


def test_commuting_covariances():
    """Sum over the axes of (sigma_1 - sigma_2)^2."""
    basis = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    first, second = np.array([1.0, 4.0, 9.0, 0.01]), np.array([4.0, 1.0, 0.25, 0.04])
    x, y = (with_moments(np.zeros(4), basis @ np.diag(v) @ basis.T, 60, i) for i, v in enumerate((first, second)))
    assert frechet_distance(x, y).value == pytest.approx(np.sum((np.sqrt(first) - np.sqrt(second)) ** 2), rel=1e-9)


def test_against_the_root_of_the_product():
    S1, S2 = random_covariance(6, 1), random_covariance(6, 2)
    mean = np.arange(6) / 3
    expected = mean @ mean + np.trace(S1 + S2) - 2 * np.trace(sqrtm(S1 @ S2)).real
    x, y = with_moments(np.zeros(6), S1, 40), with_moments(mean, S2, 55, 1)
    assert frechet_distance(x, y).value == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(y, x).value == pytest.approx(expected, rel=1e-9)


def test_equal_sets_have_none_also_where_the_covariance_is_singular():
    x = RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 20)) * 1e3
    # Rounding of a trace of 1e7 in float64.
    assert 0 <= frechet_distance(x, x).value < 1e-6


def test_the_standard_error_is_the_spread_over_draws():
    S1, S2 = random_covariance(3, 3), random_covariance(3, 4)
    L1, L2 = np.linalg.cholesky(S1), np.linalg.cholesky(S2)
    rng = np.random.default_rng(1)
    results = [
        frechet_distance(rng.normal(size=(400, 3)) @ L1.T, rng.normal(size=(300, 3)) @ L2.T + 0.5) for _ in range(200)
    ]
    spread = np.std([result.value for result in results], ddof=1)
    told = np.mean([result.standard_error for result in results])
    # The logarithm of a spread over n draws has a standard error of about 1 / sqrt(2 (n - 1)).
    assert abs(np.log(told / spread)) < 4 / np.sqrt(2 * 199)


def test_the_standard_error_is_that_of_the_jackknife():
    """sum over either set of the squared changes when an entry is left out, of skewed laws, whose mean and variance
    move together, with covariances that do not commute. The two estimates differ by a part of order 1/n."""
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    x = rng.exponential(size=(200, 3)) * [2.0, 0.4, 1.0]
    y = rng.exponential(size=(150, 3)) * [0.3, 3.0, 1.0] @ basis
    y += x.mean(axis=0) - y.mean(axis=0) + [0.5, 0.0, -0.5]
    without_x = [frechet_distance(np.delete(x, i, axis=0), y).value for i in range(200)]
    without_y = [frechet_distance(x, np.delete(y, i, axis=0)).value for i in range(150)]
    of_x, of_y = 199**2 / 200 * np.var(without_x, ddof=1), 149**2 / 150 * np.var(without_y, ddof=1)
    assert frechet_distance(x, y).standard_error == pytest.approx(np.sqrt(of_x + of_y), rel=0.01)
    assert min(of_x, of_y) > 0.3 * (of_x + of_y)  # neither set's part is lost in the other's


def test_the_standard_error_in_one_dimension():
    """The variance of 2 (m_1 - m_2) (x - m_1) + (1 - s_2 / s_1) (x - m_1)^2 over n, and the same of the other set."""
    x, y = np.array([0.0, 1.0, 5.0, 2.0]), np.array([3.0, -1.0, 7.0])
    variance = 0.0
    for one, other in ((x, y), (y, x)):
        centred = one - one.mean()
        ratio = other.std(ddof=1) / one.std(ddof=1)
        influence = 2 * (one.mean() - other.mean()) * centred + (1 - ratio) * centred**2
        variance += influence.var(ddof=1) / len(one)
    assert frechet_distance(x[:, None], y[:, None]).standard_error == pytest.approx(np.sqrt(variance), rel=1e-12)


def test_a_covariance_that_is_singular_costs_no_digits():
    """Of rows within a plane of four of 40 dimensions, however it is turned, the other set's rows being everywhere."""
    rng = np.random.default_rng(6)
    flat, rows = np.zeros((400, 40)), rng.normal(size=(400, 40))
    flat[:, :4] = rng.normal(size=(400, 4)) * 3
    S1, S2 = np.cov(flat[:, :4].T), np.cov(rows.T)
    root = np.real(sqrtm(S1))
    between = np.sqrt(np.linalg.eigvalsh(root @ S2[:4, :4] @ root)).sum()
    truth = np.sum((flat.mean(axis=0) - rows.mean(axis=0)) ** 2) + np.trace(S1) + np.trace(S2) - 2 * between
    turned = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    assert frechet_distance(flat @ turned, rows @ turned).value == pytest.approx(truth, rel=1e-12)
    assert frechet_distance(rows @ turned, flat @ turned).value == pytest.approx(truth, rel=1e-12)


def test_the_bias_is_what_is_told():
    """tr(S) (1 + (d + 1) / 4) (1/n + 1/m) for two sets of one round law."""
    rng = np.random.default_rng(7)
    found = [frechet_distance(2 * rng.normal(size=(200, 10)), 2 * rng.normal(size=(300, 10))).value for _ in range(100)]
    told = 40 * (1 + 11 / 4) * (1 / 200 + 1 / 300)
    assert abs(np.mean(found) - told) < 4 * np.std(found) / 10 + 0.02 * told


def test_against_torchmetrics():
    pytest.importorskip("torchmetrics")
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flat(torch.nn.Module):
        num_features = 6

        def forward(self, images):
            return images.flatten(1).double() / 17

    first, second = (torch.randint(0, high, (300, 3, 1, 2), dtype=torch.uint8) for high in (200, 256))
    other = FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 1, 2)).set_dtype(torch.float64)
    other.update(first, real=True)
    other.update(second, real=False)
    ours = frechet_distance(Flat()(first).numpy(), Flat()(second).numpy())
    assert ours.value == pytest.approx(float(other.compute()), rel=1e-6)


def test_too_few_for_the_features_is_told():
    with pytest.warns(SmallSampleWarning, match="8 entries for 8 features"):
        frechet_distance(RNG.normal(size=(50, 8)), RNG.normal(size=(8, 8)))
    frechet_distance(RNG.normal(size=(9, 8)), RNG.normal(size=(50, 8)))
    with pytest.warns(SmallSampleWarning, match="5 entries for 8 features"):
        result = frechet_distance(RNG.normal(size=(5, 8)), RNG.normal(size=(50, 8)))
    assert np.isfinite([result.value, result.standard_error]).all()
    with pytest.raises(ValueError, match="at least 2 rows"):
        frechet_distance(RNG.normal(size=(1, 8)), RNG.normal(size=(50, 8)))


def test_a_result_says_what_it_is():
    text = str(frechet_distance(RNG.normal(size=(50, 2)), RNG.normal(size=(60, 2)), extractor="a named network"))
    assert "on a named network (2 features, 50 real and 60 generated)" in text and "±" in text


@pytest.mark.parametrize(("n", "m"), [(9, 7), (3, 2), (15, 15)])
def test_many_features_of_few_entries_cost_roots_of_small_matrices(n, m, monkeypatch):
    """Turned into their span: the distance of the definition, and no (d, d) matrix."""
    d = 40
    x, y = RNG.normal(size=(n, d)) * np.linspace(0.1, 3, d) + 50, RNG.normal(size=(m, d)) + 51
    first, second = np.cov(x.T), np.cov(y.T)
    root = np.linalg.eigvals(first @ second).real.clip(0)
    by_definition = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(first + second) - 2 * np.sqrt(root).sum()
    sizes, eigh = [], np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda matrix: sizes.append(len(matrix)) or eigh(matrix))
    with pytest.warns(SmallSampleWarning, match="40 features"):
        result = frechet_distance(x, y)
    assert result.value == pytest.approx(by_definition, rel=1e-6)
    assert result.n_features == d and max(sizes) <= n + m


def test_the_error_does_not_depend_on_how_many_features_say_nothing():
    """More columns that are zero take the other way; neither the distance nor its error change."""
    x, y = RNG.normal(size=(12, 5)), RNG.normal(size=(11, 5)) + 0.5
    wide = [np.pad(rows, ((0, 0), (0, 60))) for rows in (x, y)]
    with pytest.warns(SmallSampleWarning):
        found = frechet_distance(*wide)
    narrow = frechet_distance(x, y)
    assert (found.value, found.standard_error) == pytest.approx((narrow.value, narrow.standard_error), rel=1e-9)
