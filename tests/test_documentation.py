"""What the README and the docstrings show runs as it stands there."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))])
def test_python_in_the_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL):
        exec(compile(block, page, "exec"), {})


@pytest.mark.parametrize(
    "module",
    ["pofx", "pofx.registry", "pofx.families.autoregressive.estimator", "pofx.families.variational.estimator"],
)
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0


def test_links_of_the_pages_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_makefile_has_what_the_readme_promises():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "test-slow", "bench", "lint"):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_torchvision_is_not_installed():
    """Its wheels break the CPU build of torch at import; nothing may pull it in."""
    assert importlib.util.find_spec("torchvision") is None
