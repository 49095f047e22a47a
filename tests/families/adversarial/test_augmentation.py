"""Random changes that gradients pass, of every image its own."""

import torch

from pofx.families.adversarial.augmentation import _outside_hole, _shifted, augmented


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_shift_moves_and_fills_with_the_lowest_value():
    u = torch.arange(12.0).reshape(1, 1, 3, 4)
    moved = _shifted(u, torch.tensor([1]), torch.tensor([-2]))
    assert moved[0, 0].tolist() == [[-1, -1, -1, -1], [2, 3, -1, -1], [6, 7, -1, -1]]
    assert torch.equal(_shifted(u, torch.tensor([0]), torch.tensor([0])), u)


def test_a_hole_covers_half_of_either_side():
    mask = _outside_hole(8, 8, torch.tensor([3.5]), torch.tensor([0.0]))[0, 0]
    assert (mask[2:6, :3] == 0).all() and mask.sum() == 64 - 4 * 3


def test_an_image_of_one_pixel_has_no_hole_that_would_be_all_of_it():
    u = torch.linspace(-0.4, 0.4, 50).reshape(50, 1, 1, 1)
    changed = augmented(u, generator())
    assert (changed != 0).all() and torch.corrcoef(torch.stack([u.flatten(), changed.flatten()]))[0, 1] > 0.3
    assert (augmented(u.reshape(25, 1, 1, 2) + 2, generator()) == 0).any()


def test_every_image_is_changed_in_its_own_way_and_gradients_pass():
    u = (torch.rand(1, 2, 16, 12, generator=generator()) - 0.5).expand(5, -1, -1, -1).clone().requires_grad_()
    changed = augmented(u, generator(1))
    assert changed.shape == u.shape
    assert all(not torch.equal(changed[0], other) for other in changed[1:])
    changed.sum().backward()
    assert (u.grad.flatten(1).abs().sum(1) > 0).all()
    assert torch.equal(changed, augmented(u, generator(1)))
    assert not torch.equal(changed, augmented(u, generator(2)))


def test_brightness_and_contrast_are_drawn_from_all_of_their_ranges():
    """Of images of two levels, 0.1 and -0.1, whose mean no contrast moves."""
    u = torch.full((4000, 1, 16, 16), 0.1)
    u[:, :, ::2] *= -1
    middle = augmented(u, generator())[:, 0, 6:10, 6:10].flatten(1)  # no shift brings the border there
    whole = middle[(middle != 0).all(dim=1)]  # no hole
    assert len(whole) > 1000
    contrast = (whole.amax(1) - whole.amin(1)) / 0.2
    brightness = (whole.amax(1) + whole.amin(1)) / 2
    for found, low, high in ((contrast, 0.5, 1.5), (brightness, -0.5, 0.5)):
        assert low - 1e-5 <= found.min() < low + 0.01 and high - 0.01 < found.max() <= high + 1e-5


def test_images_are_shifted_by_up_to_an_eighth_in_all_four_directions():
    u = torch.full((4000, 1, 16, 16), 1.0)
    u[:, :, :8] = 0.5
    u[..., :8] += 0.25  # four corners of different levels
    lowest = augmented(u, generator())[:, 0]
    for edge in (lowest[:, :2], lowest[:, -2:], lowest[..., :2].mT, lowest[..., -2:].mT):
        bordered = (edge == -1).all(dim=2)  # rows of the edge that came in
        assert {0, 1, 2} == set(bordered.sum(dim=1).tolist())
    assert not (lowest[:, 2:-2, 2:-2] == -1).any()
