"""`VAE` with learned priors: bounds, samples, files, classes, and the diagnosis of its latents."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sklearn.datasets import load_digits
from test_networks import make_module

import pofx
from pofx.engine.phase import Batch
from pofx.families.variational import elbo, flow
from pofx.families.variational.priors import GaussianMixture, StandardNormal
from pofx.families.variational.reparameterization import reparameterize
from pofx.families.variational.statistics import active_units, activity, divergence_from_aggregate
from pofx.families.variational.training import elbo_terms, vae_phase
from pofx.files import model_file

LEARNED = {
    "flow": {"prior": "flow", "prior_depth": 2, "prior_width": 8},
    "vamp": {"prior": "vamp", "prior_components": 5},
    "mixture": {"prior": "mixture", "prior_components": 4},
}
SMALL = {"width": 16, "depth": 1, "latent_dim": 2, "batch_size": 32, "random_state": 0}
IMAGES = np.array(list(itertools.product([0, 1], repeat=4)), dtype=np.uint8).reshape(16, 2, 2)


class TooManyCouplings(BaseException):
    """What no handler of errors takes for one of a bad file."""


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module", params=LEARNED)
def conditional(request, digits):
    X, y = digits
    return pofx.VAE(**SMALL, **LEARNED[request.param], conditional=True, max_epochs=2).fit(X[:150], y[:150] % 3)


# ---- the divergence -----------------------------------------------------------------------------------------------


def test_the_estimate_is_the_closed_form_in_the_mean():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    z = reparameterize(mean, log_variance, torch.randn(40_000, 3, 4, generator=generator, dtype=torch.float64))
    single = torch.stack([elbo.kl_estimate(StandardNormal(4), mean, log_variance, part[None])[:, 0] for part in z[:9]])
    found = elbo.kl_estimate(StandardNormal(4), mean, log_variance, z)
    assert found.shape == (3, 1)
    expected = elbo.kl_divergence(mean, log_variance).sum(1)
    assert found[:, 0].tolist() == pytest.approx(expected.tolist(), abs=0.15)
    assert torch.allclose(elbo.kl_estimate(StandardNormal(4), mean, log_variance, z[:9])[:, 0], single.mean(0))


def test_the_estimate_is_nil_where_the_prior_is_the_posterior():
    prior = GaussianMixture(4, 1).double()
    z = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        mean, log_variance = prior.mean_KL.expand(3, 4), prior.log_variance_KL.expand(3, 4)
        assert elbo.kl_estimate(prior, mean, log_variance, z).abs().max() < 1e-12


@pytest.mark.parametrize(("free_bits", "expected"), [(0.0, None), (1000.0, 3000.0)])
def test_free_bits_of_a_learned_prior_are_those_of_all_dimensions_together(free_bits, expected):
    """latent_dim is 3: an allowance of 3,000 nats, which the KL is far below."""
    with torch.random.fork_rng():
        module = make_module(4, 4, prior="mixture", prior_components=2)
    phase = vae_phase(module, 16, beta=0.5, free_bits=free_bits, kl_warm_up=0.0)
    x = torch.arange(32).reshape(2, 1, 4, 4) % 4
    loss = phase.loss(Batch(x, None, step=0, progress=1.0, generator=torch.Generator().manual_seed(0)))
    kl = loss.terms["kl"].item() if expected is None else expected
    assert loss.total.item() == pytest.approx((0.5 * kl - loss.terms["reconstruction"].item()) / 16, rel=1e-5)


def test_free_bits_have_no_meaning_in_the_k_sample_bound(digits):
    with pytest.raises(ValueError, match=r"free_bits=0\.1 has no meaning with n_importance=2"):
        pofx.VAE(**SMALL, n_importance=2, free_bits=0.1).fit(digits[0][:20])


# ---- one model whose p(x) is known by quadrature ------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    """2 x 2 binary images, a mixture over one latent; and log p(x) of all 16 images by the trapezoidal rule."""
    rng = np.random.default_rng(0)
    strength = rng.choice([-2.0, 2.0], size=(300, 1, 1)) * np.array([[1.0, -1.0], [1.0, 0.5]])
    X = (rng.random((300, 2, 2)) < 1 / (1 + np.exp(-strength))).astype(np.uint8)
    parameters = SMALL | {"latent_dim": 1, "learning_rate": 0.01, "precision": "float64"}
    model = pofx.VAE(**parameters, prior="mixture", prior_components=3, max_epochs=40).fit(X)
    z = torch.linspace(-15, 15, 6001, dtype=torch.float64)[:, None]
    with torch.inference_mode():
        law, outputs = model.module_.law(), model.module_.decode(z, None)
        images = torch.from_numpy(IMAGES)[:, None]
        likelihood = torch.stack(
            [law.log_prob(outputs, image.expand(len(z), 1, 2, 2)).sum((1, 2, 3)) for image in images]
        )
        log_p = torch.logsumexp(likelihood + model.module_.prior.log_density(z) + np.log(30 / 6000), dim=1)
    return model, log_p.numpy()


def test_the_bound_with_a_learned_prior_is_one(tiny):
    model, log_p = tiny
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-6)
    noise = torch.randn(4000, 16, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.inference_mode():
        bound = elbo.elbo(*elbo_terms(model.module_, torch.from_numpy(IMAGES)[:, None], None, noise)).numpy()
    assert (bound < log_p + 0.03).all()  # 4,000 draws of z
    # Scores are unbiased estimates of that bound: their mean over 100 seeds is within four standard errors.
    scores = []
    for seed in range(100):
        model.seed_ = seed
        scores.append(model.score_samples(IMAGES))
    error = np.std(scores, axis=0) / 10
    assert (np.abs(np.mean(scores, axis=0) - bound) < 4 * error + 0.05).all()
    assert np.exp(log_p) @ np.mean(scores, axis=0) < np.exp(log_p) @ log_p


def test_samples_come_from_the_learned_prior(tiny):
    model, log_p = tiny
    samples = model.sample(50_000, random_state=0).reshape(-1, 4)
    counts = np.bincount(samples @ [8, 4, 2, 1], minlength=16)
    assert chisquare(counts, 50_000 * np.exp(log_p) / np.exp(log_p).sum()).pvalue > 0.001


# ---- the contract with classes, and files -------------------------------------------------------------------------


def test_a_conditional_model_answers_everything(conditional, digits):
    X, y = digits[0][:9], digits[1][:9] % 3
    given, marginal = conditional.score_samples(X, y), conditional.score_samples(X)
    assert np.isfinite(given).all() and np.isfinite(marginal).all()
    assert np.array_equal(conditional.score_samples(X[4:5]), marginal[4:5])  # whatever is scored beside
    values, _ = conditional.typicality_statistics(X)
    assert np.array_equal(values, conditional.typicality_statistics(X)[0]) and np.isfinite(values).all()
    assert conditional.sample(4, y=1, random_state=0).shape == (4, 64)
    assert conditional.reconstruct(X, sample=True, random_state=0).shape == X.shape
    assert {"active_units", "held_out_kl", "held_out_kl_0", "held_out_kl_1"} <= set(conditional.history_.columns)


def test_a_file_brings_the_prior_back(conditional, digits, tmp_path):
    loaded = pofx.load(conditional.save(tmp_path / "m.pofx"))
    X = digits[0][:5]
    assert np.array_equal(loaded.score_samples(X), conditional.score_samples(X))
    assert np.array_equal(loaded.sample(5, random_state=1), conditional.sample(5, random_state=1))
    for name in ("latent_importance_", "latent_activity_"):
        assert np.array_equal(getattr(loaded, name), getattr(conditional, name))


@pytest.mark.parametrize("size", [6, 10**15])
def test_a_file_that_claims_another_prior_is_refused(conditional, size, tmp_path, monkeypatch):
    """Before anything of that size is there: a petabyte cannot be allocated, and couplings are counted."""
    made = []

    class Counted(flow.AffineCoupling):
        def __init__(self, *arguments):
            made.append(1)
            if len(made) > 1_000:
                raise TooManyCouplings
            super().__init__(*arguments)

    monkeypatch.setattr(flow, "AffineCoupling", Counted)
    good = model_file.read(conditional.save(tmp_path / "good.pofx"))
    names = [name for name in ("prior_components", "prior_depth", "prior_width") if good.header.parameters[name]]
    assert names
    for changes in [{name: size} for name in names] + [{"prior": "normal", **dict.fromkeys(names)}]:
        header = model_file.ModelHeader(
            good.header.class_name, good.header.parameters | changes, good.header.state, good.header.provenance
        )
        path = model_file.write(tmp_path / "bad.pofx", header, good.tensors())
        with pytest.raises(pofx.ModelFileError):
            pofx.load(path)
    assert bool(made) == (conditional.prior == "flow")


# ---- the diagnosis --------------------------------------------------------------------------------------------------


def test_activity_and_divergence_by_hand():
    """Two images; dimension 0 tells them apart, dimension 1 does not."""
    mean = torch.tensor([[1.0, 3.0], [-1.0, 3.0]])
    log_variance = torch.log(torch.tensor([[0.1, 2.0], [0.3, 2.0]]))
    assert activity(mean, log_variance, relative=False).tolist() == [1.0, 0.0]
    assert activity(mean, log_variance, relative=True).tolist() == pytest.approx([1 / 1.2, 0.0])
    assert active_units(torch.tensor([0.01, 0.011, 0.5])) == 2
    # Moments: mean 0 and variance 1 + 0.2; mean 3 and variance 2, so that dimension 1 says nothing.
    expected = 0.5 * (np.log(1.2) - 0.5 * (np.log(0.1) + np.log(0.3)))
    assert divergence_from_aggregate(mean, log_variance).tolist() == pytest.approx([expected, 0.0], abs=1e-6)


def test_a_learned_prior_of_any_scale_tells_the_same_of_its_latents():
    """All latents a thousand times smaller, as a learned prior may have them: same shares, same divergences."""
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 50, 3, generator=generator, dtype=torch.float64)
    small = mean / 1000, log_variance - 2 * np.log(1000)
    assert torch.allclose(activity(*small, relative=True), activity(mean, log_variance, relative=True))
    assert torch.allclose(divergence_from_aggregate(*small), divergence_from_aggregate(mean, log_variance))


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_a_collapsed_posterior_is_told(prior, digits, monkeypatch):
    monkeypatch.setattr("pofx.families.variational.diagnosis.COLLAPSE_STEPS", 10)
    model = pofx.VAE(**SMALL, prior=prior, beta=1000.0, kl_warm_up=0.0, max_epochs=12, learning_rate=0.02)
    with pytest.warns(UserWarning, match="posterior collapsed.*0 of 2 dimensions active"):
        model.fit(digits[0][:300])
    assert model.history_["active_units"][-1] == 0 and model.posterior_collapsed_
    monkeypatch.setattr("pofx.families.variational.diagnosis.COLLAPSE_STEPS", 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(digits[0][:300])  # too short to tell


def test_latents_in_use_are_counted(digits):
    model = pofx.VAE(**(SMALL | {"width": 64}), max_epochs=15).fit(digits[0][:600])
    assert model.latent_activity_.shape == (2,)
    assert model.history_["active_units"][-1] == 2 == active_units(torch.from_numpy(model.latent_activity_))
    assert model.history_["held_out_kl"][-1] == pytest.approx(model.latent_importance_.sum(), rel=0.3)
    # Var_x(mu_j) + mean sigma_j^2 is about the prior's 1 where the dimension is used.
    means = model.transform(digits[0][:600])
    assert means.var(axis=0) == pytest.approx(model.latent_activity_, rel=0.2)
