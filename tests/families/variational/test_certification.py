"""Bidirectional Monte Carlo on models whose log p(x) is known by quadrature."""

import copy
import math

import numpy as np
import pytest
from quadrature import log_p, tiny_vae

MODELS = {
    "normal": {},
    "flow": {"prior": "flow", "prior_depth": 2, "prior_width": 8},
    "mixture": {"prior": "mixture", "prior_components": 3},
    "conditional": {"conditional": True},
}
SETTINGS = {"n_samples": 4, "n_temperatures": 12, "n_leapfrog": 3}


def truth(model, certificate):
    codes = None if certificate.labels is None else np.searchsorted(model.classes_, certificate.labels)
    return log_p(model, certificate.images, codes)


def check(model, certificate):
    """Means on either side of the truth within two standard errors of the differences; intervals that cover."""
    below, above = certificate.lower - truth(model, certificate), certificate.upper - truth(model, certificate)
    n = len(below)
    assert below.mean() < 2 * below.std() / math.sqrt(n)
    assert above.mean() > -2 * above.std() / math.sqrt(n)
    low, high = certificate.interval.T
    covered = ((low <= truth(model, certificate)) & (truth(model, certificate) <= high)).mean()
    rate = certificate.confidence
    assert covered >= rate - 2 * math.sqrt(rate * (1 - rate) / n)


@pytest.mark.parametrize("name", MODELS)
def test_the_means_enclose_the_truth(name):
    model = tiny_vae(**MODELS[name])
    certificate = model.certify(200, **SETTINGS, confidence=0.6)
    check(model, certificate)
    assert -2 * certificate.gap_std_error < certificate.gap < 0.2


def test_a_short_run_has_a_gap_that_a_long_one_closes():
    """Two temperatures: both sides are well away from the truth, and far more than their errors."""
    model = tiny_vae()
    short = model.certify(200, n_samples=1, n_temperatures=2, n_leapfrog=2, random_state=3)
    below, above = short.lower - truth(model, short), short.upper - truth(model, short)
    for gap in (-below, above):
        assert gap.mean() > 4 * gap.std() / math.sqrt(len(gap))
    long = model.certify(200, n_samples=4, n_temperatures=60, n_leapfrog=3, random_state=3)
    assert long.gap < 0.2 * short.gap
    assert np.array_equal(long.images, short.images)


def test_the_result_tells_its_numbers():
    certificate = tiny_vae().certify(12, n_samples=2, n_temperatures=4, n_leapfrog=2, confidence=0.9)
    assert certificate.lower.shape == certificate.upper.shape == certificate.acceptance.shape == (12,)
    assert certificate.images.shape == (12, 3, 3) and certificate.labels is None
    assert certificate.gap == pytest.approx(certificate.upper_mean - certificate.lower_mean)
    difference = certificate.upper - certificate.lower
    assert certificate.gap_std_error == pytest.approx(difference.std(ddof=1) / math.sqrt(12))
    assert certificate.lower_std_error == pytest.approx(certificate.lower.std(ddof=1) / math.sqrt(12))
    assert certificate.upper_std_error == pytest.approx(certificate.upper.std(ddof=1) / math.sqrt(12))
    assert certificate.interval[:, 0] == pytest.approx(certificate.lower - math.log(20))
    assert certificate.interval[:, 1] == pytest.approx(certificate.upper + math.log(20))
    statement = certificate.statement
    for part in ("12 images simulated", "2 chains, 4 temperatures and 2 leapfrog", "0.9;", "Not certified", "2.996"):
        assert part in statement
    for number in (certificate.lower_mean, certificate.upper_mean, certificate.gap, certificate.gap_std_error):
        assert f"{number:.3f}" in statement
    assert "log p(x|y)" not in statement
    most = max(certificate.gap, 0) + 2 * certificate.gap_std_error
    assert f"hardly by more than {most:.3f} (two standard errors)" in statement
    alone = tiny_vae().certify(1, n_samples=2, n_temperatures=2, n_leapfrog=1).statement
    assert "On 1 image simulated" in alone and "nan" not in alone and "one image does not tell" in alone
    conditional = tiny_vae(conditional=True).certify(3, n_samples=2, n_temperatures=2, n_leapfrog=1)
    assert "log p(x|y)" in conditional.statement and conditional.labels.shape == (3,)


def test_the_same_seed_gives_the_same_certificate():
    model = tiny_vae()
    one, same, other = (model.certify(9, **SETTINGS, random_state=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.lower, same.lower) and np.array_equal(one.upper, same.upper)
    assert not np.array_equal(one.lower, other.lower)


def test_equal_images_are_different_draws():
    """Of 3 x 3 binary images some come twice: their estimates must not be the same number."""
    certificate = tiny_vae().certify(60, **SETTINGS)
    rows = certificate.images.reshape(60, -1)
    _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    assert (counts > 1).any() and len(first) < 60
    assert len(np.unique(certificate.lower)) == 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n_images": 0}, "n_images"),
        ({"n_temperatures": 0}, "n_temperatures"),
        ({"n_samples": 1.5}, "n_samples"),
        ({"n_leapfrog": True}, "n_leapfrog"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        tiny_vae().certify(**arguments)


def test_the_pilot_has_noise_of_its_own(monkeypatch):
    """Step sizes that knew of the weighted chains, or of the exact draw, would break the bound."""
    from pofx.families.variational import evidence

    met = []

    def spy(*given, noise, pilot_noise, **settings):
        met.append((copy.deepcopy(noise), copy.deepcopy(pilot_noise)))
        return real(*given, noise=noise, pilot_noise=pilot_noise, **settings)

    model = tiny_vae(conditional=True)
    images = model.sample(3, y=model.classes_[0], random_state=0)
    for name, run in (
        ("bidirectional_monte_carlo", lambda: model.certify(3, **SETTINGS)),
        ("annealed_importance_sampling", lambda: model.log_prob_bounds(images, method="ais", **SETTINGS)),
    ):
        real = getattr(evidence, name)
        monkeypatch.setattr(evidence, name, spy)
        run()
    assert len(met) == 1 + len(model.classes_)  # of unlabelled images the bound goes through all classes
    for noise, pilot_noise in met:
        for one, other in zip(noise.normal(3).flatten(1), pilot_noise.normal(3).flatten(1), strict=True):
            assert (one != other).all()
