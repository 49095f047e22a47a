"""`GAN.complete`: what ascends, from where, and what is left as it was."""

import numpy as np
import pytest
import torch

import pofx
from pofx.families.adversarial import completing
from pofx.families.adversarial.completion import LEAST_VARIANCE, Problem, _starts, complete_images, fit

LEFT = np.zeros((4, 4), dtype=bool)
LEFT[:, :2] = True


def bars(n=240, seed=0):
    """Images of one gray each, in two classes: dark and light."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, size=n)
    shade = np.where(y == 1, rng.integers(10, 15, size=n), rng.integers(1, 6, size=n))
    return np.broadcast_to(shade[:, None, None], (n, 4, 4)).astype(np.uint8).copy(), y


def fitted(**words):
    X, y = bars()
    settings = {"levels": 16, "width": 24, "depth": 1, "latent_dim": 3, "max_epochs": 40, "random_state": 0}
    return pofx.GAN(**settings | words).fit(X, y if words.get("conditional") else None)


@pytest.fixture(scope="module")
def plain():
    return fitted()


@pytest.fixture(scope="module")
def conditional():
    return fitted(conditional=True, encoder=True)


def problem_of(model, X, mask, codes=None, log_prior_K=None, realism=1.0):
    u_NCHW = model.module_.scaled(torch.from_numpy(X).unsqueeze(1))
    known_NCHW = torch.from_numpy(np.broadcast_to(mask, X.shape).copy()).unsqueeze(1)
    return Problem(model.module_, u_NCHW, known_NCHW, codes, log_prior_K, realism)


def test_what_ascends(plain):
    """By hand, of one image."""
    X = bars(3)[0]
    z_NL = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    problem = problem_of(plain, X, LEFT, realism=0.5)
    with torch.no_grad():
        value_N = fit(problem, None)(z_NL)
        made = plain.module_.generate(z_NL, None)[:, 0]
        whole = torch.where(torch.from_numpy(LEFT), problem.u_NCHW[:, 0], made)
        for i in range(3):
            error = float(((made[i] - problem.u_NCHW[i, 0])[torch.from_numpy(LEFT)] ** 2).mean())
            logit = float(plain.module_.logits(whole[i : i + 1, None], None)[0])
            expected = -4 * np.log(error + LEAST_VARIANCE) - 0.5 * float((z_NL[i] ** 2).sum()) + 0.5 * logit
            assert float(value_N[i]) == pytest.approx(expected, rel=1e-5)


def test_the_unknown_part_goes_with_the_known_one(plain):
    """Images have one gray each, and are completed with it; without the ascent less so."""
    X = bars(40, seed=1)[0]
    errors = {
        n_steps: np.abs(plain.complete(X, LEFT, n_steps=n_steps, n_starts=2, random_state=0).astype(float) - X).mean()
        for n_steps in (1, 150)
    }
    drawn = np.abs(plain.sample(40, random_state=0).astype(float) - X).mean()
    assert errors[150] < errors[1] < drawn
    assert errors[150] < 1.0


def test_more_starts_fit_no_worse(plain):
    X = bars(30, seed=1)[0]
    problem = problem_of(plain, X, LEFT)

    def of(n_starts):
        streams = [torch.Generator().manual_seed(i) for i in range(len(X))]
        u_NCHW = complete_images(problem, streams, n_starts=n_starts, n_steps=20)
        return u_NCHW[:, :, :, 2:]

    assert not torch.equal(of(1), of(5))


def test_the_best_start_is_chosen(plain, monkeypatch):
    """Of those of the same image, by what ascends."""
    X, chosen = bars(6, seed=1)[0], []
    from pofx.families.adversarial import completion

    monkeypatch.setattr(
        completion,
        "_best",
        lambda value, n, old=completion._best: chosen.append((value, old(value, n))) or old(value, n),
    )
    streams = [torch.Generator().manual_seed(i) for i in range(6)]
    complete_images(problem_of(plain, X, LEFT), streams, n_starts=3, n_steps=5)
    value_M, best_N = chosen[-1]
    for i in range(6):
        own = value_M[3 * i : 3 * i + 3]
        assert best_N[i] in range(3 * i, 3 * i + 3) and value_M[best_N[i]] == own.max()


def test_the_encoder_gives_a_start(conditional, monkeypatch):
    encoded = []
    encode = conditional.module_.encode
    monkeypatch.setattr(conditional.module_, "encode", lambda u: encoded.append(u) or encode(u))
    X, y = bars(4, seed=1)
    conditional.complete(X, LEFT, y, n_steps=1, n_starts=2, random_state=0)
    (u_NCHW,) = encoded
    assert torch.equal(u_NCHW[:4, 0, :, :2], conditional.module_.scaled(torch.from_numpy(X))[:, :, :2])


def test_classes_are_drawn_from_their_frequencies_or_given(conditional):
    X, y = bars(30, seed=1)
    streams = [torch.Generator().manual_seed(i) for i in range(30)]
    for rare in (0, 1):
        log_prior_K = torch.tensor([1e-9, 1.0] if rare == 0 else [1.0, 1e-9], dtype=torch.float64).log()
        every = problem_of(conditional, X.repeat(2, axis=0), LEFT, log_prior_K=log_prior_K)
        _, codes_M = _starts(every, None, streams, 2)
        assert (codes_M == int(log_prior_K.argmax())).all()
    _, codes_M = _starts(every._replace(log_prior_K=None), torch.from_numpy(y), streams, 2)
    assert np.array_equal(codes_M.numpy(), y.repeat(2))
    given = [conditional.complete(X, LEFT, np.full(30, label), n_steps=3, random_state=0) for label in (0, 1)]
    assert not np.array_equal(*given)


def test_an_image_gets_the_same_completion_whatever_it_is_completed_beside(plain):
    X = np.random.default_rng(0).integers(0, 16, size=(25, 4, 4)).astype(np.uint8)
    words = {"n_steps": 5, "n_starts": 3, "random_state": 0}
    together = plain.complete(X, LEFT, **words)
    assert np.array_equal(plain.complete(X[::-1], LEFT, **words)[::-1], together)
    assert np.array_equal(plain.complete(X[22:24], LEFT, **words), together[22:24])


def test_equal_images_have_starts_of_their_own(plain):
    X = np.repeat(bars(1)[0], 6, axis=0)
    completed = plain.complete(X, LEFT, n_steps=1, n_starts=1, random_state=0)
    assert len(np.unique(completed, axis=0)) > 1


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_ascends_where_gradients_are_off(plain, mode):
    X = bars(5)[0]
    words = {"n_steps": 5, "random_state": 0}
    expected = plain.complete(X, LEFT, **words)
    with mode():
        assert np.array_equal(plain.complete(X, LEFT, **words), expected)


def test_what_is_refused(plain):
    X = bars(2)[0]
    for word, message in (
        ({"n_steps": 0}, "n_steps"),
        ({"n_starts": 2.0}, "n_starts"),
        ({"realism": -1}, "realism"),
        ({"realism": float("nan")}, "realism"),
    ):
        with pytest.raises(ValueError, match=f"{message} must be"):
            plain.complete(X, LEFT, **word)


def test_no_claim_to_a_law(plain):
    assert plain.completes_by == completing.ImageCompletion.completes_by == "refined latents"
    assert not hasattr(plain, "log_prob_of_unknown")
