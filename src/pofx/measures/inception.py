"""The Inception-v3 network whose features the FID is defined on, and the one file of weights that makes it that.

Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

#: The published weights of 2015-12-05 for PyTorch, known as ``pt_inception-2015-12-05-6726825d.pth``.
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
FILE_BYTES = 95_628_359
#: What results call the features: the Fréchet distance on them is the FID.
NAME = "FID's Inception (2015-12-05, pool 3)"
SIDE = 299
#: Images that pass through the network together.
CHUNK = 32

#: out channels, kernel, stride of a convolution; a list of two of them in the place of one: side by side.
Step = tuple[int, tuple[int, int], int]
Chain = Sequence[Step | list[Step]]


#: Made anew for every call, and told how many of how many images are done.
Counter = Callable[[], AbstractContextManager[Callable[[int, int], None]]]


def uncounted() -> AbstractContextManager[Callable[[int, int], None]]:
    """A counter that tells nobody."""
    return nullcontext(lambda done, total: None)


class Convolution(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=1e-3)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return relu(self.bn(self.conv(x_NCHW)))


class Mixed(nn.Module):
    """Chains of convolutions side by side, and a pooled copy of the input.

    Args:
        chains: by the name that the file of weights gives them.
        pool: "avg" or "max" over 3 x 3; with stride 2 it is not followed by a convolution.
        n_pool: channels of the convolution after the pool, or None.
    """

    def __init__(self, n_in: int, chains: dict[str, Chain], pool: str, n_pool: int | None) -> None:
        super().__init__()
        self.pool, self.n_out = pool, n_in if n_pool is None else n_pool
        self.chains: list[list[list[str]]] = []
        for name, chain in chains.items():
            stages, n = [], n_in
            for number, step in enumerate(chain, 1):
                parts = step if isinstance(step, list) else [step]
                suffixes = [f"_{number}{letter}" for letter in "ab"] if len(parts) > 1 else [f"_{number}"]
                stage = [name + (suffix if len(chain) > 1 else "") for suffix in suffixes]
                for part_name, (n_out, (h, w), stride) in zip(stage, parts, strict=True):
                    padding = (h // 2, w // 2) if stride == 1 else (0, 0)
                    self.add_module(part_name, Convolution(n, n_out, (h, w), stride, padding))
                stages.append(stage)
                n = sum(n_out for n_out, _, _ in parts)
            self.chains.append(stages)
            self.n_out += n
        self.branch_pool = None if n_pool is None else Convolution(n_in, n_pool, (1, 1), 1, (0, 0))

    def forward(self, x_NCHW: Tensor) -> Tensor:
        parts = []
        for stages in self.chains:
            h_NCHW = x_NCHW
            for stage in stages:
                h_NCHW = torch.cat([self.get_submodule(name)(h_NCHW) for name in stage], dim=1)
            parts.append(h_NCHW)
        return torch.cat([*parts, self._pooled(x_NCHW)], dim=1)

    def _pooled(self, x_NCHW: Tensor) -> Tensor:
        if self.branch_pool is None:
            return max_pool2d(x_NCHW, 3, stride=2)
        # The mean is over the pixels that there are, as in the graph the weights were trained in.
        pooled = (
            max_pool2d(x_NCHW, 3, stride=1, padding=1)
            if self.pool == "max"
            else avg_pool2d(x_NCHW, 3, stride=1, padding=1, count_include_pad=False)
        )
        h_NCHW: Tensor = self.branch_pool(pooled)
        return h_NCHW


def _one(n_out: int, *kernel: int, stride: int = 1) -> Step:
    return n_out, (kernel[0], kernel[-1]), stride


def _mixed_35(n_in: int, n_pool: int) -> Mixed:
    chains: dict[str, Chain] = {
        "branch1x1": [_one(64, 1)],
        "branch5x5": [_one(48, 1), _one(64, 5)],
        "branch3x3dbl": [_one(64, 1), _one(96, 3), _one(96, 3)],
    }
    return Mixed(n_in, chains, "avg", n_pool)


def _to_17(n_in: int) -> Mixed:
    chains: dict[str, Chain] = {
        "branch3x3": [_one(384, 3, stride=2)],
        "branch3x3dbl": [_one(64, 1), _one(96, 3), _one(96, 3, stride=2)],
    }
    return Mixed(n_in, chains, "max", None)


def _mixed_17(n: int) -> Mixed:
    chains: dict[str, Chain] = {
        "branch1x1": [_one(192, 1)],
        "branch7x7": [_one(n, 1), _one(n, 1, 7), _one(192, 7, 1)],
        "branch7x7dbl": [_one(n, 1), _one(n, 7, 1), _one(n, 1, 7), _one(n, 7, 1), _one(192, 1, 7)],
    }
    return Mixed(768, chains, "avg", 192)


def _to_8() -> Mixed:
    chains: dict[str, Chain] = {
        "branch3x3": [_one(192, 1), _one(320, 3, stride=2)],
        "branch7x7x3": [_one(192, 1), _one(192, 1, 7), _one(192, 7, 1), _one(192, 3, stride=2)],
    }
    return Mixed(768, chains, "max", None)


def _mixed_8(n_in: int, pool: str) -> Mixed:
    crossed = [_one(384, 1, 3), _one(384, 3, 1)]
    chains: dict[str, Chain] = {
        "branch1x1": [_one(320, 1)],
        "branch3x3": [_one(384, 1), crossed],
        "branch3x3dbl": [_one(448, 1), _one(384, 3), crossed],
    }
    return Mixed(n_in, chains, pool, 192)


class InceptionV3(nn.Module):
    """Images (N, 3, 299, 299) of values about -1..1 -> the 2,048 means of the last maps.

    Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2015, arXiv 1512.00567, section 6, in the variant of the published graph
    of 2015-12-05: means leave the border out, and the last block pools by the maximum. The modules have the names of
    the file of weights.
    """

    def __init__(self) -> None:
        super().__init__()
        parts: dict[str, nn.Module] = {
            "Conv2d_1a_3x3": Convolution(3, 32, (3, 3), 2, (0, 0)),
            "Conv2d_2a_3x3": Convolution(32, 32, (3, 3), 1, (0, 0)),
            "Conv2d_2b_3x3": Convolution(32, 64, (3, 3), 1, (1, 1)),
            "maxpool_1": nn.MaxPool2d(3, stride=2),
            "Conv2d_3b_1x1": Convolution(64, 80, (1, 1), 1, (0, 0)),
            "Conv2d_4a_3x3": Convolution(80, 192, (3, 3), 1, (0, 0)),
            "maxpool_2": nn.MaxPool2d(3, stride=2),
            "Mixed_5b": _mixed_35(192, 32),
            "Mixed_5c": _mixed_35(256, 64),
            "Mixed_5d": _mixed_35(288, 64),
            "Mixed_6a": _to_17(288),
            "Mixed_6b": _mixed_17(128),
            "Mixed_6c": _mixed_17(160),
            "Mixed_6d": _mixed_17(160),
            "Mixed_6e": _mixed_17(192),
            "Mixed_7a": _to_8(),
            "Mixed_7b": _mixed_8(1280, "avg"),
            "Mixed_7c": _mixed_8(2048, "max"),
        }
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        for part in self.children():
            x_NCHW = part(x_NCHW)
        return x_NCHW.mean(dim=(2, 3))


def resized(x_NCHW: Tensor, side: int = SIDE) -> Tensor:
    """Bilinear, pixel i of the result from the place i * (old / new): as the published graph does it.

    Today's libraries take (i + 1/2) * (old / new) - 1/2, which shifts every image and changes the FID.
    """
    for axis in (2, 3):
        n = x_NCHW.shape[axis]
        place = torch.arange(side, device=x_NCHW.device, dtype=x_NCHW.dtype) * (n / side)
        before = place.floor().long().clamp(max=n - 1)
        after = (before + 1).clamp(max=n - 1)
        share = (place - before).reshape(-1, 1) if axis == 2 else place - before
        first, second = x_NCHW.index_select(axis, before), x_NCHW.index_select(axis, after)
        x_NCHW = first + (second - first) * share
    return x_NCHW


class PublishedInception:
    """Images as they are compared, (n, H, W) or (n, H, W, 3) -> the features (n, 2048) of the FID.

    Heusel et al. 2017, arXiv 1706.08500: values 0..255, gray images three times, resized to 299 x 299, (x - 128) / 128.

    Args:
        weights: the file ``pt_inception-2015-12-05-6726825d.pth``. Its size and SHA-256 are compared before anything of
            it is read, so that no other file is ever opened.
        levels: of the images; 0..levels-1 is stretched to 0..255.
        device: of the network.
        counter: makes what shows the progress of a call.

    Raises:
        ValueError: any other file; or, when called, images of other shapes or values.
    """

    def __init__(
        self,
        weights: str | Path,
        *,
        levels: int = 256,
        device: str | torch.device = "cpu",
        counter: Counter = uncounted,
    ) -> None:
        self._device, self._top, self._counter = torch.device(device), levels - 1, counter
        content = _published(Path(weights))
        self._network = InceptionV3()
        state = torch.load(content, map_location="cpu", weights_only=True)
        # The file also holds the layer that names classes, which features do not need.
        wanted = self._network.state_dict()
        found = {name: state[name] for name in wanted if not name.endswith("num_batches_tracked")}
        self._network.load_state_dict(found, strict=False)
        self._network.eval().to(self._device)

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float64]:
        images = np.asarray(images)
        if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
            raise ValueError(f"images must have shape (n, H, W) or (n, H, W, 3), not {images.shape}")
        if len(images) and not (images.min() >= 0 and images.max() <= self._top):
            raise ValueError(
                f"images have values from {images.min():g} to {images.max():g}; {NAME} needs them in 0..{self._top}"
            )
        features = np.empty((len(images), 2048))
        with torch.inference_mode(), self._counter() as count:
            for start in range(0, len(images), CHUNK):
                part = images[start : start + CHUNK].astype(np.float32) * np.float32(255 / self._top)
                x_NHWC = torch.from_numpy(part if part.ndim == 4 else np.repeat(part[..., None], 3, axis=3))
                x_NCHW = resized(x_NHWC.permute(0, 3, 1, 2).to(self._device))
                features[start : start + CHUNK] = self._network((x_NCHW - 128) / 128).double().cpu().numpy()
                count(min(start + CHUNK, len(images)), len(images))
        return features


def _published(path: Path) -> io.BytesIO:
    """The published file; what is compared is what is read, whatever becomes of the file meanwhile."""
    # The size first: a stranger's file of any length is not read through.
    content = b""
    if path.stat().st_size == FILE_BYTES:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    right = hashlib.sha256(content).hexdigest() == SHA256
    if not right:
        raise ValueError(
            f"{path} is not the published file of Inception weights (pt_inception-2015-12-05-6726825d.pth, "
            f"{FILE_BYTES:,} bytes, SHA-256 {SHA256[:16]}...): no other weights make a FID"
        )
    return io.BytesIO(content)
