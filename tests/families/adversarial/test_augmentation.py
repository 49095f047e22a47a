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
