"""A detector in a file: bit for bit the same after loading, and damaged contents refused by name."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import pofx
from pofx.applications.outlier_file import NAME
from pofx.files import model_file

DIGITS, LABELS = load_digits().images, load_digits().target
VAE = {"width": 16, "depth": 1, "latent_dim": 3, "max_epochs": 2, "random_state": 0}
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])

KINDS = {
    "typicality": {},
    "log_prob": {"score": "log_prob"},
    "complexity": {"score": "complexity"},
    "likelihood_ratio": {"score": "likelihood_ratio"},
    "folds": {"n_folds": 3},
    "folds of a likelihood ratio": {"n_folds": 2, "score": "likelihood_ratio"},
    "per class": {"calibration": "per_class", "false_alarm_rate": 0.2},
    "tiles": {"tile": (4, 8), "overlap": 0},
    "a generator as seed": {"random_state": np.random.RandomState(3)},
}


def fitted(**parameters):
    detector = pofx.OutlierDetector(**{"model": pofx.VAE(**VAE), "random_state": 0} | parameters)
    return detector.fit(DIGITS[:600], NAMES[LABELS[:600]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_detector_gives_the_same_bits(kind, tmp_path):
    detector = fitted(**KINDS[kind])
    loaded = pofx.load(detector.save(tmp_path / "detector.pofx"))
    assert isinstance(loaded, pofx.OutlierDetector)
    y = NAMES[LABELS[600:800]] if kind == "per class" else None
    a, b = (found.assess(DIGITS[600:800], y) for found in (detector, loaded))
    for field in dataclasses.fields(a):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))
    np.testing.assert_array_equal(detector.explain(DIGITS[:3]), loaded.explain(DIGITS[:3]))
    assert loaded.offset_ == detector.offset_ and loaded.report_rate() == detector.report_rate()
    assert loaded.model.get_params() == detector.model.get_params() and not hasattr(loaded.model, "module_")
    if kind != "a generator as seed":
        assert str(loaded.get_params()) == str(detector.get_params())
    again = pofx.load(loaded.save(tmp_path / "again.pofx"))
    np.testing.assert_array_equal(
        again.p_values(DIGITS[600:700]), a.p_values[:100] if y is None else again.p_values(DIGITS[600:700])
    )


def test_a_fitted_model_stays_a_fitted_one_and_none_stays_none(tmp_path, monkeypatch):
    model = pofx.VAE(**VAE).fit(DIGITS[600:1000])
    loaded = pofx.load(fitted(model=model, n_folds=2).save(tmp_path / "d.pofx"))
    assert loaded.model is loaded.model_ and all(judge.model is loaded.model for judge in loaded._judges)
    monkeypatch.setattr(
        "pofx.applications.outliers.OutlierDetector._new_model", lambda self: self.model or pofx.VAE(**VAE)
    )
    assert pofx.load(fitted(model=None).save(tmp_path / "d.pofx")).model is None


def test_a_file_of_a_model_gives_the_model_as_before(tmp_path):
    model = pofx.VAE(**VAE).fit(DIGITS[:100])
    assert isinstance(pofx.load(model.save(tmp_path / "m.pofx")), pofx.VAE)


def test_a_function_as_score_cannot_be_saved(tmp_path):
    with pytest.raises(TypeError, match="score="):
        fitted(score=lambda model, X: X[:, 0, 0]).save(tmp_path / "d.pofx")
    assert not (tmp_path / "d.pofx").exists()


def test_what_is_set_after_the_fit_changes_no_answer_and_no_file(tmp_path):
    detector = fitted(false_alarm_rate=0.1)
    before = detector.assess(DIGITS[600:800])
    detector.set_params(false_alarm_rate=0.5, score="log_prob", calibration="per_class", n_folds=7)
    np.testing.assert_array_equal(detector.assess(DIGITS[600:800]).is_outlier, before.is_outlier)
    loaded = pofx.load(detector.save(tmp_path / "d.pofx"))
    np.testing.assert_array_equal(loaded.assess(DIGITS[600:800]).is_outlier, before.is_outlier)
    assert loaded.false_alarm_rate == 0.1 and loaded.score == "typicality"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detectors")
    return {kind: model_file.read(fitted(**KINDS[kind]).save(folder / f"{i}.pofx")) for i, kind in enumerate(KINDS)}


def rewritten(file, path, change=lambda attachment: None, tensors=lambda tensors: tensors):
    """The file with what is attached changed in place, and other tensors."""
    header = dataclasses.replace(file.header)
    header.state["attachment"] = attachment = _copy(file.header.state["attachment"])
    before = _copy(attachment)
    change(attachment)
    try:
        return model_file.write(path, header, tensors(dict(file.tensors())))
    finally:
        header.state["attachment"] = before


def _copy(data):
    return {k: _copy(v) for k, v in data.items()} if isinstance(data, dict) else data


def setting(*keys, value):
    def change(attachment):
        for key in keys[:-1]:
            attachment = attachment[key]
        attachment[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("typicality", setting("name", value="os.system"), "no application 'os.system'"),
        ("typicality", setting("name", value=7), "attached"),
        ("typicality", setting("parameters", "score", value="evil"), "score"),
        ("typicality", setting("parameters", "model", value="evil"), "model"),
        ("typicality", setting("parameters", "evil", value=1), "evil"),
        ("typicality", setting("parameters", "false_alarm_rate", value=2.0), "false_alarm_rate"),
        ("typicality", setting("parameters", "false_alarm_rate", value=0.5), "rate"),
        ("typicality", setting("parameters", "n_folds", value=2), "folds"),
        ("typicality", setting("parameters", "tile", value=4), "tiles"),
        ("typicality", setting("state", "n_judges", value=10**9), "folds"),
        ("typicality", setting("state", "n_features_in", value=63), "size"),
        ("typicality", setting("state", "image_shape", value=[8, 9]), "size"),
        ("typicality", setting("state", "image_shape", value=[]), "shape"),
        ("typicality", setting("state", "statistic_names", value=["a"]), "statistics"),
        ("typicality", setting("state", "model", value="evil"), "what the model was"),
        ("typicality", setting("state", "seed", value=-1), "count"),
        ("typicality", setting("state", value={}), "seed|n_features_in"),
        ("per class", setting("state", "classes", value=["b", "a"]), "classes"),
        ("per class", setting("state", "classes", value=[["a"]]), "classes"),
        ("per class", setting("state", "classes", value=None), "classes"),
        ("tiles", setting("state", "tiling", value=[[4, 4], [0, 0]]), "tiles of the model"),
        ("tiles", setting("state", "tiling", value=[[4, 8], [4, 0]]), "overlap"),
        ("tiles", setting("state", "tiling", value=None), "tiles"),
        ("likelihood_ratio", setting("models", value={}), "background_0|belongs to nothing"),
        ("likelihood_ratio", setting("models", "background_0", "class_name", value="os.system"), "os.system"),
        ("likelihood_ratio", setting("models", "background_0", "parameters", "width", value=10**12), "tensor|fit"),
        ("likelihood_ratio", setting("models", "background_0", "state", value=3), "attached"),
    ],
)
def test_what_is_wrong_is_named(good, kind, change, message, tmp_path):
    path = rewritten(good[kind], tmp_path / "bad.pofx", change)
    with pytest.raises(pofx.ModelFileError, match=message) as caught:
        pofx.load(path)
    assert "bad.pofx" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scores", None),
        ("scores", torch.zeros(0, dtype=torch.float64)),
        ("scores", torch.full((120,), torch.nan, dtype=torch.float64)),
        ("scores", torch.zeros(120)),
        ("folds", torch.full((120,), 1)),
        ("codes", torch.full((120,), -1)),
        ("codes", torch.zeros(119, dtype=torch.int64)),
        ("score_0.covariance", -torch.eye(20, dtype=torch.float64)),
        ("score_0.covariance", None),
        ("score_0.scale", torch.zeros(20, dtype=torch.float64)),
    ],
)
def test_arrays_that_cannot_be_those_of_a_detector_are_refused(good, name, value, tmp_path):
    def tensors(found):
        k = len(found["attachment.score_0.centre"])
        found.pop(f"attachment.{name}")
        if value is not None:
            found[f"attachment.{name}"] = value[:k, :k] if value.ndim == 2 else value[:k] if "scale" in name else value
        return found

    with pytest.raises(pofx.ModelFileError):
        pofx.load(rewritten(good["typicality"], tmp_path / "bad.pofx", tensors=tensors))


def test_tensors_of_nothing_are_refused_and_an_untouched_rewrite_loads(good, tmp_path):
    assert good["typicality"].header.state["attachment"]["name"] == NAME
    for name in ("models.more.x", "more.x"):
        with pytest.raises(pofx.ModelFileError, match="belongs to nothing"):
            pofx.load(
                rewritten(good["typicality"], tmp_path / "bad.pofx", tensors=lambda t, n=name: t | {n: torch.zeros(1)})
            )
    loaded = pofx.load(rewritten(good["typicality"], tmp_path / "same.pofx"))
    assert np.isfinite(loaded.p_values(DIGITS[:5])).all()


def test_a_pickle_gives_the_same_bits():
    import pickle

    detector = fitted()
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.p_values(DIGITS[600:700]), detector.p_values(DIGITS[600:700]))
