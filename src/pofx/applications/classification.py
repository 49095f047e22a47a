"""Bayes' rule: from p(x|y) to p(y|x), and how sure its probabilities may be.

Shapes: n images, K classes.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

Floats = NDArray[np.float64]
#: Limits of the logarithm of the temperature: probabilities of images have ratios of hundreds of nats.
LOG_TEMPERATURES = (-5.0, 12.0)
#: How near to a limit the search ends that finds nothing better than it.
AT_A_LIMIT = 1e-3


def class_posterior(log_p_x_given_y_NK: Floats, log_prior_K: Floats, temperature: float = 1.0) -> Floats:
    """log p(y|x) = log p(x|y) + log p(y) - log sum_y' p(x|y') p(y'), (n, K), nats.

    Args:
        log_p_x_given_y_NK: log p(x|y) of each image in each class. log_prior_K: log p(y), -inf for what cannot be.
        temperature: T of p_T(y|x), in proportion to (p(x|y) p(y))^(1/T); 1 is Bayes' rule.
    """
    return np.asarray(log_softmax((log_p_x_given_y_NK + log_prior_K) / temperature, axis=1))


def fitted_temperature(joint_NK: Floats, codes: NDArray[np.int64]) -> float:
    """The T that maximises the mean of log p_T(y|x) of images of known class, see `class_posterior`.

    A model's p(y|x) is as sure as its p(x|y) differ, and those add up over all sub-pixels what small errors of the
    model there are: T > 1 takes that back. It changes no order of the classes of an image (Guo et al. 2017, arXiv
    1706.04599, section 4.2). Where every one of these images is named right, nothing says how seldom an image is
    not, and the likelihood would be greatest at T = 0: there T is at least 1. Of a single class every T says the same,
    and T is 1.

    Args:
        joint_NK: log p(x|y) + log p(y) of images that the model was not fitted to. codes: class numbers, (n,).

    Warns:
        UserWarning: the likelihood still rises at a limit of T (`LOG_TEMPERATURES`).
    """
    if joint_NK.shape[1] == 1:
        return 1.0

    def loss(log_temperature: float) -> float:
        log_posterior_NK = log_softmax(joint_NK / np.exp(log_temperature), axis=1)
        return -float(log_posterior_NK[np.arange(len(codes)), codes].mean())

    all_right = bool((joint_NK.argmax(axis=1) == codes).all())
    bounds = (0.0, LOG_TEMPERATURES[1]) if all_right else LOG_TEMPERATURES
    found = float(minimize_scalar(loss, bounds=bounds, method="bounded").x)
    if min(abs(found - limit) for limit in LOG_TEMPERATURES) < AT_A_LIMIT:
        warnings.warn(
            f"the temperature that fits the held-out images best, {np.exp(found):.3g}, is at a limit of the search: "
            "their probabilities do not say which class is right. Give more images with labels, or calibrated=False",
            UserWarning,
            stacklevel=4,
        )
    return float(np.exp(found))
