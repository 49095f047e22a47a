"""What the pages on the models name in the code is there: functions, classes, parameters, symbols of shapes."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import pofx

ROOT = Path(__file__).parent.parent
PAGES = {
    "autoregressive.md": "pofx.families.autoregressive",
    "pixelcnn.md": "pofx.families.autoregressive",
    "pixelrnn.md": "pofx.families.autoregressive",
    "vae.md": "pofx.families.variational",
    "bounds.md": "pofx.families.variational",
    "gan.md": "pofx.families.adversarial",
    "outliers.md": "pofx.applications",
    "features.md": "pofx.evaluation",
}
TABLES = {"pixelcnn.md": pofx.PixelCNN, "pixelrnn.md": pofx.PixelRNN}


def code_spans(page):
    """What stands between backticks: Python, that is, and not a path, a command or an option of one."""
    spans = re.findall(r"`([^`\n]+)`", (ROOT / "docs" / page).read_text())
    return [span for span in spans if "/" not in span and not span.startswith(("python ", "--"))]


def names_in(folder):
    """Names of modules, definitions, arguments and attributes in the sources, and words that parameters may be."""
    names = set()
    for path in folder.rglob("*.py"):
        names.add(path.stem)
        for node in ast.walk(ast.parse(path.read_text())):
            for field in ("id", "attr", "arg", "name"):
                names.add(getattr(node, field, None))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                names.add(node.value)
    return names


NAMES = names_in(ROOT / "src" / "pofx") | {"True", "False", "None"}


def exists(dotted, family):
    """Whether `module.name` or `Class.attribute` is in the family, or `pofx.Name`; also what instances alone have."""
    first, *rest = dotted.split(".")
    package = importlib.import_module(family)
    modules = [importlib.import_module(f"{family}.{info.name}") for info in pkgutil.iter_modules(package.__path__)]
    if first == "pofx":
        return hasattr(pofx, rest[0])
    for module in modules:
        if module.__name__.endswith(f".{first}"):
            return hasattr(module, rest[0])
    classes = [vars(module)[first] for module in modules if first in vars(module)]
    return any(hasattr(found, rest[0]) or f"self.{rest[0]}" in inspect.getsource(found) for found in classes)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_in_the_code(page):
    spans = code_spans(page)
    assert len(spans) > 10
    for span in spans:
        for name in re.findall(r"[A-Za-z_][\w.]*", span):
            if "." in name:
                assert exists(name, PAGES[page]), f"{page}: {name}"
            else:
                assert name in NAMES, f"{page}: {name}"


@pytest.mark.parametrize("page", TABLES)
def test_the_defaults_in_the_tables_are_those_of_the_code(page):
    defaults = TABLES[page]().get_params()
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE)
    assert len(rows) > 4
    for name, value in rows:
        assert defaults[name] == ast.literal_eval(value), f"{page}: {name}"


def test_a_name_that_is_not_there_is_found_out():
    family = "pofx.families.autoregressive"
    assert exists("GatedLayer.vertical", family) and exists("pofx.PixelCNN", family)
    assert not exists("GatedLayer.diagonal", family) and not exists("masks.nothing", family)
    assert not exists("pofx.PixelXYZ", family) and not exists("NoSuchLayer.forward", family)
