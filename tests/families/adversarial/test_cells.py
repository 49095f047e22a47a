"""Networks over cells: every pixel counts, neighbours meet, sizes fit, features keep their size."""

import pytest
import torch
from torch import nn

from pofx.families.adversarial.cells import LEAK, CellGenerator, CellReader, cell_side, he

SHAPES = [(1, 28, 28), (3, 17, 23), (2, 16, 40), (1, 8, 8), (1, 5, 3)]


def test_the_side_of_a_cell_is_the_least_power_of_two_that_is_enough():
    assert [cell_side(size, 1) for size in (1, 8, 9, 16, 17, 28, 32, 33, 64, 65)] == [1, 1, 2, 2, 4, 4, 4, 8, 8, 16]
    assert cell_side(3, 28) == cell_side(28, 3) == 4


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_reaches_the_outputs_and_every_latent_every_pixel(shape):
    torch.manual_seed(0)
    reader, generator = CellReader(shape, 6, 4, 2).double(), CellGenerator(shape, 0, 3, 4, 2).double()
    u_NCHW = torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
    (slope_NCHW,) = torch.autograd.grad(reader(u_NCHW).square().sum(), u_NCHW)
    assert (slope_NCHW != 0).all()
    jacobian = torch.autograd.functional.jacobian(
        lambda z_L: generator(z_L[None], torch.empty(1, 0, dtype=torch.float64))[0],
        torch.randn(3, dtype=torch.float64),
    )
    assert jacobian.shape == (*shape, 3) and (jacobian != 0).all()


def test_cells_meet_their_neighbours_only():
    """A pixel of one cell moves the first map at the cells around it, and nowhere else."""
    torch.manual_seed(0)
    reader = CellReader((1, 28, 28), 1, 4, 1).double()
    u_NCHW = torch.randn(1, 1, 28, 28, dtype=torch.float64)
    moved_NCHW = u_NCHW.clone()
    moved_NCHW[0, 0, 13, 22] += 1  # in the cell of row 3, column 5
    unlike_HW = (reader.maps(u_NCHW)[0] != reader.maps(moved_NCHW)[0]).any(1)[0]
    expected_HW = torch.zeros(7, 7, dtype=torch.bool)
    expected_HW[2:5, 4:7] = True
    assert torch.equal(unlike_HW, expected_HW)


def test_features_keep_their_size_from_layer_to_layer():
    torch.manual_seed(0)
    layers = [part for _ in range(6) for part in (he(nn.Linear(400, 400)), nn.LeakyReLU(LEAK))]
    features = nn.Sequential(*layers)(torch.randn(500, 400))
    assert 0.7 < features.square().mean() < 1.4
    assert all((layer.bias == 0).all() for layer in layers[::2])


def test_sides_that_do_not_fit_are_continued_by_their_last_row_and_column():
    """And what a generator makes beyond them is cut off: the same networks at the next size that fits."""
    torch.manual_seed(0)
    u_NCHW = torch.randn(2, 1, 9, 11, dtype=torch.float64)
    reader, whole_reader = (CellReader(shape, 3, 4, 1).double() for shape in ((1, 9, 11), (1, 10, 12)))
    whole_reader.load_state_dict(reader.state_dict())
    continued_NCHW = torch.cat([u_NCHW, u_NCHW[:, :, -1:]], dim=2)
    continued_NCHW = torch.cat([continued_NCHW, continued_NCHW[..., -1:]], dim=3)
    torch.testing.assert_close(reader(u_NCHW), whole_reader(continued_NCHW))
    generator, whole_generator = (CellGenerator(shape, 0, 3, 4, 1).double() for shape in ((1, 9, 11), (1, 10, 12)))
    whole_generator.load_state_dict(generator.state_dict())
    z_NL, no_label = torch.randn(2, 3, dtype=torch.float64), torch.empty(2, 0, dtype=torch.float64)
    assert torch.equal(generator(z_NL, no_label), whole_generator(z_NL, no_label)[:, :, :9, :11])


@pytest.mark.parametrize("depth", [1, 3])
def test_neither_network_is_linear(depth):
    torch.manual_seed(0)
    reader, generator = CellReader((1, 8, 8), 3, 4, depth).double(), CellGenerator((1, 8, 8), 0, 3, 4, depth).double()
    u, z = torch.randn(1, 1, 8, 8, dtype=torch.float64), torch.randn(1, 3, dtype=torch.float64)
    no_label = torch.empty(1, 0, dtype=torch.float64)
    for function, x in ((reader, u), (lambda z: generator(z, no_label), z)):
        middle = (function(x) + function(-x)) / 2
        assert not torch.isclose(middle, function(torch.zeros_like(x)), rtol=1e-3).any()
