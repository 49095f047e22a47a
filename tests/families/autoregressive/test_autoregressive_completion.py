"""Completions against the enumerated p(x_unknown | x_known), and against p(y | x_known)."""

import itertools

import numpy as np
import pytest
import torch
from enumerated import all_images, chi_square_p_value, image_numbers, probabilities, total_variation
from networks_under_test import CHANNELS, LAWS, NETWORKS, make_network, random_codes

from pofx.distributions.pixels import Bernoulli, Categorical, DiscretisedLogisticMixture
from pofx.families.autoregressive.completion import complete_images, leading
from pofx.families.autoregressive.sampling import Canvas

PRIOR = np.array([0.2, 0.5, 0.3])
LOG_PRIOR = torch.from_numpy(np.log(PRIOR))


def mask_of(law, size, known):
    """(1, C, H, W), True at the given places of the chain's order: row, column, channel."""
    flags = torch.zeros(size[0] * size[1] * law.channels, dtype=torch.bool)
    flags[list(known)] = True
    return flags.reshape(1, *size, law.channels).permute(0, 3, 1, 2)


def complete(module, image, mask, n, *, particles=16, method="cached", codes=None, log_prior=None, seed=0):
    """n completions of one image, and the canvas they were made on."""
    x = torch.where(mask, image, 0).repeat(n, 1, 1, 1)
    canvas = Canvas(x, mask.repeat(n, 1, 1, 1), codes, torch.Generator().manual_seed(seed))
    completed = complete_images(module, canvas, method, particles, log_prior_K=log_prior)
    assert completed.shape == x.shape
    assert (completed == image)[mask.expand_as(x)].all()
    return completed, canvas


def conditional_law(images, p, image, mask):
    """p(x | the known sub-pixels of ``image``) of every image."""
    agrees = ((images == image) | ~mask).flatten(1).all(1).numpy()
    return np.where(agrees, p, 0) / p[agrees].sum()


def some_image(module, size, seed=0):
    shape = (1, module.law.channels, *size)
    return torch.randint(0, module.levels, shape, generator=torch.Generator().manual_seed(seed))


# ---- what comes first ------------------------------------------------------------------------------------------------


def test_what_is_known_before_everything_unknown():
    law = Bernoulli(3)
    for known, first in [
        ([0, 1, 2, 3], [0, 1, 2, 3]),  # R, G, B of the first pixel, R of the second
        ([0, 1, 3, 4], [0, 1]),
        ([1, 2, 3], []),
        ([], []),
        (range(12), range(12)),
    ]:
        assert torch.equal(leading(mask_of(law, (2, 2), known)), mask_of(law, (2, 2), first))
    both = torch.cat([mask_of(law, (2, 2), [0, 1]), mask_of(law, (2, 2), [0, 2])])
    assert leading(both).flatten(1).sum(1).tolist() == [2, 1]


# ---- exact: the known sub-pixels come first --------------------------------------------------------------------------

EXACT = [
    (Bernoulli(1), (2, 3), 2),
    (Bernoulli(1), (2, 3), 3),
    (Categorical(3, 2), (1, 2), 1),  # R is known, G and B are not
    (DiscretisedLogisticMixture(3, 2, 2), (1, 2), 1),
    (DiscretisedLogisticMixture(3, 2, 2), (1, 2), 2),
    (DiscretisedLogisticMixture(1, 4, 2), (1, 4), 1),
]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("law", "size", "n_known"), EXACT, ids=str)
def test_a_known_beginning_is_completed_exactly(law, size, n_known, network):
    module = make_network(network, law, n_layers=1)
    images, image = all_images(law.levels, law.channels, *size), some_image(module, size)
    mask = mask_of(law, size, range(n_known))
    expected = conditional_law(images, probabilities(module, images), image, mask)
    completed, _ = complete(module, image, mask, 10_000)
    assert chi_square_p_value(image_numbers(completed, law.levels), expected) > 1e-3


def test_nothing_known_is_sampling_and_everything_known_is_copying():
    law, size = Bernoulli(1), (2, 3)
    module = make_network("gated", law, n_layers=1)
    images, image = all_images(2, 1, *size), some_image(module, size)
    completed, _ = complete(module, image, mask_of(law, size, []), 10_000)
    assert chi_square_p_value(image_numbers(completed, 2), probabilities(module, images)) > 1e-3
    completed, _ = complete(module, image, mask_of(law, size, range(6)), 3)
    assert torch.equal(completed, image.repeat(3, 1, 1, 1))


# ---- not exact: known sub-pixels after unknown ones ------------------------------------------------------------------

#: Known places after unknown ones: in one row, in several rows, and of a pixel's later colours.
GENERAL = [
    (Bernoulli(1), (2, 3), [3, 4, 5]),
    (Bernoulli(1), (3, 2), [1, 3, 4]),
    (Bernoulli(1), (6, 1), [0, 2, 4, 5]),
    (Categorical(3, 2), (1, 2), [1, 2, 5]),
    (DiscretisedLogisticMixture(3, 2, 2), (1, 2), [1, 2, 4, 5]),
]


def ancestral_law(images, p, levels, image, mask):
    """Each unknown sub-pixel by p(x_i | x_<i), the known ones as they are, counted out."""
    digits = images.permute(0, 2, 3, 1).flatten(1).numpy()
    known, given = (v.permute(0, 2, 3, 1).flatten().numpy() for v in (mask, image))
    law, before = np.ones(len(images)), np.ones(len(images))
    for i in range(digits.shape[1]):
        beginning = digits[:, : i + 1] @ levels ** np.arange(i + 1)
        upto = np.bincount(beginning, weights=p)[beginning]
        law *= (digits[:, i] == given[i]) if known[i] else upto / before
        before = upto
    return law


def dependent_case(network, law, size, known, *, n_classes=0):
    """A network, a mask and an image whose later known sub-pixels matter much: ancestral sampling is off by 0.3 to 0.6
    in total variation, and yet may well draw what is known. All counted out; (module, image, mask, p(x | known))."""
    images, mask = all_images(law.levels, law.channels, *size), mask_of(law, size, known)
    _, one_of_each = np.unique(image_numbers(images * mask, law.levels), return_index=True)
    for seed in range(50):
        module = make_network(network, law, n_classes=n_classes, n_layers=1, std=0.8, seed=seed)
        p = joint_of_classes(module, images).sum(0) if n_classes else probabilities(module, images)
        if p.min() < 1e-9:
            continue  # too narrow to be counted out
        for image in images[one_of_each][:, None]:
            ancestral, expected = (
                ancestral_law(images, p, law.levels, image, mask),
                conditional_law(images, p, image, mask),
            )
            off = np.abs(ancestral - expected).sum() / 2
            chance = p[expected > 0].sum()
            if 0.3 < off < 0.6 and chance > 0.05:
                return module, image, mask, expected
    raise AssertionError("no such law found")


@pytest.mark.parametrize(("law", "size", "known"), GENERAL, ids=str)
def test_particles_heed_what_is_known_later(law, size, known):
    module, image, mask, expected = dependent_case("plain", law, size, known)
    distance = {}
    for particles in (1, 64):
        completed, _ = complete(module, image, mask, 1500, particles=particles)
        distance[particles] = total_variation(image_numbers(completed, law.levels), expected)
    assert distance[1] > 0.25
    assert distance[64] < 0.25 * distance[1]


@pytest.mark.parametrize("method", ["cached", "jacobi"])
@pytest.mark.parametrize("network", NETWORKS)
def test_resampled_particles_go_on_as_themselves(network, method):
    """A column of pixels, of which the second tells so much of the first that particles are resampled halfway; what is
    drawn after that depends on the first, too."""
    law, size = Bernoulli(1), (4, 1)
    images, mask = all_images(2, 1, *size), mask_of(law, size, [1])
    for seed in range(2000):
        module = make_network(network, law, n_layers=1, std=1.5, seed=seed)
        p = probabilities(module, images).reshape(2, 2, 2, 2)
        first, second = p.sum((1, 2, 3)), p.sum((2, 3))[:, 1]
        if min(first.min(), second.min()) < 1e-3:
            continue
        w = second / first  # the weights of particles that begin with 0 and with 1
        effective = (first @ w) ** 2 / (first @ w**2)
        rests = p[:, 1].reshape(2, 4) / second[:, None]
        if effective < 0.4 and np.abs(rests[0] - rests[1]).sum() / 2 > 0.6 and second.sum() > 0.1:
            break
    else:
        raise AssertionError("no such law found")
    image = images[[4]]  # 0 1 0 0: only its second pixel is known
    expected = conditional_law(images, p.reshape(-1), image, mask)
    completed, _ = complete(module, image, mask, 1000, particles=32, method=method)
    assert total_variation(image_numbers(completed, 2), expected) < 0.07


def test_one_particle_is_ancestral_sampling():
    law, size = Bernoulli(1), (2, 3)
    module = make_network("gated", law, n_layers=1)
    images, image, mask = all_images(2, 1, *size), some_image(module, size), mask_of(law, size, [1, 5])
    expected = ancestral_law(images, probabilities(module, images), 2, image, mask)
    completed, _ = complete(module, image, mask, 10_000, particles=1)
    assert chi_square_p_value(image_numbers(completed, 2), expected) > 1e-3


def test_more_particles_come_nearer():
    module, image, mask, expected = dependent_case("row_lstm", Bernoulli(1), (3, 3), [2, 5, 6, 7, 8])
    distances = []
    for particles in (1, 4, 16):
        completed, _ = complete(module, image, mask, 4000, particles=particles)
        distances.append(total_variation(image_numbers(completed, 2), expected))
    assert all(later < 0.7 * earlier for earlier, later in itertools.pairwise(distances))


@pytest.mark.parametrize("method", ["cached", "jacobi"])
@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("law", ["softmax_of_3", "mixture_of_4"])
@pytest.mark.parametrize("network", NETWORKS)
def test_known_values_are_kept_in_every_image(network, law, channels, method):
    """Another mask in each image; some exact, some not, in one batch."""
    module = make_network(network, LAWS[law](channels), n_classes=2)
    generator = torch.Generator().manual_seed(0)
    shape = (5, channels, 3, 4)
    known = torch.rand(shape, generator=generator) < torch.tensor([0.0, 0.2, 0.5, 0.8, 1.0])[:, None, None, None]
    known[1] = False
    known[1, :, 0] = True
    given = torch.randint(0, module.levels, shape, generator=generator)
    for codes, log_prior in ((random_codes(5, 2), None), (None, torch.tensor([0.5, 0.5]).log())):
        canvas = Canvas(torch.where(known, given, 0), known, codes, torch.Generator().manual_seed(0))
        completed = complete_images(module, canvas, method, 8, log_prior_K=log_prior)
        assert torch.equal(completed[known], given[known])
        assert completed.min() >= 0 and completed.max() < module.levels
        assert not torch.equal(completed[0], given[0])


def test_the_seed_decides_and_methods_agree_where_it_is_exact():
    law, size = Categorical(1, 3), (3, 4)
    module = make_network("gated", law, n_layers=1)
    image, beginning, scattered = some_image(module, size), range(5), [1, 4, 6, 10]
    for known in (beginning, scattered):
        mask = mask_of(law, size, known)
        one, same, other = (complete(module, image, mask, 8, seed=seed)[0] for seed in (0, 0, 1))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
        assert torch.equal(one, complete(module, image, mask, 8, method="jacobi")[0])
    mask = mask_of(law, size, beginning)
    assert torch.equal(complete(module, image, mask, 8)[0], complete(module, image, mask, 8, method="naive")[0])


def test_naive_drawing_has_no_particles():
    law, size = Bernoulli(1), (2, 3)
    module, mask = make_network("plain", law), mask_of(law, size, [4])
    image = some_image(module, size)
    with pytest.raises(ValueError, match="'cached' or 'jacobi', or n_particles=1"):
        complete(module, image, mask, 2, particles=2, method="naive")
    complete(module, image, mask, 2, particles=1, method="naive")


# ---- a conditional model without labels ------------------------------------------------------------------------------


def joint_of_classes(module, images):
    """p(y) p(x|y), (classes, images)."""
    return PRIOR[:, None] * np.array([probabilities(module, images, code) for code in range(3)])


@pytest.mark.parametrize(("law", "size", "n_known"), EXACT, ids=str)
def test_labels_are_drawn_from_their_posterior(law, size, n_known):
    """The classes of 10,000 completions of one beginning against the enumerated p(y | x_known), and the completions
    against sum_y p(y | x_known) p(x_unknown | x_known, y)."""
    images, mask = all_images(law.levels, law.channels, *size), mask_of(law, size, range(n_known))
    module, image, posterior, expected = telling_case(images, law, mask)
    completed, canvas = complete(module, image, mask, 10_000, log_prior=LOG_PRIOR)
    assert chi_square_p_value(canvas.codes.numpy(), posterior, at_least=2) > 1e-3
    assert chi_square_p_value(canvas.codes.numpy(), PRIOR, at_least=2) < 1e-6
    assert chi_square_p_value(image_numbers(completed, law.levels), expected) > 1e-3
    again, naive_canvas = complete(module, image, mask, 100, method="naive", log_prior=LOG_PRIOR)
    same, cached_canvas = complete(module, image, mask, 100, method="cached", log_prior=LOG_PRIOR)
    assert torch.equal(again, same) and torch.equal(naive_canvas.codes, cached_canvas.codes)


def telling_case(images, law, mask):
    """A network and an image whose known sub-pixels tell much of the class, counted out; (module, image, p(y | known),
    p(x | known))."""
    for seed in range(100):
        module = make_network("gated", law, n_classes=3, n_layers=1, width=12, std=0.7, seed=seed)
        joint = joint_of_classes(module, images)
        for image in images[:, None]:
            agrees = ((images == image) | ~mask).flatten(1).all(1).numpy()
            of_classes = joint[:, agrees].sum(1)
            if of_classes.sum() < 0.01:
                continue
            posterior, expected = of_classes / of_classes.sum(), conditional_law(images, joint.sum(0), image, mask)
            if np.abs(posterior - PRIOR).sum() > 0.25 and (expected > 2e-3).sum() >= 4:
                return module, image, posterior, expected
    raise AssertionError("no such network found")


@pytest.mark.parametrize("network", NETWORKS)
def test_particles_of_unknown_class(network):
    """Known sub-pixels that come late tell the class as well: a class of its own for each particle, weighed with it."""
    law, size, known = Bernoulli(1), (3, 2), [2, 3, 5]
    module, image, mask, expected = dependent_case(network, law, size, known, n_classes=3)
    distance = {}
    for particles in (1, 64):
        completed, _ = complete(module, image, mask, 1500, particles=particles, log_prior=LOG_PRIOR)
        distance[particles] = total_variation(image_numbers(completed, 2), expected)
    assert distance[1] > 0.25
    assert distance[64] < 0.25 * distance[1]
