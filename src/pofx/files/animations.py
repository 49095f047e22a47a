"""Moving pictures: pages of one size, one after the other, as an animated GIF."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pofx.atomic import atomic_write

#: Milliseconds that a frame stays, and that the first and the last stay.
FRAME_TIME, END_TIME = 120, 700


def save_gif(pages: Sequence[Image.Image], path: str | os.PathLike[str], *, back: bool = True) -> Path:
    """Write pages as an endless animation, replacing ``path`` in one step.

    (Equal pages that follow one another become one frame, which stays as long as they would have stayed together.)

    Args:
        pages: all of one size, at least one. Each has its own 256 colours, chosen without dithering: enough for gray
            images, and near enough for colours.
        back: go back through the pages after the last one, instead of starting anew with a leap.

    Raises:
        ValueError: there is no page, or they differ in size.
        OSError: the folder does not exist or cannot be written.
    """
    if not pages or len({page.size for page in pages}) != 1:
        raise ValueError("an animation needs pages of one size, at least one")
    times = [FRAME_TIME] * len(pages)
    times[0] = times[-1] = END_TIME
    frames = [page.convert("RGB").quantize(256, dither=Image.Dither.NONE) for page in pages]
    if back:
        frames, times = frames + frames[-2:0:-1], times + times[-2:0:-1]
    return atomic_write(
        path,
        lambda file: frames[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=times,
            loop=0,
            optimize=False,
            disposal=1,
        ),
    )
