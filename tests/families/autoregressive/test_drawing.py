"""naive = cached = jacobi, pixel for pixel, from the same noise."""

import pytest
import torch
from networks_under_test import CHANNELS, LAWS, NETWORKS, make_network, random_codes

from pofx.families.autoregressive import sampling
from pofx.families.autoregressive.module import AutoregressiveModule
from pofx.families.autoregressive.pixelcnn import GatedLayer, ResidualBlock
from pofx.families.autoregressive.sampling import JACOBI_BATCH, Canvas, chosen_method, draw_images

SIZES = [(5, 7), (9, 4)]
FAST_METHODS = ["cached", "jacobi"]


def make_canvas(module, n, height, width, *, seed=0, known=None, temperature=1.0):
    """An empty canvas, or one with levels at random of which those marked in ``known`` are kept."""
    shape = (n, module.law.channels, height, width)
    x = torch.zeros(shape, dtype=torch.int64)
    if known is not None:
        levels = torch.randint(0, module.levels, shape, generator=torch.Generator().manual_seed(seed + 1))
        x = torch.where(known, levels, 0)
    codes = random_codes(n, module.n_classes, seed)
    return Canvas(x, known, codes, torch.Generator().manual_seed(seed), temperature)


def random_mask(n, channels, height, width, fraction=0.4):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(5)) < fraction


def check_methods_agree(module, n, height, width, **canvas):
    known = canvas.get("known")
    naive = draw_images(module, make_canvas(module, n, height, width, **canvas), "naive")
    assert naive.min() >= 0 and naive.max() < module.levels and naive.dtype == torch.int64
    assert len(naive.unique()) == module.levels
    if known is not None:
        given = make_canvas(module, n, height, width, **canvas).x_NCHW
        assert torch.equal(naive[known], given[known])
    for method in FAST_METHODS:
        drawn = draw_images(module, make_canvas(module, n, height, width, **canvas), method)
        assert torch.equal(drawn, naive), method
    if module.lag is not None:
        # Who wants to hear of every row gets the rows one after the other.
        canvas = make_canvas(module, n, height, width, **canvas)
        assert torch.equal(draw_images(module, canvas, "cached", after_row=lambda *row: None), naive)
    return naive


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("n", [1, 16])
@pytest.mark.parametrize("n_classes", [0, 3], ids=["", "conditional"])
@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("law", ["sigmoid", "softmax_of_3", "mixture_of_4"])
@pytest.mark.parametrize("network", NETWORKS)
def test_three_methods_draw_the_same(network, law, channels, n_classes, n, height, width):
    size = (height, width) if n_classes else None
    module = make_network(network, LAWS[law](channels), n_classes=n_classes, n_layers=1, std=0.3, size=size)
    check_methods_agree(module, n, height, width)


@pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("network", NETWORKS)
def test_three_methods_keep_what_is_known(network, law, channels):
    """Sub-pixels at random, other ones in each image, also one colour of a pixel without the others."""
    module = make_network(network, LAWS[law](channels), n_classes=2, std=0.3)
    check_methods_agree(module, 6, 5, 4, known=random_mask(6, channels, 5, 4))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
@pytest.mark.parametrize("law", ["softmax_of_3", "mixture_of_4"])
@pytest.mark.parametrize("network", NETWORKS)
def test_three_methods_at_other_temperatures(network, law, temperature):
    module = make_network(network, LAWS[law](3), std=0.3)
    drawn = check_methods_agree(module, 6, 5, 4, temperature=temperature)
    assert not torch.equal(drawn, draw_images(module, make_canvas(module, 6, 5, 4), "cached"))


def test_known_values_count_for_what_is_drawn_after_them():
    """One known sub-pixel is changed: something after it changes, in some image, and nothing before it."""
    module = make_network("gated", LAWS["softmax_of_4"](3), std=0.6)
    known = torch.zeros(64, 3, 3, 3, dtype=torch.bool)
    known[:, 1, 1, 1] = True
    x = torch.zeros(64, 3, 3, 3, dtype=torch.int64)
    drawn = []
    for level in (0, 3):
        x[:, 1, 1, 1] = level
        canvas = Canvas(x.clone(), known, None, torch.Generator().manual_seed(0))
        drawn.append(draw_images(module, canvas, "cached"))
    differs = (drawn[0] != drawn[1]).any(0)
    assert differs[1, 1, 1]
    assert differs[2, 1, 1] and differs[:, 1, 2].any() and differs[:, 2].any()
    assert not differs[:, 0].any() and not differs[:, 1, 0].any() and not differs[0, 1, 1]


@pytest.mark.parametrize("method", ["naive", *FAST_METHODS])
@pytest.mark.parametrize("network", ["gated", "row_lstm"])
def test_what_stands_at_unknown_places_does_not_count(network, method):
    module = make_network(network, LAWS["softmax_of_3"](3))
    known = random_mask(4, 3, 3, 4)
    values = torch.randint(0, 3, (4, 3, 3, 4), generator=torch.Generator().manual_seed(3))
    drawn = [
        draw_images(module, Canvas(torch.where(known, values, filler), known, None, seeded(0)), method)
        for filler in (0, 2)
    ]
    assert torch.equal(*drawn)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("method", ["naive", *FAST_METHODS])
@pytest.mark.parametrize("network", ["plain", "row_lstm"])
def test_everything_known_stays(network, method):
    module = make_network(network, LAWS["mixture_of_4"](3))
    known = torch.ones(3, 3, 2, 4, dtype=torch.bool)
    canvas = make_canvas(module, 3, 2, 4, known=known)
    given = canvas.x_NCHW.clone()
    assert torch.equal(draw_images(module, canvas, method), given)


# ---- the fixed point -------------------------------------------------------------------------------------------------


class CountingModule(AutoregressiveModule):
    """Notes what its companion evaluates: the number of images, the first column, and whether they are all."""

    def rows(self, n, width, codes):
        rows = super().rows(n, width, codes)
        start, evaluate, self.calls = rows.start, rows.columns, []

        def begin():
            start()
            self.calls.append([])

        def columns(x_NWC, first, active):
            self.calls[-1].append((len(x_NWC), first, active is None))
            return evaluate(x_NWC, first, active)

        rows.start, rows.columns = begin, columns
        return rows


def test_jacobi_needs_no_more_rounds_than_columns_and_finished_images_leave():
    height, width, n = 6, 8, 16
    module = make_network("plain", LAWS["sigmoid"](1), std=0.6)
    module.__class__ = CountingModule
    draw_images(module, make_canvas(module, n, height, width), "jacobi")
    assert len(module.calls) == height
    for rounds in module.calls:
        sizes, firsts, whole = ([call[i] for call in rounds] for i in range(3))
        assert len(rounds) <= width + 1
        assert rounds[0] == (n, 0, True) and not any(whole[1:])
        assert sizes == sorted(sizes, reverse=True) and firsts == sorted(firsts)
    cost = sum(size * (width - first) for rounds in module.calls for size, first, _ in rounds)
    assert cost < 0.5 * n * height * width * (width + 1) / 2  # half of going from column to column
    assert any(rounds[-1][0] < n / 2 for rounds in module.calls)


def test_what_auto_chooses():
    parallel = make_network("plain", LAWS["sigmoid"](1)).rows(1, 4, None)
    assert chosen_method("auto", JACOBI_BATCH, parallel) == "jacobi"
    assert chosen_method("auto", JACOBI_BATCH + 1, parallel) == "cached"
    for method in ("naive", "cached", "jacobi"):
        assert chosen_method(method, 1, parallel) == method
    one_by_one = make_network("diagonal_bilstm", LAWS["sigmoid"](1)).rows(1, 4, None)
    assert chosen_method("auto", 1, one_by_one) == "cached"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("n", [JACOBI_BATCH, JACOBI_BATCH + 1])
def test_auto_draws_the_same_as_all(network, n):
    module = make_network(network, LAWS["softmax_of_3"](1))
    drawn = [draw_images(module, make_canvas(module, n, 3, 4), method) for method in sampling.METHODS]
    assert all(torch.equal(drawn[0], other) for other in drawn[1:])


# ---- noise, progress and rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["naive", *FAST_METHODS])
@pytest.mark.parametrize("network", ["gated", "row_lstm"])
def test_the_generator_alone_decides(network, method):
    module = make_network(network, LAWS["mixture_of_4"](3))
    before = torch.get_rng_state()
    one, same, other = (draw_images(module, make_canvas(module, 4, 3, 3, seed=seed), method) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("method", FAST_METHODS)
@pytest.mark.parametrize(
    ("network", "kernel"), [*((network, None) for network in NETWORKS), ("gated", 1), ("plain", 1)]
)
def test_drawing_leaves_the_weights_alone(network, kernel, method):
    """What a companion prepares is its own, also where a layer is so small that its weights need no rearranging."""
    module = make_network(
        network, LAWS["sigmoid"](1), width=None if kernel is None else 2 // (1 + (network == "gated"))
    )
    if kernel is not None:
        layer = {"gated": GatedLayer, "plain": ResidualBlock}[network]
        module.layers = torch.nn.ModuleList([layer(module.n_features, kernel, 1, 0).double()])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    draw_images(module, make_canvas(module, 3, 2, 3), method)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("method", ["naive", *FAST_METHODS])
@pytest.mark.parametrize(("network", "width"), [("plain", 3), ("row_lstm", 3), ("row_lstm", 9)])
def test_progress_is_told_row_by_row(network, width, method):
    module = make_network(network, LAWS["sigmoid"](1))
    told = []
    draw_images(
        module, make_canvas(module, 2, 4, width), method, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("method", FAST_METHODS)
@pytest.mark.parametrize("network", NETWORKS)
def test_after_each_row_its_parameters_and_levels_are_told(network, method, law):
    """What sequential Monte Carlo weighs with: the parameters are those of the full pass over the finished image."""
    module = make_network(network, LAWS[law](3), n_classes=2)
    known = random_mask(4, 3, 3, 5)
    told = []
    canvas = make_canvas(module, 4, 3, 5, known=known)
    x = draw_images(module, canvas, method, after_row=lambda *row: told.append(row))
    with torch.no_grad():
        expected = module(x, canvas.codes)
    assert [r for r, _, _ in told] == [0, 1, 2]
    for r, parameters, levels in told:
        assert torch.equal(levels, x[:, :, r])
        given = parameters.unflatten(1, (module.n_groups, -1))
        wanted = expected[:, :, r : r + 1].unflatten(1, (module.n_groups, -1))
        torch.testing.assert_close(given, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", FAST_METHODS)
@pytest.mark.parametrize("network", NETWORKS)
def test_images_chosen_after_a_row_go_on_as_themselves(network, method):
    """The images that survive have the rows of those they come from, and what follows fits to these."""
    module = make_network(network, LAWS["softmax_of_3"](3), n_classes=3)
    index = torch.tensor([3, 3, 0, 2])
    kept, told = [], []

    def survivors(r, parameters, levels):
        told.append((levels.clone(), parameters))
        if r == 1:
            kept.append(torch.stack([levels for levels, _ in told], 2)[index])
            return index
        return None

    canvas = make_canvas(module, 4, 4, 3)
    x = draw_images(module, canvas, method, after_row=survivors)
    assert torch.equal(x[:, :, :2], kept[0])
    with torch.no_grad():
        expected = module(x, canvas.codes[index])
    for r in (2, 3):
        torch.testing.assert_close(told[r][1], expected[:, :, r : r + 1], rtol=0, atol=1e-12)
    assert not torch.equal(x[0, :, 2:], x[1, :, 2:])  # two of the same past part ways
