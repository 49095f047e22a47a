"""The site of the documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

import write_benchmarks  # noqa: E402


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built without a warning, and where nothing but this machine can be reached."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", DOCS, folder / "html", "-d", folder / "cache"],
        capture_output=True,
        text=True,
        env=os.environ | nowhere,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_is_on_the_site(site):
    assert {path.stem for path in DOCS.glob("*.md")} <= {path.stem for path in site.glob("*.html")}


def test_the_site_loads_nothing_from_elsewhere(site):
    for page in site.glob("*.html"):
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"'](https?://[^\"']+)", page.read_text())
        assert loaded == [], page.name


def test_the_reference_has_everything_public(site):
    import pofx

    page = (site / "api.html").read_text()
    for name in pofx.__all__:
        assert name == "__version__" or f'id="pofx.{name}"' in page, name
    assert "Learn the law from images." in page  # the docstrings are there
    assert "metadata_routing" not in page  # and not those of scikit-learn


def test_the_page_of_benchmarks_tells_what_was_measured():
    assert (DOCS / "benchmarks.md").read_text() == write_benchmarks.page(), "run: python docs/write_benchmarks.py"


def test_every_table_of_results_is_on_the_page_of_benchmarks():
    assert {path.stem for path in (write_benchmarks.BENCHMARKS / "results").glob("*.csv")} == set(
        write_benchmarks.TABLES
    )
