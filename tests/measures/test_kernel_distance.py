"""The kernel distance against a loop over pairs, another library and the truth."""

import numpy as np
import pytest
import torch

from pofx.measures.kernel_distance import kernel_distance, squared_mmd

RNG = np.random.default_rng(0)


def by_pairs(x, y):
    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_against_a_loop_over_pairs():
    x, y = RNG.normal(size=(9, 3)), RNG.normal(size=(7, 3)) + 0.5
    assert squared_mmd(x, y) == pytest.approx(by_pairs(x, y), rel=1e-12)


def test_the_truth_in_one_dimension():
    """With k = (xy + 1)^3 and the moments of both laws: E k = sum_j C(3, j) m_j m'_j."""
    shift = 0.7
    powers = np.array([1, 3, 3, 1])
    p, q = np.array([1, 0, 1, 0]), np.array([1, shift, 1 + shift**2, shift**3 + 3 * shift])
    truth = powers @ (p * p + q * q - 2 * p * q)
    result = kernel_distance(RNG.normal(size=(20_000, 1)), RNG.normal(size=(20_000, 1)) + shift)
    assert (result.n_blocks, result.block_size) == (20, 1000)
    assert abs(result.value - truth) < 4 * result.standard_error
    assert result.standard_error < 0.05 * truth


def test_one_law_against_itself_is_unbiased_and_of_both_signs():
    results = [kernel_distance(RNG.normal(size=(40, 4)), RNG.normal(size=(40, 4))) for _ in range(200)]
    values = np.array([result.value for result in results])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(200)
    assert values.min() < 0 < values.max()
    # Blocks are disjoint, so that their spread gives the error of the mean. Its square is unbiased: that is averaged.
    told = np.sqrt(np.mean([result.standard_error**2 for result in results]))
    assert abs(np.log(told / values.std(ddof=1))) < 0.3


def test_the_error_of_two_blocks_is_that_of_the_mean_of_two():
    results = [kernel_distance(RNG.normal(size=(40, 4)), RNG.normal(size=(40, 4)), n_blocks=2) for _ in range(1000)]
    told = np.sqrt(np.mean([result.standard_error**2 for result in results]))
    assert abs(np.log(told / np.std([result.value for result in results]))) < 0.15


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`")
def test_against_torchmetrics():
    pytest.importorskip("torchmetrics")
    from torchmetrics.image.kid import KernelInceptionDistance

    class Flat(torch.nn.Module):
        num_features = 6

        def forward(self, images):
            return images.flatten(1).double() / 100

    first, second = (torch.randint(0, high, (80, 3, 1, 2), dtype=torch.uint8) for high in (200, 256))
    other = KernelInceptionDistance(feature=Flat(), subsets=2, subset_size=80)
    other.update(first, real=True)
    other.update(second, real=False)
    ours = kernel_distance(Flat()(first).numpy(), Flat()(second).numpy(), n_blocks=1)
    assert ours.value == pytest.approx(float(other.compute()[0]), rel=1e-5)
    assert np.isnan(ours.standard_error)


def test_blocks_that_cannot_be_are_refused():
    x = RNG.normal(size=(5, 2))
    for n_blocks in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match=f"n_blocks must be a whole number of at least 1, not {n_blocks}"):
            kernel_distance(x, x, n_blocks=n_blocks)
    with pytest.raises(ValueError, match="n_blocks=3 blocks cannot be made of 5 rows"):
        kernel_distance(x, x, n_blocks=3)
    assert kernel_distance(x, x[:4]).n_blocks == 2


def test_a_result_says_what_it_is():
    text = str(kernel_distance(RNG.normal(size=(50, 2)), RNG.normal(size=(60, 2)), extractor="a named network"))
    assert "a named network (2 features, 10 blocks of 5 real and generated)" in text and "±" in text
