"""What packing is worth: reading every image once out of a packed file, beside a folder of PNG files; within one run.

    python benchmarks/loading.py

20,000 colour images of 32 x 32 lie in a temporary folder, and packed in one file. They are smooth with some noise, so
that the PNG files are compressed about as photographs are. A round reads all of them in each of four ways:

- packed, folder: what a fit does: `load_source` (which compares the fingerprint of the packed file), then a pass in
  random order in batches of 256 as uint8 tensors (`ImageReader`);
- plain loop: PIL and NumPy into one array and no more, without any checks; then the same pass;
- DataLoader: PyTorch's, with 2 worker processes that decode the files of each batch of 256.

All of them read files that the system has just written, so none waits for a disk. Appends a row to
``results/loading.csv``: the medians of 5 rounds in images per second, and the median, the least and the greatest of the
ratios within a round.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import common
from pofx.data.checking import infer_format
from pofx.data.packing import pack
from pofx.data.reader import ImageReader
from pofx.data.sources import load_source

IMAGES, SIDE, BATCH, ROUNDS = 20_000, 32, 256, 5


def write_images(folder: Path) -> None:
    """PNG files of random low frequencies and a little noise."""
    rng = np.random.default_rng(0)
    position = np.arange(SIDE) / SIDE
    waves = np.stack([np.cos(np.pi * k * position) for k in range(5)])
    for index in range(IMAGES):
        amplitudes = rng.standard_normal((3, 5, 5)) / (1 + np.add.outer(np.arange(5), np.arange(5)))
        smooth = np.einsum("cjk,jx,ky->xyc", amplitudes, waves, waves)
        pixels = 128 + 50 * smooth + 5 * rng.standard_normal(smooth.shape)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{index:05}.png")


def passed(images: np.ndarray) -> int:
    """A pass in random order, as an epoch of a fit makes it; the sum of what was read of each batch."""
    rows = images.reshape(len(images), -1)
    reader = ImageReader(rows, infer_format(rows[:1], images[:1].shape))
    order = np.random.default_rng(0).permutation(len(reader))
    return sum(int(reader.batch(order[at : at + BATCH])[0][0, 0, 0, 0]) for at in range(0, len(order), BATCH))


def from_source(source: Path) -> int:
    return passed(load_source(source).images)


def plain_loop(folder: Path) -> int:
    paths = sorted(folder.iterdir())
    images = np.empty((len(paths), SIDE, SIDE, 3), np.uint8)
    for index, path in enumerate(paths):
        with Image.open(path) as image:
            images[index] = np.asarray(image)
    return passed(images)


class Files(Dataset[torch.Tensor]):
    """The images of a folder, decoded when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def data_loader(folder: Path) -> int:
    loader = DataLoader(Files(folder), BATCH, shuffle=True, num_workers=2)
    return sum(int(batch[0, 0, 0, 0]) for batch in loader)


def images_per_second(read: Callable[[], int]) -> float:
    start = time.perf_counter()
    read()
    return IMAGES / (time.perf_counter() - start)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, packed = Path(temporary) / "pngs", Path(temporary) / "images.packed"
        folder.mkdir()
        write_images(folder)
        packing = images_per_second(lambda: pack(folder, packed).shape[0])
        ways = {
            "packed": lambda: from_source(packed),
            "folder": lambda: from_source(folder),
            "plain_loop": lambda: plain_loop(folder),
            "data_loader_2_workers": lambda: data_loader(folder),
        }
        assert from_source(packed) == from_source(folder) == plain_loop(folder)  # and warm up
        rounds = [{name: images_per_second(read) for name, read in ways.items()} for _ in range(ROUNDS)]
        megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6, packed.stat().st_size / 1e6
    row: dict[str, object] = {"images": f"{IMAGES} of {SIDE}x{SIDE}x3", "rounds": ROUNDS}
    for name in ways:
        row[f"{name}_images_per_second"] = round(statistics.median(each[name] for each in rounds))
    for name in list(ways)[1:]:
        ratios = [each["packed"] / each[name] for each in rounds]
        row[f"packed_over_{name}"] = round(statistics.median(ratios), 1)
        row[f"packed_over_{name}_range"] = f"{min(ratios):.1f} to {max(ratios):.1f}"
    row |= {
        "packing_images_per_second": round(packing),
        "folder_megabytes": round(megabytes[0], 1),
        "packed_megabytes": round(megabytes[1], 1),
    }
    common.append_row("loading", row)


if __name__ == "__main__":
    main()
