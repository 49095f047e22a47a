"""Training through the marginal over classes: values and gradients against the sum over classes itself."""

import pytest
import torch

from pofx.distributions.classes import LABELS_ALONE, at_first_labelled, impute, of_every_class

LOG_PRIOR = torch.log(torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64))


def log_p(x, codes, weights):
    """log p(x|y) of a number under a normal law whose mean is the weight of the class."""
    return -0.5 * (x.double() - weights[codes]) ** 2


def test_every_class_is_asked_and_labels_that_there_are_stay():
    weights = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    x, codes = torch.tensor([0.3, 1.9, 0.7]), torch.tensor([1, -1, 2])

    def conditional(positions):
        assert positions.tolist() == [1]
        return of_every_class(x[positions], 3, lambda v, c: log_p(v, c, weights))

    drawn, correction = impute(codes, LOG_PRIOR, conditional, torch.Generator().manual_seed(0))
    assert drawn[0] == 1 and drawn[2] == 2 and drawn[1] >= 0
    assert correction[0] == correction[2] == 0.0


def test_whichever_class_is_drawn_the_value_is_the_marginal():
    weights = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    x = torch.linspace(-2, 4, 200)
    joint = of_every_class(x, 3, lambda v, c: log_p(v, c, weights)) + LOG_PRIOR
    for seed in range(3):
        drawn, correction = impute(
            torch.full((200,), -1), LOG_PRIOR, lambda p: joint[p] - LOG_PRIOR, torch.Generator().manual_seed(seed)
        )
        torch.testing.assert_close(log_p(x, drawn, weights) + correction, torch.logsumexp(joint, 1))


def test_the_mean_gradient_is_that_of_the_marginal():
    weights = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.4]).expand(40_000)
    joint = of_every_class(x[:1], 3, lambda v, c: log_p(v, c, weights)) + LOG_PRIOR
    (expected,) = torch.autograd.grad(torch.logsumexp(joint, 1).sum(), weights)
    drawn, correction = impute(
        torch.full((len(x),), -1), LOG_PRIOR,
        lambda p: of_every_class(x[p], 3, lambda v, c: log_p(v, c, weights)), torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert not correction.requires_grad
    (found,) = torch.autograd.grad((log_p(x, drawn, weights) + correction).mean(), weights)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0.0)


def test_at_first_only_labelled_images_teach():
    x, codes = torch.arange(4.0), torch.tensor([-1, 2, -1, 0])
    early = at_first_labelled(x, codes, LABELS_ALONE / 2)
    assert early[0].tolist() == [1.0, 3.0] and early[1].tolist() == [2, 0]
    for progress, given in ((LABELS_ALONE, codes), (0.0, torch.full((4,), -1))):
        later = at_first_labelled(x, given, progress)
        assert later[0] is x and later[1] is given


@pytest.mark.parametrize("n", [0, 5])
def test_a_batch_in_which_all_have_a_label_asks_nothing(n):
    codes = torch.arange(n) % 3

    def never(positions):
        raise AssertionError("asked without need")

    drawn, correction = impute(codes, LOG_PRIOR, never, torch.Generator())
    assert drawn is codes and correction.tolist() == [0.0] * n
