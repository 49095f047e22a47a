"""From sections to one HTML file that holds all it shows and asks nothing of anybody."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, FunctionLoader, StrictUndefined
from PIL.Image import Dither

from pofx._version import __version__
from pofx.report.section import Code, Picture, Section, Table, Text

if TYPE_CHECKING:
    from PIL.Image import Image

#: What names of files may hold and no page: control characters, and bytes that are no UTF-8.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def html_of(title: str, summary: Sequence[str], sections: Sequence[Section]) -> str:
    """The page: whatever the texts say is text, also where it looks like HTML.

    Args:
        title: heads the page. summary: paragraphs below it.
    """
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {
        name: lambda part, kind=kind: isinstance(part, kind)
        for name, kind in {"text": Text, "code": Code, "table": Table, "picture": Picture}.items()
    }
    environment.filters["inlined"] = inlined
    text = environment.get_template("page.html").render(
        title=title, summary=summary, sections=sections, style=_resource("page.css"), version=__version__
    )
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def inlined(image: Image) -> str:
    """The picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png_of(image)).decode()}"


def png_of(image: Image) -> bytes:
    """The picture as a PNG file, in as few bytes as keep all of it."""
    few = image.convert("RGB").getcolors(256)
    if few is not None:  # a palette of all its colours: a third of the bytes
        image = image.convert("RGB").quantize(len(few), dither=Dither.NONE)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _resource(name: str) -> str:
    return files("pofx.report").joinpath(name).read_text(encoding="utf-8")
