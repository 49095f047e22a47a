"""`VAE.log_prob_bounds` on models whose log p(x) is known by quadrature or in closed form."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from quadrature import IMAGES, different_images, divergence_of_posterior, log_p, tiny_vae

import pofx
from pofx.data.toy import LinearGaussian
from pofx.families.variational import bound_settings, image_groups

PRIORS = {
    "normal": {},
    "flow": {"prior": "flow", "prior_depth": 2, "prior_width": 8},
    "mixture": {"prior": "mixture", "prior_components": 3},
    "vamp": {"prior": "vamp", "prior_components": 5},
}


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize("prior", PRIORS)
def test_bounds_are_below_log_p_and_rise_with_k(prior):
    """Mean ELBO <= mean IW_k <= mean log p, up to two standard errors."""
    model, X = tiny_vae(**PRIORS[prior]), different_images(160)
    truth = log_p(model, X)
    gaps = [truth - model.log_prob_bounds(X, method="elbo", n_samples=32).lower]
    gaps += [truth - model.log_prob_bounds(X, method="iw", n_samples=k).lower for k in (3, 256)]
    for looser, tighter in pairwise(gaps):
        mean, error = mean_and_error(looser - tighter)
        assert mean > 2 * error
    mean, error = mean_and_error(gaps[-1])
    assert -2 * error < mean < 0.1


@pytest.mark.parametrize("prior", ["normal", pytest.param("flow", marks=pytest.mark.slow)])
def test_the_gap_of_the_elbo_is_the_divergence_of_the_posterior(prior):
    """log p(x) - ELBO(x) = KL(q(z|x) || p(z|x)), the mean over images within 1e-3."""
    model = tiny_vae(moved=False, **PRIORS[prior])
    X = different_images(160)
    result = model.log_prob_bounds(X, method="elbo", n_samples=24_000)
    gap = log_p(model, X) - result.lower
    divergence = divergence_of_posterior(model, X)
    assert (divergence > 0).all()
    assert math.sqrt((result.std_error**2).sum()) / len(X) < 5e-4
    assert gap.mean() == pytest.approx(divergence.mean(), abs=1e-3)


@pytest.mark.parametrize("prior", PRIORS)
def test_annealing_meets_log_p(prior):
    """Mean within 0.02 nats of the quadrature: 8 chains, 40 temperatures, 3 leapfrog steps."""
    model = tiny_vae(**PRIORS[prior])
    X = different_images(64)
    result = model.log_prob_bounds(X, method="ais", n_samples=8, n_temperatures=40, n_leapfrog=3)
    assert result.lower.mean() == pytest.approx(log_p(model, X).mean(), abs=0.02)
    assert ((result.acceptance > 0.3) & (result.acceptance < 1)).all()


@pytest.mark.parametrize("method", ["elbo", "iw", "ais"])
def test_the_standard_error_is_that_of_an_estimate(method):
    """Over many seeds the estimates of an image have about the deviation that is told."""
    model = tiny_vae()
    X = IMAGES[[300, 37]]
    settings = {"n_samples": 200} if method != "ais" else {"n_samples": 8, "n_temperatures": 3, "n_leapfrog": 2}
    seeds = range(100 if method != "ais" else 60)
    results = [model.log_prob_bounds(X, method=method, **settings, random_state=seed) for seed in seeds]
    deviation = np.std([r.lower for r in results], axis=0, ddof=1)
    told = np.sqrt(np.mean([r.std_error**2 for r in results], axis=0))
    assert deviation / told == pytest.approx(np.ones(2), abs=0.35)


def test_one_draw_has_no_standard_error():
    for method in ("elbo", "iw"):
        result = tiny_vae().log_prob_bounds(IMAGES[:3], method=method, n_samples=1)
        assert np.isnan(result.std_error).all() and np.isfinite(result.lower).all()


@pytest.mark.parametrize("method", ["elbo", "iw", "ais"])
def test_an_image_gets_the_same_bits_whatever_it_is_scored_beside(method, monkeypatch):
    monkeypatch.setitem(image_groups.OUTPUTS, True, 9 * 40)
    model = tiny_vae()
    settings = {"n_samples": 10} if method != "ais" else {"n_samples": 4, "n_temperatures": 3, "n_leapfrog": 2}
    together = model.log_prob_bounds(IMAGES[:30], method=method, **settings)
    turned = model.log_prob_bounds(IMAGES[:30][::-1], method=method, **settings)
    alone = model.log_prob_bounds(IMAGES[7:8], method=method, **settings)
    for name in ("lower", "std_error"):
        assert np.array_equal(getattr(turned, name)[::-1], getattr(together, name))
        assert np.array_equal(getattr(alone, name), getattr(together, name)[7:8])
    other = model.log_prob_bounds(IMAGES[:30], method=method, **settings, random_state=1)
    assert not np.array_equal(other.lower, together.lower)


@pytest.mark.parametrize("n_samples", [600, 100, 7])
def test_draws_come_in_chunks_that_change_nothing_but_rounding(n_samples, monkeypatch):
    model, rows = tiny_vae(), []
    whole = model.log_prob_bounds(IMAGES[:5], method="iw", n_samples=n_samples)
    monkeypatch.setitem(image_groups.OUTPUTS, True, 9 * 16)
    decode = model.module_.decode

    def counted(z_NL, codes):
        rows.append(len(z_NL))
        return decode(z_NL, codes)

    monkeypatch.setattr(model.module_, "decode", counted)
    cut = model.log_prob_bounds(IMAGES[:5], method="iw", n_samples=n_samples)
    assert cut.lower == pytest.approx(whole.lower, abs=1e-12)
    assert cut.std_error == pytest.approx(whole.std_error, rel=1e-9)
    assert max(rows) <= 16


def test_an_image_is_encoded_once(monkeypatch):
    model, calls = tiny_vae(), []
    encode = model.module_.encode
    monkeypatch.setattr(model.module_, "encode", lambda u, codes: calls.append(len(u)) or encode(u, codes))
    monkeypatch.setitem(image_groups.OUTPUTS, True, 9)
    model.log_prob_bounds(IMAGES[:4], method="iw", n_samples=50)
    assert calls == [1] * 4


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_given_labels_bound_the_conditional():
    model = tiny_vae(conditional=True)
    X = different_images(120)
    y = np.arange(len(X)) % 2
    truth = log_p(model, X, y)
    assert model.log_prob_bounds(X, y, n_samples=400).lower.mean() == pytest.approx(truth.mean(), abs=0.02)
    annealed = model.log_prob_bounds(X[:32], y[:32], method="ais", n_samples=8, n_temperatures=40, n_leapfrog=3)
    assert annealed.lower.mean() == pytest.approx(truth[:32].mean(), abs=0.03)
    mean, error = mean_and_error(truth - model.log_prob_bounds(X, y, method="elbo").lower)
    assert mean > 2 * error


def test_without_labels_the_marginal_is_bounded():
    """log sum_y p(y) p(x|y) by quadrature: ELBO <= IW_k <= log p in the mean, and AIS meets it."""
    model = tiny_vae(conditional=True)
    X = different_images(160)
    parts = [log_p(model, X, np.full(len(X), code)) + np.log(model.class_prior_[code]) for code in (0, 1)]
    truth = np.logaddexp(*parts)
    gaps = [truth - model.log_prob_bounds(X, method="elbo").lower]
    gaps += [truth - model.log_prob_bounds(X, method="iw", n_samples=k).lower for k in (3, 400)]
    for looser, tighter in pairwise(gaps):
        mean, error = mean_and_error(looser - tighter)
        assert mean > -2 * error
    mean, error = mean_and_error(gaps[0] - gaps[-1])
    assert mean > 2 * error
    assert gaps[-1].mean() == pytest.approx(0, abs=0.02)
    annealed = model.log_prob_bounds(X[:32], method="ais", n_samples=8, n_temperatures=40, n_leapfrog=3)
    assert annealed.lower.mean() == pytest.approx(truth[:32].mean(), abs=0.03)


def test_the_standard_error_of_the_marginal():
    model, X = tiny_vae(conditional=True), different_images(2)
    for method in ("elbo", "iw"):
        results = [model.log_prob_bounds(X, method=method, n_samples=100, random_state=seed) for seed in range(100)]
        told = np.sqrt(np.mean([r.std_error**2 for r in results], axis=0))
        assert np.std([r.lower for r in results], axis=0) / told == pytest.approx(np.ones(2), abs=0.3)


def test_the_weights_of_the_classes_come_from_other_draws_than_the_bounds(monkeypatch):
    """One draw a class: sum_y r_y (log w_y + log p(y) - log r_y) has the mean that E[log w_y] gives with the same r_y.

    With weights from the same draw the sum would be the greater, the noisier log w_y is: r_y follows it.
    """
    model, X = tiny_vae(conditional=True), different_images(100)
    elbo_NK = np.stack(
        [model.log_prob_bounds(X, np.full(len(X), y), method="elbo", n_samples=2000).lower for y in (0, 1)], axis=1
    )
    joint_NK = elbo_NK + np.log(model.class_prior_)
    excess = []
    for seed in range(1000, 1040):
        monkeypatch.setattr(model, "seed_", seed)
        with torch.no_grad():
            joint = model._joint(torch.from_numpy(X).unsqueeze(1), discrete=True)
        log_r_NK = torch.log_softmax(joint, dim=1).numpy()
        expected = (np.exp(log_r_NK) * (joint_NK - log_r_NK)).sum(axis=1)
        excess.append(model.log_prob_bounds(X, method="elbo", n_samples=1).lower - expected)
    mean, error = mean_and_error(np.mean(excess, axis=1))
    assert abs(mean) < 3 * error
    assert error < 0.02


# ---- real numbers ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linear():
    """A linear VAE of real numbers, whose log p(x) is that of probabilistic PCA; its q has half the right variance."""
    X = np.random.default_rng(0).normal(size=(60, 6)) * 2 + 1
    model = pofx.VAE(
        architecture="mlp", depth=0, latent_dim=2, likelihood="normal", precision="float64", max_epochs=1,
        kl_warm_up=0, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether noise gives the latents something to say does not matter here
        model.fit(X)
    rng = np.random.default_rng(1)
    law = LinearGaussian(np.linalg.qr(rng.normal(size=(6, 2)))[0] * [0.8, 0.3], rng.normal(size=6) * 0.2, 0.15)
    decoder, encoder = model.module_.decoder.head, model.module_.encoder.head
    precision = 1 + (law.weights**2).sum(axis=0) / 0.15
    gain = law.weights.T / 0.15 / precision[:, None]
    with torch.no_grad():
        decoder.weight.zero_()
        decoder.weight[:6] = torch.from_numpy(law.weights)
        decoder.bias[:6] = torch.from_numpy(law.offset)
        decoder.bias[6:] = 0.5 * math.log(0.15)
        encoder.weight.zero_()
        encoder.weight[:2] = torch.from_numpy(gain)
        encoder.bias[:2] = torch.from_numpy(-gain @ law.offset)
        encoder.bias[2:] = torch.from_numpy(-np.log(2 * precision))
    return model, law, X


def test_a_density_is_in_the_unit_of_the_data(linear):
    model, law, X = linear
    grid = model.image_format_.grid
    truth = law.log_prob(grid.scaled(X)) - 6 * math.log(grid.scale)
    annealed = model.log_prob_bounds(X, method="ais", n_samples=16, n_temperatures=60, n_leapfrog=3)
    assert annealed.lower.mean() == pytest.approx(truth.mean(), abs=0.03)
    elbo = model.log_prob_bounds(X, method="elbo", n_samples=4000)
    # KL(q || p(z|x)) of two dimensions of half the variance.
    assert (truth - elbo.lower).mean() == pytest.approx(math.log(2) - 0.5, abs=0.01)


def test_a_certificate_of_a_density(linear):
    model, law, _ = linear
    grid = model.image_format_.grid
    certificate = model.certify(100, n_samples=4, n_temperatures=20, n_leapfrog=3)
    truth = law.log_prob(grid.scaled(certificate.images)) - 6 * math.log(grid.scale)
    for sign, estimates in ((1, certificate.lower), (-1, certificate.upper)):
        mean, error = mean_and_error(sign * (estimates - truth))
        assert -0.1 < mean < 2 * error


@pytest.mark.parametrize("kind", ["levels", "real numbers"])
def test_bounds_are_in_the_unit_of_score_samples(kind):
    """Many levels under the logistic mixture, and real numbers cut into steps."""
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(120, 1, 1))
    X = factor * np.linspace(-1, 1, 16).reshape(4, 4) + 0.1 * rng.normal(size=(120, 4, 4))
    X = np.clip(20 + 6 * X, 0, 40).astype(int) if kind == "levels" else X
    model = pofx.VAE(latent_dim=2, width=16, depth=1, max_epochs=30, learning_rate=0.01, random_state=0).fit(X)
    elbo = model.log_prob_bounds(X[:40], method="elbo", n_samples=64).lower
    mean, error = mean_and_error(elbo - model.score_samples(X[:40]))
    assert abs(mean) < 3 * error
    annealed = model.log_prob_bounds(X[:8], method="ais", n_samples=2, n_temperatures=10, n_leapfrog=2)
    assert np.isfinite(annealed.lower).all()
    certificate = model.certify(8, n_samples=2, n_temperatures=10, n_leapfrog=2)
    assert certificate.images.shape == (8, 4, 4) and certificate.images.dtype == X.dtype
    assert abs(certificate.lower_mean - model.log_prob_bounds(certificate.images, n_samples=200).lower.mean()) < 3


# ---- how it is called ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "exact"}, "method must be one of elbo, iw, ais"),
        ({"method": "elbo", "n_temperatures": 5}, "n_temperatures is no setting of method='elbo'"),
        ({"method": "iw", "n_leapfrog": 5}, "n_leapfrog is no setting of method='iw'"),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1"),
        ({"n_samples": 2.0}, "n_samples"),
        ({"method": "ais", "n_leapfrog": False}, "n_leapfrog"),
        ({"random_state": "x"}, "random_state"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        tiny_vae().log_prob_bounds(IMAGES[:2], **arguments)


def test_the_settings_are_told():
    model = tiny_vae()
    assert model.log_prob_bounds(IMAGES[:1]).settings == {"n_samples": 1000}
    assert model.log_prob_bounds(IMAGES[:1], method="elbo").settings == bound_settings.DEFAULT_SETTINGS["elbo"]
    result = model.log_prob_bounds(IMAGES[:1], method="ais", n_samples=2, n_temperatures=3)
    assert result.settings == {"n_samples": 2, "n_temperatures": 3, "n_leapfrog": 10} and result.method == "ais"
    assert model.log_prob_bounds(IMAGES[:1], n_samples=3).acceptance is None


def test_inference_mode_around_it_does_not_matter():
    model = tiny_vae()
    settings = {"method": "ais", "n_samples": 2, "n_temperatures": 3, "n_leapfrog": 2}
    with torch.inference_mode():
        inside = model.log_prob_bounds(IMAGES[:3], **settings)
        model.certify(2, n_samples=2, n_temperatures=3, n_leapfrog=2)
    assert np.array_equal(inside.lower, model.log_prob_bounds(IMAGES[:3], **settings).lower)
    assert all(parameter.grad is None for parameter in model.module_.parameters())


@pytest.mark.parametrize("method", ["iw", "ais"])
def test_progress_is_shown(method, monkeypatch, capsys):
    monkeypatch.setattr("pofx.engine.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("pofx.engine.counting.QUIET_SECONDS", 0.0)
    model = tiny_vae(verbose=False).set_params(verbose=True)
    try:
        settings = {"n_samples": 3} if method == "iw" else {"n_samples": 32, "n_temperatures": 4, "n_leapfrog": 1}
        model.log_prob_bounds(IMAGES[:6], method=method, **settings)
    finally:
        model.set_params(verbose=False)
    lines = capsys.readouterr().err.splitlines()
    whole = {"iw": "18 draws", "ais": "36 transitions"}[method]
    assert any(f"of {whole}" in line for line in lines)
    assert lines[-1].startswith(f"VAE: {whole} in")


def test_ctrl_c_comes_through(monkeypatch):
    model = tiny_vae()

    def interrupted(z_NL, codes):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model.module_, "decode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.log_prob_bounds(IMAGES[:2], method="ais")
    assert np.isfinite(model.score_samples(IMAGES[:2])).all()
