"""The site of the documentation: python -m sphinx -W docs out/site"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

import pofx

project = "pofx"
author = "The pofx developers"
version = release = pofx.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
exclude_patterns = ["pictures", "static"]
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = "pofx"
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]


def as_written(_app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with formulas, shapes and names that end in an underscore: shown as they stand."""
    if any(lines):
        lines[:] = ["::", "", *("   " + line for line in lines), ""]


def is_left_out(_app: Sphinx, _what: str, _name: str, member: Any, skip: bool, _options: Any) -> bool | None:
    """What scikit-learn has, it documents."""
    return True if (getattr(member, "__module__", None) or "").startswith("sklearn") else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", as_written)
    app.connect("autodoc-skip-member", is_left_out)
