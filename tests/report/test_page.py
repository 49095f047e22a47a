"""The page: one file, that asks nothing of anybody and takes nothing for HTML that is none."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pofx.report.page import html_of, png_of
from pofx.report.section import Code, Picture, Section, Table, Text

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=y>"


def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8))


@pytest.fixture
def page():
    parts = [
        Text(HOSTILE), Text("Beware.", warning=True), Code(f"pofx info {HOSTILE}"),
        Table("t", [["", HOSTILE], ["a", "1"], ["b", HOSTILE]], note=HOSTILE),
        Picture("p", picture(), HOSTILE, HOSTILE),
    ]  # fmt: skip
    sections = [
        Section("one", "One", "It shows.", "It hides.", "A finding.", parts),
        Section("two", HOSTILE, "It shows.", "It hides."),
    ]
    return html_of(HOSTILE, ["A summary.", HOSTILE], sections)


class Reader(HTMLParser):
    """All tags with their attributes, and which were open at the end."""

    VOID = ("meta", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_tags_are_closed_and_nothing_hostile_becomes_one(page):
    reader = Reader(page)
    assert not reader.open
    assert not [tag for tag, _ in reader.tags if tag in ("script", "iframe", "object", "form")]
    assert len([tag for tag, _ in reader.tags if tag == "img"]) == 1
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]


def test_it_asks_nothing_of_anybody(page):
    reader = Reader(page)
    addresses = [value for _, some in reader.tags for name, value in some.items() if name in ("src", "href", "srcset")]
    assert all(value.startswith(("data:", "#")) for value in addresses) and len(addresses) == 4
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style and "@import" not in style
    policy = next(one["content"] for tag, one in reader.tags if "http-equiv" in one)
    assert "default-src 'none'" in policy


def test_every_section_can_be_reached_and_says_what_it_shows_and_what_not(page):
    reader = Reader(page)
    links = {one["href"] for tag, one in reader.tags if tag == "a"}
    assert links == {f"#{one['id']}" for tag, one in reader.tags if tag == "section"} == {"#one", "#two"}
    assert page.count("It shows.") == page.count("It hides.") == 2
    assert page.index("A finding.") < page.index('<section id="one">')


def test_pictures_are_what_they_were_and_say_what_can_be_seen(page):
    reader = Reader(page)
    (attributes,) = [one for tag, one in reader.tags if tag == "img"]
    assert attributes["alt"] == HOSTILE and (attributes["width"], attributes["height"]) == ("30", "20")
    data = base64.b64decode(re.match("data:image/png;base64,(.*)", attributes["src"])[1])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), np.asarray(picture()))


def test_few_colours_take_few_bytes_and_none_is_lost():
    gray = np.random.default_rng(0).integers(0, 40, (50, 60)).astype(np.uint8)
    image = Image.fromarray(gray).convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    assert len(png_of(image)) < len(file.getvalue())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_of(image))).convert("RGB")), np.asarray(image))


def test_what_no_page_can_hold_is_replaced():
    page = html_of("a\udcffb\x1b[2Jc", [], [])
    assert "a\ufffdb\ufffd[2Jc" in page
    page.encode()
