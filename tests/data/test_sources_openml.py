"""Sources from openml.org, without the network: `fetch_openml` is replaced by what it would give or raise."""

import hashlib
import io
import json
import urllib.error
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import sklearn.datasets
from sklearn.datasets import _openml
from sklearn.datasets._openml import OpenMLError
from sklearn.utils import Bunch

from pofx.data.collection import Conversion, SourceError
from pofx.data.sources import load_source

RNG = np.random.default_rng(0)
CLASSES = np.array(["cat", "dog", "cat"], dtype=object)


class Fetch:
    """Stands for `fetch_openml`: notes what it is asked for, and answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Any = None

    def __call__(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch) -> Fetch:
    fetch = Fetch()
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return fetch


def data_set(data: Any, target: Any = None, **more: Any) -> Bunch:
    details = {"name": "mnist_784", "version": "1"}
    return Bunch(data=data, target=target, details=details, categories={}, feature_names=["a", "b"], **more)


@pytest.mark.parametrize(
    ("source", "query"),
    [
        ("openml:mnist_784", {"name": "mnist_784"}),
        ("openml:mnist_784@2", {"name": "mnist_784", "version": 2}),
        ("openml:554", {"data_id": 554}),
        ("openml:Fashion-MNIST", {"name": "Fashion-MNIST"}),
    ],
)
def test_it_is_asked_for_by_name_version_or_number(fetch: Fetch, source: str, query: dict[str, Any]) -> None:
    fetch.answer = data_set(RNG.integers(0, 256, (3, 784)).astype(float), CLASSES)
    load_source(source)
    assert fetch.asked == [{**query, "as_frame": False, "parser": "liac-arff"}]


def test_integers_become_uint8(fetch: Fetch) -> None:
    data = RNG.integers(0, 256, (9000, 4)).astype(float)
    data[-1, -1] = 255
    fetch.answer = data_set(data, np.arange(9000) % 10)
    collection = load_source("openml:mnist_784")
    assert collection.images.dtype == np.uint8
    assert np.array_equal(collection.images, data)
    assert collection.levels == 256
    assert collection.labels.tolist() == [k % 10 for k in range(9000)]
    assert collection.names is None
    assert collection.origin == "openml.org: mnist_784, version 1"


@pytest.mark.parametrize(("maximum", "levels"), [(0, 2), (1, 2), (16, 17)])
def test_there_are_as_many_levels_as_the_greatest_value_says(fetch: Fetch, maximum: int, levels: int) -> None:
    fetch.answer = data_set(np.array([[0.0, maximum]]))
    collection = load_source("openml:optdigits")
    assert collection.images.dtype == np.uint8
    assert collection.levels == levels


@pytest.mark.parametrize("odd", [0.5, -1.0, 256.0])
def test_other_numbers_stay_as_they_are(fetch: Fetch, odd: float) -> None:
    data = np.zeros((5000, 2))
    data[-1, -1] = odd
    fetch.answer = data_set(data)
    collection = load_source("openml:iris")
    assert collection.images is data
    assert collection.levels is None


@pytest.mark.parametrize(
    ("target", "labels"),
    [
        (CLASSES, ["cat", "dog", "cat"]),
        (np.array([2, 0, 1]), [2, 0, 1]),
        (np.array([2.0, 0.0, 1.0]), [2, 0, 1]),
        (np.array([2.5, 0.0, 1.0]), None),
        (np.array([np.nan, 0.0, 1.0]), None),
        (np.array([np.inf, 0.0, 1.0]), None),
        (np.array(["cat", None, "cat"], dtype=object), None),
        (np.zeros((3, 2)), None),
        (None, None),
    ],
)
def test_the_target_gives_the_labels_where_it_names_classes(fetch: Fetch, target: Any, labels: Any) -> None:
    fetch.answer = data_set(np.zeros((3, 4)), target)
    found = load_source("openml:mnist_784").labels
    assert (found if found is None else found.tolist()) == labels
    assert found is None or found.dtype.kind in "iU"


def test_it_can_be_resampled(fetch: Fetch) -> None:
    data = RNG.integers(0, 256, (3, 64)).astype(float)
    data[0, 0] = 255
    fetch.answer = data_set(data, CLASSES)
    collection = load_source("openml:mnist_784", size=(4, 4))
    assert collection.images.shape == (3, 4, 4)
    assert collection.conversions == (Conversion("resampled to 4x4 (Lanczos)", 3, "image 0"),)
    assert collection.labels.tolist() == CLASSES.tolist()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known.*; is there a network?"),
        (urllib.error.HTTPError("https://openml.org", 404, "Not Found", None, None), "HTTP Error 404: Not Found$"),
        (TimeoutError(), "TimeoutError; is there a network?"),
        (OpenMLError("No active dataset mnist_78 found."), r"No active dataset mnist_78 found\.$"),
        (ValueError("STRING attributes are not supported for array representation. Try as_frame=True"), "STRING"),
        (RuntimeError("odd"), "odd"),
        (MemoryError(), "MemoryError$"),
    ],
)
def test_what_goes_wrong_is_said(fetch: Fetch, error: Exception, message: str) -> None:
    fetch.answer = error
    with pytest.raises(SourceError, match=f"^openml:mnist_78 cannot be fetched: .*{message}"):
        load_source("openml:mnist_78")


def test_what_is_no_array_of_numbers_is_refused(fetch: Fetch) -> None:
    for answer, message in (
        (data_set(scipy.sparse.eye(3, format="csr")), "stored as a sparse matrix"),
        (data_set(np.array([["a", "b"]], dtype=object)), "it has columns that are not numbers$"),
        (data_set(np.zeros((3, 2))) | {"categories": {"b": ["red", "green"]}}, r"columns that are not numbers \(b\)"),
        (data_set(np.array([[1.0, np.nan]])), "some of its values are missing"),
        (data_set(np.zeros(3)), "must be numbers in two axes"),
    ):
        fetch.answer = answer
        with pytest.raises(SourceError, match=message):
            load_source("openml:adult")


@pytest.mark.parametrize("source", ["openml:", "openml:@1", "openml:mnist@", "openml:mnist@one", "openml: "])
def test_names_that_cannot_be_are_not_asked_for(fetch: Fetch, source: str) -> None:
    with pytest.raises(SourceError, match="is not openml:NAME, openml:NAME@VERSION with a number, or openml:ID"):
        load_source(source)
    assert fetch.asked == []


def test_a_choice_between_versions_is_no_warning_but_other_warnings_are(
    fetch: Fetch, recwarn: pytest.WarningsRecorder
) -> None:
    def warn(text: str) -> Any:
        def fetch_with_a_warning(**_: Any) -> Bunch:
            warnings.warn(text, stacklevel=2)
            return data_set(np.zeros((3, 4)))

        return fetch_with_a_warning

    sklearn.datasets.fetch_openml = warn("Multiple active versions of the dataset matching the name exist.")
    load_source("openml:mnist_784")
    assert not recwarn.list
    sklearn.datasets.fetch_openml = warn("Version 1 of dataset mnist_784 is inactive")
    with pytest.warns(UserWarning, match="is inactive"):
        load_source("openml:mnist_784")


# The real fetch_openml, whose requests are answered here


def answer(requests: list[str], content: dict[str, bytes]) -> Any:
    def urlopen(request: Any, *_: Any, **__: Any) -> Any:
        url = request if isinstance(request, str) else request.full_url
        requests.append(url)
        for end, body in content.items():
            if url.endswith(end):
                response = io.BytesIO(body)
                response.info = dict  # type: ignore[attr-defined]
                return response
        raise urllib.error.URLError("Temporary failure in name resolution")

    return urlopen


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[list[str], dict[str, bytes]]:
    requests: list[str] = []
    content: dict[str, bytes] = {}
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr(_openml, "urlopen", answer(requests, content))
    monkeypatch.setattr(_openml.time, "sleep", lambda seconds: None)
    return requests, content


def test_scikit_learn_fetches_and_keeps_it(openml: tuple[list[str], dict[str, bytes]]) -> None:
    requests, content = openml
    arff = b"@relation t\n@attribute p0 numeric\n@attribute p1 numeric\n@attribute class {cat,dog}\n@data\n"
    arff += b"0,16,cat\n3,7,dog\n16,0,cat\n"
    feature = {
        "is_target": "false",
        "is_ignore": "false",
        "is_row_identifier": "false",
        "number_of_missing_values": "0",
    }
    features = [{**feature, "index": str(k), "name": f"p{k}", "data_type": "numeric"} for k in range(2)]
    features.append({**feature, "index": "2", "name": "class", "data_type": "nominal", "is_target": "true"})
    description = {"id": "7", "name": "tiny", "version": "3", "status": "active", "format": "ARFF", "file_id": "9"}
    description |= {"url": "https://www.openml.org/data/v1/download/9/tiny.arff", "description": "tiny"}
    description["md5_checksum"] = hashlib.md5(arff).hexdigest()
    content["/data/7"] = json.dumps({"data_set_description": description}).encode()
    content["/features/7"] = json.dumps({"data_features": {"feature": features}}).encode()
    qualities = {"quality": [{"name": "NumberOfInstances", "value": "3.0"}]}
    content["/qualities/7"] = json.dumps({"data_qualities": qualities}).encode()
    content["tiny.arff"] = arff
    for _ in range(2):
        collection = load_source("openml:7")
        assert collection.images.tolist() == [[0, 16], [3, 7], [16, 0]]
        assert (collection.images.dtype, collection.levels) == (np.uint8, 17)
        assert collection.labels.tolist() == ["cat", "dog", "cat"]
        assert collection.origin == "openml.org: tiny, version 3"
        assert len(requests) == 4  # the second time all of it is there


def test_scikit_learn_has_no_network(openml: tuple[list[str], dict[str, bytes]]) -> None:
    with pytest.raises(SourceError, match=r"Temporary failure in name resolution.*is there a network"):
        load_source("openml:mnist_784@1")
    assert all("mnist_784" in request for request in openml[0])


def test_it_has_no_split(fetch: Fetch) -> None:
    with pytest.raises(SourceError, match="openml:mnist_784 has no split 'test'"):
        load_source("openml:mnist_784", split="test")
