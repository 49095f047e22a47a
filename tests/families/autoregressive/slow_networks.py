"""The convolutional networks once more, written from the published equations: plain loops over pixels, NumPy, float64.

Nothing is taken from the library but the names and shapes of the weights: a masked convolution of width k keeps only
the rows up to its centre, (O, I, k // 2 + 1, k), and if it sees one row, of that the columns up to its centre. What a
feature may see is decided by comparing places and colours.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]


def colours(n_features: int, n_groups: int, gates: int = 1) -> list[int]:
    """Each gate of n_features is cut into n_groups equal parts: R, G, B, and again for the next gate."""
    return [(i % n_features) * n_groups // n_features for i in range(gates * n_features)]


def masked_convolution(
    x_FHW: Array,
    weight: Array,
    bias: Array | None,
    colour_in: list[int],
    colour_out: list[int],
    sees_own: bool,
    dilation: int = 1,
) -> Array:
    """Rows above and columns to the left are seen; of the pixel itself the colours before (mask A), or also the own
    (mask B)."""
    n_out, n_in, height, width = weight.shape
    _, rows, columns = x_FHW.shape
    out_FHW = np.zeros((n_out, rows, columns))
    for r in range(rows):
        for c in range(columns):
            for o in range(n_out):
                total = 0.0 if bias is None else bias[o]
                for a in range(height):
                    for b in range(width):
                        y, x = r - (height - 1) + a, c - dilation * ((width - 1 if height == 1 else width // 2) - b)
                        if not (0 <= y < rows and 0 <= x < columns) or (y, x) > (r, c):
                            continue
                        for i in range(n_in):
                            is_before = (y, x) < (r, c) or colour_in[i] < colour_out[o]
                            if is_before or (sees_own and colour_in[i] == colour_out[o]):
                                total += weight[o, i, a, b] * x_FHW[i, y, x]
                out_FHW[o, r, c] = total
    return out_FHW


def free_convolution(x_FHW: Array, weight: Array, bias: Array, rows_up: int, dilation: int = 1) -> Array:
    """No mask; the window's last row is ``rows_up`` above the pixel, its columns are centred."""
    n_out, _, height, width = weight.shape
    _, rows, columns = x_FHW.shape
    out_FHW = np.zeros((n_out, rows, columns))
    for r in range(rows):
        for c in range(columns):
            total = bias.copy()
            for a in range(height):
                for b in range(width):
                    y, x = r - rows_up - dilation * (height - 1 - a), c - dilation * (width // 2 - b)
                    if 0 <= y < rows and 0 <= x < columns:
                        total += weight[:, :, a, b] @ x_FHW[:, y, x]
            out_FHW[:, r, c] = total
    return out_FHW


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def gated(both_FHW: Array) -> Array:
    """tanh(a) sigmoid(b), a and b the two halves."""
    a, b = np.split(both_FHW, 2)
    return np.tanh(a) / (1 + np.exp(-b))


def label_of(w: Weights, prefix: str, code: int | None) -> Array | float:
    """The label's contribution to every pixel, (features, 1, 1)."""
    return 0.0 if code is None else w[f"{prefix}.label.weight"][:, code][:, None, None]


def place_of(w: Weights, prefix: str) -> Array | float:
    """What each pixel gets for where it is, (features, height, width)."""
    if f"{prefix}.row" not in w:
        return 0.0
    rows_FH, columns_FW = w[f"{prefix}.row"], w[f"{prefix}.column"]
    height, width = rows_FH.shape[1], columns_FW.shape[1]
    return np.array(
        [[[r[i] + c[j] for j in range(width)] for i in range(height)] for r, c in zip(rows_FH, columns_FW, strict=True)]
    )


def parameters(
    w: Weights,
    x_CHW: NDArray[np.int64],
    code: int | None,
    *,
    levels: int,
    n_features: int,
    n_layers: int,
    n_groups: int,
    gated_layers: bool,
) -> Array:
    """What the network tells the pixel law, (numbers, height, width), for one image."""
    u_CHW = 2.0 * x_CHW / (levels - 1) - 1
    channels = len(u_CHW)
    of_image = list(range(channels)) if n_groups > 1 else [0] * channels
    features = colours(n_features, n_groups)
    h_FHW = masked_convolution(u_CHW, w["input.look.weight"], w["input.look.bias"], of_image, features, sees_own=False)
    h_FHW = h_FHW + place_of(w, "input.place")
    if gated_layers:
        v_FHW = free_convolution(u_CHW, w["input.vertical.weight"], w["input.vertical.bias"], rows_up=1)
        v_FHW = v_FHW + place_of(w, "input.vertical_place")
    for number in range(n_layers):
        prefix = f"layers.{number}"
        if gated_layers:
            h_FHW, v_FHW = gated_layer(w, prefix, h_FHW, v_FHW, code, n_groups, (1, 2, 4)[number % 3])
        else:
            h_FHW = residual_block(w, prefix, h_FHW, code, n_groups)
    for number, colour_out in ((0, features), (1, colours(len(w["head.1.weight"]), n_groups))):
        weight, bias = w[f"head.{number}.weight"], w[f"head.{number}.bias"]
        h_FHW = masked_convolution(relu(h_FHW), weight, bias, features, colour_out, sees_own=True)
    return h_FHW


def residual_block(w: Weights, prefix: str, h_FHW: Array, code: int | None, n_groups: int) -> Array:
    """arXiv 1601.06759, figure 5: 1 x 1 to h, k x k, 1 x 1 back to 2h, a rectifier before each, and the input added."""
    n_features = len(h_FHW)
    outer, inner = colours(n_features, n_groups), colours(n_features // 2, n_groups)
    part_FHW = h_FHW
    for name, colour_in, colour_out in (("reduce", outer, inner), ("look", inner, inner), ("expand", inner, outer)):
        weight, bias = w[f"{prefix}.{name}.weight"], w[f"{prefix}.{name}.bias"]
        part_FHW = masked_convolution(relu(part_FHW), weight, bias, colour_in, colour_out, sees_own=True)
        if name == "reduce":
            part_FHW = part_FHW + label_of(w, prefix, code)
    return h_FHW + part_FHW


def gated_layer(
    w: Weights, prefix: str, h_FHW: Array, v_FHW: Array, code: int | None, n_groups: int, dilation: int
) -> tuple[Array, Array]:
    """arXiv 1606.05328, figure 2 and equations 2 and 4, with a residual connection also in the vertical stack, whose
    gated features go to the horizontal one."""
    n_features = len(h_FHW)
    features, gates = colours(n_features, n_groups), colours(n_features, n_groups, gates=2)
    label = label_of(w, prefix, code)
    vertical_weight, vertical_bias = w[f"{prefix}.vertical.weight"], w[f"{prefix}.vertical.bias"]
    above = gated(free_convolution(v_FHW, vertical_weight, vertical_bias, 0, dilation) + label)
    link = free_convolution(above, w[f"{prefix}.link.weight"], w[f"{prefix}.link.bias"], 0)
    horizontal_weight = w[f"{prefix}.horizontal.weight"]
    horizontal = masked_convolution(h_FHW, horizontal_weight, None, features, gates, True, dilation)
    out_weight, out_bias = w[f"{prefix}.out.weight"], w[f"{prefix}.out.bias"]
    out = masked_convolution(gated(horizontal + link + label), out_weight, out_bias, features, features, sees_own=True)
    if f"{prefix}.vertical_out.weight" not in w:  # the last layer
        return h_FHW + out, above
    return h_FHW + out, v_FHW + free_convolution(
        above, w[f"{prefix}.vertical_out.weight"], w[f"{prefix}.vertical_out.bias"], 0
    )
