"""`VAE.complete` and `VAE.log_prob_of_unknown` against p(x_u | x_k) of models small enough to count out."""

import math

import numpy as np
import pytest
import torch
from quadrature import IMAGES, SPACING, different_images, grid, log_p, tiny_vae
from scipy.stats import chisquare

import pofx
from pofx.families.variational import collapsed_chain, completion, image_groups, known_evidence
from pofx.families.variational.bounds import log_joint_of
from pofx.families.variational.completion import Problem, masked_log_likelihood, unsettled

UPPER = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)
SCATTERED = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]], dtype=bool)
IMAGE = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]], dtype=np.uint8)
PRIORS = {
    "normal": {},
    "flow": {"prior": "flow", "prior_depth": 2, "prior_width": 8},
    "mixture": {"prior": "mixture", "prior_components": 3},
    "vamp": {"prior": "vamp", "prior_components": 5},
}


#: Of chains on images of nine pixels.
STEPS = {"metropolis": 20, "hamiltonian": 8}
both_methods = pytest.mark.parametrize("method", STEPS)


def conditional_law(images, log_probs, image, mask):
    """The images that agree with this one where it is known, and p of each among them."""
    agree = (images[:, mask] == image[mask]).all(axis=1)
    p = np.exp(log_probs[agree])
    return images[agree], p / p.sum()


def p_value(completed, images, p):
    """Of a chi-square test that these are draws from p; rare images are taken as one."""
    numbers = {image.tobytes(): i for i, image in enumerate(images)}
    counts = np.bincount([numbers[one.tobytes()] for one in completed], minlength=len(p))
    common = p * len(completed) >= 10
    assert common.sum() >= 4, "the law is too narrow to test"
    observed, expected = (np.append(v[common], v[~common].sum()) for v in (counts, p * len(completed)))
    keep = expected > 1
    return float(chisquare(observed[keep], expected[keep] * observed[keep].sum() / expected[keep].sum()).pvalue)


def repeated(image, n=640):
    return np.repeat(image[None], n, axis=0)


# ---- the law of completions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "mask", "method"),
    [
        ("normal", UPPER, "metropolis"),
        ("normal", UPPER, "hamiltonian"),
        ("normal", SCATTERED, "hamiltonian"),
        ("mixture", UPPER, "hamiltonian"),
        ("vamp", UPPER, "metropolis"),
        ("flow", UPPER, "hamiltonian"),
    ],
)
def test_completions_follow_the_conditional(prior, mask, method):
    """Although q is far from p(z|x)."""
    model = tiny_vae(**PRIORS[prior])
    images, p = conditional_law(IMAGES, log_p(model, IMAGES), IMAGE, mask)
    completed = model.complete(repeated(IMAGE), mask, method=method, n_steps=STEPS[method], random_state=1)
    assert p_value(completed, images, p) > 1e-3


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_latents_of_hamiltonian_chains_follow_p_of_z_given_what_is_known(prior):
    """Mean and variance of each latent against the integral over a grid: narrower than the images' law can tell."""
    model, n = tiny_vae(**PRIORS[prior]), 500
    module, z_GL = model.module_, grid()
    x_NCHW = torch.from_numpy(repeated(IMAGE, n))[:, None]
    known_NCHW = torch.from_numpy(UPPER).expand(n, 1, 3, 3)
    problem = Problem(
        module, module.law(), module.prior.fixed_log_density(), x_NCHW, known_NCHW, None, None, discrete=True
    )
    with torch.no_grad():
        parameters = module.decode(z_GL, None)
        images, masks = (t[:1].expand(len(z_GL), 1, 3, 3) for t in (x_NCHW, known_NCHW))
        log_p_G = masked_log_likelihood(problem.law, parameters, images, masks) + module.prior.log_density(z_GL)
        weight_G1 = log_p_G.softmax(0)[:, None]
        streams = [torch.Generator().manual_seed(i) for i in range(n)]
        z_NL = collapsed_chain.run_collapsed_chains(problem, streams, n_steps=12, chunk=n).z_NL
    mean_L = (weight_G1 * z_GL).sum(0)
    variance_L = (weight_G1 * (z_GL - mean_L) ** 2).sum(0)
    assert ((z_NL.mean(0) - mean_L).abs() < 4 * (variance_L / n).sqrt()).all()
    assert ((z_NL.var(0) / variance_L - 1).abs() < 0.3).all()


def test_pseudo_gibbs_has_another_law():
    """And this test tells: what accepts all proposals of a wrong q does not pass it."""
    model = tiny_vae()
    images, p = conditional_law(IMAGES, log_p(model, IMAGES), IMAGE, UPPER)
    completed = model.complete(repeated(IMAGE), UPPER, method="pseudo_gibbs", n_steps=20, random_state=1)
    assert p_value(completed, images, p) < 1e-9


def test_where_nothing_is_known_it_draws_from_p():
    model = tiny_vae()
    completed = model.complete(repeated(IMAGE), np.zeros((3, 3), dtype=bool), n_steps=8, random_state=1)
    # Single images are too rare to be counted: those of the same corners are taken together.
    found, of_each = (images[:, ::2, ::2].reshape(-1, 4) @ [8, 4, 2, 1] for images in (completed, IMAGES))
    p = np.bincount(of_each, weights=np.exp(log_p(model, IMAGES)), minlength=16)
    assert chisquare(np.bincount(found, minlength=16), len(found) * p / p.sum()).pvalue > 1e-3


@both_methods
def test_completions_of_a_class_and_of_all_classes(method):
    """Without labels the law is that of sum_y p(y) p(x|y), whichever class the chain began with."""
    model = tiny_vae(conditional=True)
    of_class = [log_p(model, IMAGES, np.full(len(IMAGES), code)) for code in (0, 1)]
    marginal = np.logaddexp(*(of_class[k] + math.log(model.class_prior_[k]) for k in (0, 1)))
    words = {"method": method, "n_steps": STEPS[method], "random_state": 1}
    drawn = model.complete(repeated(IMAGE), UPPER, **words)
    given = model.complete(repeated(IMAGE), UPPER, np.ones(640, dtype=int), **words)
    for completed, log_probs in ((drawn, marginal), (given, of_class[1])):
        assert p_value(completed, *conditional_law(IMAGES, log_probs, IMAGE, UPPER)) > 1e-3
    assert p_value(drawn, *conditional_law(IMAGES, of_class[0], IMAGE, UPPER)) < 1e-3


@both_methods
def test_classes_are_drawn_in_every_step(method, monkeypatch):
    drawn, draw_classes = [], completion.draw_classes
    for module in (completion, collapsed_chain):
        monkeypatch.setattr(module, "draw_classes", lambda *rest: drawn.append(rest) or draw_classes(*rest))
    monkeypatch.setattr(collapsed_chain, "PSEUDO_STEPS", 2)
    tiny_vae(conditional=True).complete(IMAGES[:1], UPPER, method=method, n_steps=3, random_state=0)
    assert len(drawn) == {"metropolis": 3, "hamiltonian": 2 + 3}[method]


@pytest.fixture(scope="module")
def colours():
    """A VAE of single pixels in three colours that depend on one another, all pixels, and log p of each."""
    rng = np.random.default_rng(0)
    red = rng.integers(0, 3, size=300)
    noise = rng.integers(-1, 2, size=(2, 300)) * (rng.random((2, 300)) < 0.4)
    X = np.stack([red, (2 - red + noise[0]).clip(0, 2), (red + noise[1]).clip(0, 2)], axis=-1).astype(np.uint8)
    model = pofx.VAE(
        levels=3, latent_dim=2, width=12, depth=1, n_components=2, max_epochs=15, learning_rate=0.03,
        validation_fraction=0, ema_half_life=None, precision="float64", device="cpu", random_state=0,
    ).fit(X.reshape(300, 1, 1, 3))  # fmt: skip
    pixels = np.stack(np.meshgrid(*[np.arange(3, dtype=np.uint8)] * 3, indexing="ij"), axis=-1).reshape(27, 1, 1, 3)
    x_NCHW = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    joint = log_joint_of(model.module_, x_NCHW, None, discrete=True, chunk=1024)
    with torch.no_grad():
        log_probs = torch.logsumexp(joint(grid()[:, None].expand(-1, 27, -1)), 0) + 2 * math.log(SPACING)
    return model, pixels, log_probs.numpy()


@pytest.mark.parametrize(
    ("known", "method"),
    [((False, True, False), "hamiltonian"), ((False, True, False), "metropolis"), ((True, False, True), "hamiltonian")],
)
def test_a_known_colour_tells_of_those_before_it(colours, known, method):
    """Green is known, and red, on which green depends in the law of a pixel, is not."""
    model, pixels, log_probs = colours
    image, mask = np.array([[[0, 2, 1]]], dtype=np.uint8), np.array([[known]])
    images, p = conditional_law(pixels, log_probs, image, mask)
    completed = model.complete(repeated(image), mask, method=method, n_steps=STEPS[method], random_state=0)
    numbers = completed[:, 0, 0].astype(int) @ [9, 3, 1]
    expected = np.zeros(27)
    expected[images[:, 0, 0].astype(int) @ [9, 3, 1]] = p
    counts = np.bincount(numbers, minlength=27)
    common = expected * 640 >= 5
    assert common.sum() >= 2
    observed, wanted = counts[common], expected[common] * 640
    assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-3
    assert counts[~common].sum() < 40


def test_which_pixels_are_unsettled(colours):
    law = colours[0].module_.law()
    known = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]], dtype=torch.bool)[..., None, None]
    assert unsettled(law, known).flatten().tolist() == [False, False, False, True, True]
    assert not unsettled(tiny_vae().module_.law(), known[:, 1:2]).any()


# ---- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conditional", [False, True])
def test_an_image_gets_the_same_completion_whatever_it_is_completed_beside(conditional, monkeypatch):
    monkeypatch.setitem(image_groups.OUTPUTS, True, 9 * 7)
    model, X = tiny_vae(conditional=conditional), different_images(20)
    masks = np.random.default_rng(0).random(X.shape) < 0.5
    blank = np.where(masks, X, 9).astype(int)
    first = np.array([not any(np.array_equal(blank[i], blank[j]) for j in range(i)) for i in range(20)])
    X, masks = X[first], masks[first]
    together = model.complete(X, masks, n_steps=4, random_state=0)
    assert np.array_equal(model.complete(X[::-1], masks[::-1], n_steps=4, random_state=0)[::-1], together)
    assert np.array_equal(model.complete(X[5:6], masks[5:6], n_steps=4, random_state=0), together[5:6])
    monkeypatch.setitem(image_groups.OUTPUTS, True, 9 * 64)
    assert np.array_equal(model.complete(X, masks, n_steps=4, random_state=0), together)


def test_convolutions_give_the_same_completion_too():
    X = np.random.default_rng(0).integers(0, 4, size=(90, 16, 16)).astype(np.uint8)
    model = pofx.VAE(width=4, latent_dim=3, n_components=2, max_epochs=1, random_state=0, device="cpu").fit(X)
    mask = np.zeros((16, 16), dtype=bool)
    mask[:8] = True
    together = model.complete(X[:70], mask, n_steps=3, random_state=0)
    assert np.array_equal(model.complete(X[60:63], mask, n_steps=3, random_state=0), together[60:63])


def test_equal_images_get_different_completions():
    """What stands at unknown places does not make images different."""
    X = repeated(IMAGE, 40)
    X[20:, 2, 2] = 0
    completed = tiny_vae().complete(X, UPPER, n_steps=5, random_state=0)
    assert len(np.unique(completed, axis=0)) > 5
    assert np.array_equal(tiny_vae().complete(X[::-1], UPPER, n_steps=5, random_state=0), completed)


# ---- log p of what is unknown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", PRIORS)
def test_log_p_of_the_unknown_is_that_of_the_conditional(prior):
    model = tiny_vae(**PRIORS[prior])
    images, p = conditional_law(IMAGES, log_p(model, IMAGES), IMAGE, SCATTERED)
    result = model.log_prob_of_unknown(images, SCATTERED, n_samples=400)
    assert not result.is_exact
    assert (np.abs(result.value - np.log(p)) < 5 * result.std_error + 0.01).all()
    assert np.abs(result.value - np.log(p)).mean() < 0.1
    assert result.std_error.max() < 0.3
    assert np.array_equal(result.value[3:5], model.log_prob_of_unknown(images[3:5], SCATTERED, n_samples=400).value)


def test_of_a_class_and_of_all_classes():
    model = tiny_vae(conditional=True)
    of_class = [log_p(model, IMAGES, np.full(len(IMAGES), code)) for code in (0, 1)]
    marginal = np.logaddexp(*(of_class[k] + math.log(model.class_prior_[k]) for k in (0, 1)))
    for y, log_probs in ((None, marginal), (1, of_class[1])):
        images, p = conditional_law(IMAGES, log_probs, IMAGE, UPPER)
        labels = None if y is None else np.full(len(images), y)
        result = model.log_prob_of_unknown(images, UPPER, labels, n_samples=400)
        assert np.abs(result.value - np.log(p)).mean() < 0.1


def test_nothing_unknown_and_nothing_known():
    model, X = tiny_vae(), different_images(12)
    assert model.log_prob_of_unknown(X, np.ones((3, 3), bool)).value == pytest.approx(np.zeros(12), abs=0.15)
    nothing = model.log_prob_of_unknown(X, np.zeros((3, 3), bool)).value
    assert nothing == pytest.approx(log_p(model, X), abs=0.15)


@pytest.fixture
def few_chains(monkeypatch):
    """Where it does not matter how near the estimate comes."""
    monkeypatch.setattr(known_evidence, "COMPLETIONS", 1)
    monkeypatch.setattr(collapsed_chain, "PSEUDO_STEPS", 1)


@pytest.mark.parametrize("likelihood", ["normal", "auto"])
def test_real_numbers_have_a_density_in_their_unit(likelihood, few_chains):
    X = np.random.default_rng(0).normal(size=(100, 3, 3)) * 3 - 5
    words = {"latent_dim": 2, "width": 8, "depth": 1, "max_epochs": 2, "random_state": 0, "likelihood": likelihood}
    one, large = pofx.VAE(**words).fit(X), pofx.VAE(**words).fit(1024 * X)
    shift = (
        one.log_prob_of_unknown(X[:5], UPPER, n_samples=16).value
        - large.log_prob_of_unknown(1024 * X[:5], UPPER, n_samples=16).value
    )
    assert shift == pytest.approx(np.full(5, 5 * math.log(1024)), rel=1e-5)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_methods_and_steps_are_checked():
    for method in ("gibbs", "cached"):
        with pytest.raises(ValueError, match="method must be one of auto, hamiltonian, metropolis, pseudo_gibbs"):
            tiny_vae().complete(IMAGES[:2], UPPER, method=method)
    for n_steps in (0, 2.0, True):
        with pytest.raises(ValueError, match="n_steps must be an integer of at least 1"):
            tiny_vae().complete(IMAGES[:2], UPPER, n_steps=n_steps)
    with pytest.raises(ValueError, match="n_samples must be"):
        tiny_vae().log_prob_of_unknown(IMAGES[:2], UPPER, n_samples=0)


def test_a_known_colour_after_an_unknown_one_has_no_log_p(colours, few_chains):
    with pytest.raises(ValueError, match="Mask whole pixels"):
        colours[0].log_prob_of_unknown(colours[1][:2], np.array([[[False, True, False]]]))
    value = colours[0].log_prob_of_unknown(colours[1][:2], np.array([[[True, False, False]]])).value
    assert np.isfinite(value).all()
