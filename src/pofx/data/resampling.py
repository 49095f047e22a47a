"""Images brought to another size: cut at the centre to the new shape, then resampled with an antialiasing filter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from pofx.data.collection import Collection, Conversion, Progress, SourceError
from pofx.data.images import shape_HWC

Size = tuple[int, int]  # height, width


def check_size(size: Size) -> Size:
    """``size`` as two positive ints (height, width); SourceError for anything else."""
    try:
        height, width = (int(side) for side in size if side == int(side))
    except (TypeError, ValueError) as error:
        raise SourceError(f"size must be (height, width) in pixels, not {size!r}") from error
    if height < 1 or width < 1:
        raise SourceError(f"size must be (height, width) in pixels, not {size!r}")
    return height, width


def centre_box(current: Size, target: Size) -> tuple[int, int, int, int]:
    """The largest centred box of whole pixels with the target's aspect ratio: left, top, right, bottom."""
    (height, width), (target_height, target_width) = current, target
    box_height, box_width = height, width
    if width * target_height > height * target_width:
        box_width = max(1, round(height * target_width / target_height))
    else:
        box_height = max(1, round(width * target_height / target_width))
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


def steps_to(current: Size, target: Size) -> tuple[str, ...]:
    """In words what `resample` does to an image of the size ``current``."""
    left, top, right, bottom = centre_box(current, target)
    divisor = math.gcd(*target)
    steps = []
    if (bottom - top, right - left) != current:
        steps.append(f"cut to the shape {target[0] // divisor}:{target[1] // divisor} first")
    if (bottom - top, right - left) != target:
        steps.append(f"resampled to {target[0]}x{target[1]} (Lanczos)")
    return tuple(steps)


def resample(image: Image.Image, target: Size) -> Image.Image:
    """``image`` (mode L or RGB), cut at the centre and resampled to ``target`` with Pillow's Lanczos filter.

    Pillow widens the filter when it makes an image smaller, so that fine stripes become gray and not coarse stripes.
    """
    image = image.crop(centre_box((image.height, image.width), target))
    # An image that has the size comes back as it is.
    return image.resize((target[1], target[0]), Image.Resampling.LANCZOS)


def resample_collection(collection: Collection, size: Size, progress: Progress | None = None) -> Collection:
    """``collection``, an array of images, with each image resampled to ``size`` (height, width).

    Rows (n, d) are images if d is a square, as everywhere. Images that have the size already come back as they are.

    Raises:
        SourceError: if the values are no shades between which a filter may mix, or the size of the images is not known.
    """
    images, n = collection.images, len(collection)
    try:
        height, width, channels = shape_HWC(images.shape)
    except ValueError as error:
        raise SourceError(f"{collection.origin}: {error}") from error
    if (height, width) == size:
        return collection
    if images.ndim == 2 and height == 1:
        raise SourceError(
            f"{collection.origin}: rows of {width} numbers have no height and width, so they cannot be resampled; "
            "give the images as (n, height, width) or (n, height, width, channels)"
        )
    cannot = f"{collection.origin}: images of {height}x{width} cannot be resampled to {size[0]}x{size[1]}"
    if images.dtype != np.uint8:
        raise SourceError(
            f"{cannot}: they are {images.dtype}, and only for uint8, shades 0..255, is it known what lies between two "
            "values. Convert them to uint8, or bring them to one size yourself."
        )
    if 0 in images.shape:
        raise SourceError(f"{cannot}: the array of shape {images.shape} is empty")
    if collection.levels not in (None, 256) or (collection.levels is None and images.max() <= 1):
        raise SourceError(
            f"{cannot}: their values are {collection.levels or 2} levels and not shades 0..255, between which a filter "
            "may mix. Spread them over 0..255 first."
        )
    try:
        resampled = np.empty((n, *size, *images.shape[3:]), np.uint8)
    except MemoryError as error:
        raise SourceError(f"memory cannot hold {n} images of {size[0]}x{size[1]}") from error
    pixels_NHWC = images.reshape(n, height, width, channels)
    result_NHWC = resampled.reshape(n, *size, channels)
    for index in range(n):
        for channel, plane in enumerate(_planes(pixels_NHWC[index])):
            result_NHWC[index, :, :, channel] = np.asarray(resample(Image.fromarray(plane), size))
        if progress is not None:
            progress(index + 1, n)
    steps = tuple(Conversion(what, n, "image 0") for what in steps_to((height, width), size))
    return replace(collection, images=resampled, conversions=collection.conversions + steps)


def _planes(image_HWC: np.ndarray) -> Iterator[np.ndarray]:
    for channel in range(image_HWC.shape[2]):
        yield np.ascontiguousarray(image_HWC[:, :, channel])
