"""The recurrent layers once more, written from the published equations: loops over pixels, NumPy, float64.

Nothing is taken from the library but the names and shapes of the weights. Gates come in the order o, f, i, g.
Source: arXiv 1601.06759, sections 3.1 to 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]


def sees(n_out: int, n_in: int, n_groups: int) -> Array:
    """Mask B: 1 where a feature of n_out may see one of n_in at the same pixel. Both are cut into R, G, B."""
    mask = np.zeros((n_out, n_in))
    for o in range(n_out):
        for i in range(n_in):
            mask[o, i] = i * n_groups // n_in <= o * n_groups // n_out
    return mask


def gates_see(h: int, n_in: int, n_groups: int) -> Array:
    """Each of the four gates is cut into R, G, B by itself."""
    return np.concatenate([sees(h, n_in, n_groups)] * 4)


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def cell(gates: Array, c_before: Array) -> tuple[Array, Array]:
    """h and c."""
    o, f, i, g = np.split(gates, 4)
    c = sigmoid(f) * c_before + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def residual(w: Weights, x_FHW: Array, h_HWh: Array, n_groups: int) -> Array:
    out = w["out.weight"][:, :, 0, 0] * sees(len(x_FHW), h_HWh.shape[-1], n_groups)
    result = x_FHW.copy()
    for r in range(x_FHW.shape[1]):
        for c in range(x_FHW.shape[2]):
            result[:, r, c] += out @ h_HWh[r, c] + w["out.bias"]
    return result


def row_lstm(w: Weights, x_FHW: Array, y_K: Array, n_groups: int) -> Array:
    """The layer's output for one image."""
    n_features, height, width = x_FHW.shape
    h = n_features // 2
    kernel = w["state_to_state"].shape[0]
    reach = kernel // 2
    own = gates_see(h, n_features, n_groups)
    hidden, memory = np.zeros((height, width, h)), np.zeros((height, width, h))
    for r in range(height):
        for c in range(width):
            gates = w["input_to_state.bias"].copy()
            if "label.weight" in w:
                gates += w["label.weight"] @ y_K
            for e in range(-reach, 1):
                if c + e >= 0:
                    weight = w["input_to_state.weight"][:, :, 0, e + reach]
                    gates += (weight * own if e == 0 else weight) @ x_FHW[:, r, c + e]
            for e in range(-reach, reach + 1):
                if 0 <= c + e < width:
                    gates += w["state_to_state"][e + reach] @ (hidden[r - 1, c + e] if r > 0 else w["h0"])
            hidden[r, c], memory[r, c] = cell(gates, memory[r - 1, c] if r > 0 else w["c0"])
    return residual(w, x_FHW, hidden, n_groups)


def from_one_side(w: Weights, x_FHW: Array, y_K: Array, n_groups: int, direction: int) -> Array:
    """Hidden states, height width h: from the left (direction 0) or from the right (1)."""
    n_features, height, width = x_FHW.shape
    h = n_features // 2
    gates_of = slice(direction * 4 * h, (direction + 1) * 4 * h)
    weight = w["input_to_state.weight"][gates_of, :, 0, 0] * gates_see(h, n_features, n_groups)
    before, above = w["state_to_state"][:, direction]
    hidden, memory = np.zeros((height, width, h)), np.zeros((height, width, h))
    step = 1 if direction == 0 else -1
    for r in range(height):
        for c in list(range(width))[::step]:
            is_first = not 0 <= c - step < width
            gates = weight @ x_FHW[:, r, c] + w["input_to_state.bias"][gates_of]
            if "label.weight" in w:
                gates += w["label.weight"][gates_of] @ y_K
            gates += before @ (w["h0"][direction] if is_first else hidden[r, c - step])
            if r > 0:
                gates += above @ hidden[r - 1, c]
            hidden[r, c], memory[r, c] = cell(gates, w["c0"][direction] if is_first else memory[r, c - step])
    return hidden


def diagonal_bilstm(w: Weights, x_FHW: Array, y_K: Array, n_groups: int) -> Array:
    """The layer's output for one image."""
    both = from_one_side(w, x_FHW, y_K, n_groups, 0)
    right = from_one_side(w, x_FHW, y_K, n_groups, 1)
    for r in range(1, x_FHW.shape[1]):
        both[r] += right[r - 1]
    return residual(w, x_FHW, both, n_groups)
