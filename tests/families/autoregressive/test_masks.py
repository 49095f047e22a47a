"""Masks, colour groups and the masked convolution by themselves."""

import pytest
import torch

from pofx.families.autoregressive.masks import MaskedConv2d, centre_mask, colour_groups, rounded_up


def test_features_are_rounded_up():
    assert [rounded_up(n, 3) for n in (1, 2, 3, 4, 6, 16)] == [3, 3, 3, 6, 6, 18]
    assert rounded_up(7, 1) == 7


def test_every_gate_is_split_by_itself():
    assert colour_groups(6, 3).tensor().tolist() == [0, 0, 1, 1, 2, 2]
    assert colour_groups(3, 3, parts=4).tensor().tolist() == [0, 1, 2] * 4
    assert colour_groups(4, 1, parts=2).tensor().tolist() == [0] * 8
    assert len(colour_groups(6, 3, parts=4)) == 24


def test_features_that_cannot_be_split_are_refused():
    with pytest.raises(ValueError, match="16 features cannot be split into 3"):
        colour_groups(16, 3)


def test_mask_a_hides_the_own_colour_and_mask_b_shows_it():
    groups = colour_groups(3, 3)
    assert centre_mask(groups, groups, "A").tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert centre_mask(groups, groups, "B").tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize("mask", ["a", "C", ""])
def test_other_masks_are_refused(mask):
    with pytest.raises(ValueError, match="'A' or 'B'"):
        centre_mask(colour_groups(3, 3), colour_groups(3, 3), mask)
    with pytest.raises(ValueError, match="'A' or 'B'"):
        MaskedConv2d(colour_groups(3, 3), colour_groups(3, 3), 3, mask)


@pytest.mark.parametrize("kernel", [0, 2, -1])
def test_kernels_without_a_centre_are_refused(kernel):
    with pytest.raises(ValueError, match="odd"):
        MaskedConv2d(colour_groups(1, 1), colour_groups(1, 1), kernel, "B")


@pytest.mark.parametrize("one_row", [False, True])
@pytest.mark.parametrize("mask", ["A", "B"])
def test_the_masked_weight(mask, one_row):
    """Of a 5 x 5 kernel the three rows up to the centre, or of the centre row the three columns up to the centre, and
    of these what comes before the pixel."""
    groups = colour_groups(3, 3)
    with torch.random.fork_rng():
        convolution = MaskedConv2d(groups, groups, 5, mask, one_row=one_row)
        torch.nn.init.ones_(convolution.weight)
    weight = convolution.masked_weight()
    assert weight.shape == ((3, 3, 1, 3) if one_row else (3, 3, 3, 5))
    assert (weight[:, :, :-1] == 1).all()
    assert (weight[:, :, -1, :2] == 1).all()
    assert (weight[:, :, -1, 3:] == 0).all()
    assert weight[:, :, -1, 2].tolist() == centre_mask(groups, groups, mask).tolist()


@pytest.mark.parametrize("one_row", [False, True])
@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize(("groups_in", "groups_out"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_what_is_known_without_the_mask_agrees_with_it(groups_in, groups_out, kernel, mask, one_row):
    """Whether something is masked, and the greatest initial weight of each feature out: 1 / sqrt(its inputs)."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        features = colour_groups(6, groups_in, parts=2), colour_groups(3, groups_out, parts=4)
        convolution = MaskedConv2d(*features, kernel, mask, one_row=one_row)
        torch.manual_seed(0)
        weight = 2 * torch.rand(convolution.allowed.shape) - 1
        bias = 2 * torch.rand(12) - 1
    assert convolution.is_masked == (not bool(convolution.allowed.all()))
    bound = convolution.allowed.flatten(1).sum(1).clamp(min=1).double().rsqrt().float()
    assert torch.equal(convolution.weight, weight * bound[:, None, None, None])
    assert torch.equal(convolution.bias, bias * bound)


def test_no_mask_is_made_of_a_convolution_too_large_for_memory():
    """Its shapes alone are computed on the meta device."""
    with torch.device("meta"):
        convolution = MaskedConv2d(colour_groups(3 * 10**9, 3), colour_groups(30, 3, parts=2), 3, "B")
    assert convolution.weight.shape == (60, 3 * 10**9, 2, 3)
    assert convolution.is_masked


def test_an_optimiser_cannot_open_the_mask():
    """What is masked gets no gradient, and no weight in the output whatever stands there."""
    groups = colour_groups(3, 3)
    with torch.random.fork_rng():
        convolution = MaskedConv2d(groups, groups, 3, "A").double()
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    out = convolution(x)
    out.square().sum().backward()
    hidden = ~convolution.allowed
    assert (convolution.weight.grad[hidden] == 0).all()
    assert (convolution.weight.grad[~hidden] != 0).all()
    with torch.no_grad():
        convolution.weight[hidden] = 1e9
    assert torch.equal(convolution(x), out)


def test_size_is_kept_and_the_mask_is_no_part_of_the_state():
    groups = colour_groups(3, 3)
    with torch.random.fork_rng():
        for kernel in (1, 3, 7):
            convolution = MaskedConv2d(groups, groups, kernel, "B")
            assert convolution(torch.zeros(2, 3, 4, 9)).shape == (2, 3, 4, 9)
            assert set(convolution.state_dict()) == {"weight", "bias"}
        assert set(MaskedConv2d(groups, groups, 3, "B", bias=False).state_dict()) == {"weight"}


def test_initial_weights_follow_the_inputs_that_are_seen():
    """Uniform on +- 1 / sqrt(inputs): R under mask A sees only what lies before the pixel, B also two colours of it."""
    groups = colour_groups(120, 3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        convolution = MaskedConv2d(colour_groups(3, 3), groups, 3, "A")
    for colour, inputs in enumerate((12, 13, 14)):
        of_colour = convolution.weight.detach()[groups.tensor() == colour].abs()
        assert float(of_colour.max()) == pytest.approx(inputs**-0.5, rel=0.01)
        assert float(of_colour.max()) <= inputs**-0.5
        assert float(convolution.bias.detach()[groups.tensor() == colour].abs().max()) <= inputs**-0.5


def test_a_feature_that_sees_nothing_is_a_constant():
    with torch.random.fork_rng():
        convolution = MaskedConv2d(colour_groups(1, 1), colour_groups(2, 1), 1, "A")
    out = convolution(torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(out, convolution.bias[None, :, None, None].expand_as(out))
