"""Fitted estimators to model files and back, and where a model came from.

A file holds the constructor's parameters and the ``name_`` attributes as JSON and tensors; loading builds the estimator
from its registered class and fills it in. What fits into no file (a random generator, a function) is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from pathlib import Path
from typing import Any, get_args

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import InvalidParameterError

from pofx import registry
from pofx._version import __version__
from pofx.attachment import Attachment
from pofx.data.checking import iterate_parts
from pofx.data.image_hashes import check_sample, sampled_hashes
from pofx.data.images import ImageFormat
from pofx.engine.history import History
from pofx.engine.loop import TrainingResult
from pofx.engine.run import StopReason
from pofx.files import model_file
from pofx.files.model_file import ModelFileError

#: Parameters that say where and how loudly this program runs; a file neither holds nor sets them.
LOCAL_PARAMETERS = ("checkpoint_dir", "device", "verbose")
#: Where the provenance holds `sampled_hashes` of the images of the fit; files of before have none.
IMAGE_HASHES = "image_hashes"


def data_fingerprint(rows: NDArray[Any], labels: NDArray[np.int64] | None) -> str:
    """A BLAKE2b digest of the values, their type and shape, and the labels: the same data, the same 32 hex digits."""
    digest = hashlib.blake2b(f"{rows.dtype.str} {rows.shape}".encode(), digest_size=16)
    for part in iterate_parts(rows):
        digest.update(np.ascontiguousarray(part).data)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def run_fingerprint(estimator: Any, fingerprint: str) -> str:
    """What tells one training run from another: class, parameters, seed and data; not where it runs."""
    parameters = {
        name: _json_value(name, value, estimator)
        for name, value in estimator.get_params(deep=False).items()
        if name not in (*LOCAL_PARAMETERS, "random_state")
    }
    # 1 and 1.0 are the same parameter.
    numbers = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in parameters.items()
    }
    text = json.dumps([type(estimator).__qualname__, numbers, estimator.seed_, fingerprint], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def provenance_of(
    estimator: Any, fingerprint: str, rows: NDArray[Any], device: torch.device, result: TrainingResult
) -> dict[str, Any]:
    """Versions, seed, data and cost of a fit: what one needs to repeat it, and to know its images again."""
    return {
        "pofx": __version__,
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "seed": estimator.seed_,
        "data_fingerprint": fingerprint,
        IMAGE_HASHES: sampled_hashes(rows),
        "n_images": len(rows),
        "n_steps": result.n_steps,
        "n_epochs": result.n_epochs,
        "stopped_by": result.stopped_by,
        "held_out_score": result.best_score,
        "minutes": round(result.seconds / 60, 3),
    }


def save_estimator(estimator: Any, path: Path, attachment: Attachment | None = None) -> Path:
    """Write a fitted estimator to ``path``, and an application's contents with it; see `pofx.files.model_file` for the
    format."""
    header, tensors = _packed(estimator, "module.")
    if attachment is not None:
        models: dict[str, Any] = {}
        for name, model in attachment.models.items():
            packed, more = _packed(model, f"models.{name}.")
            models[name] = {key: getattr(packed, key) for key in _MODEL_KEYS}
            tensors |= more
        header.state["attachment"] = {
            "name": attachment.name,
            "parameters": dict(attachment.parameters),
            "state": dict(attachment.state),
            "models": models,
        }
        tensors |= {f"{_ARRAYS}{name}": torch.from_numpy(np.array(a)) for name, a in attachment.arrays.items()}
    return model_file.write(path, header, tensors)


#: What a file says of each further model.
_MODEL_KEYS = ("class_name", "parameters", "state", "provenance")
#: Further models in a file, at most: each is read on its own.
MAX_MODELS = 200
#: Where the arrays of an application stand among the tensors.
_ARRAYS = "attachment."


def _packed(estimator: Any, prefix: str) -> tuple[model_file.ModelHeader, dict[str, torch.Tensor]]:
    """The header of a fitted estimator, and its tensors under ``prefix``."""
    # The parameters of the fit: those of the estimator may have been set anew since.
    parameters = {
        name: _json_value(name, value, estimator)
        for name, value in estimator.fitted_parameters_.items()
        if name not in LOCAL_PARAMETERS
    }
    state: dict[str, Any] = {
        "image_format": estimator.image_format_.to_json(),
        "n_features_in": estimator.n_features_in_,
        "feature_names_in": [str(name) for name in getattr(estimator, "feature_names_in_", [])] or None,
        "seed": estimator.seed_,
        "n_steps": estimator.n_steps_,
        "n_epochs": estimator.n_epochs_,
        "stopped_by": estimator.stopped_by_,
        "held_out_score": estimator.held_out_score_,
        "held_out_indices": _array_to_json(estimator.held_out_indices_),
        "history": estimator.history_.to_dict(),
        "extra": {name: _array_to_json(value) for name, value in estimator._extra_state().items()},
    }
    if hasattr(estimator, "classes_"):
        state["classes"] = _array_to_json(estimator.classes_)
        state["class_prior"] = _array_to_json(estimator.class_prior_)
    header = model_file.ModelHeader(
        registry.family_name(type(estimator)), parameters, state, dict(estimator.provenance_)
    )
    return header, {f"{prefix}{name}": tensor for name, tensor in estimator.module_.state_dict().items()}


def load_estimator(path: Path) -> tuple[Any, Attachment | None]:
    """The estimator that `save_estimator` wrote, and what was attached to it; ModelFileError for whatever is wrong with
    the file."""
    file = model_file.read(path)
    try:
        contents = _attached(file.header.state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path}: what is attached to the model cannot be understood ({error!r})") from error
    known = ("module.", _ARRAYS, *(f"models.{name}." for name in contents["models"])) if contents else ("module.",)
    strange = sorted(name for name in file.shapes if not name.startswith(known))
    if strange:
        raise ModelFileError(f"{path}: the tensor {strange[0]!r} belongs to nothing in the file")
    estimator = _unpacked(file, file.header, "module.")
    if contents is None:
        return estimator, None
    models = {
        name: _unpacked(file, model_file.ModelHeader(**claims), f"models.{name}.")
        for name, claims in contents["models"].items()
    }
    arrays = {
        name.removeprefix(_ARRAYS): tensor.numpy()
        for name, tensor in (file.tensors().items() if any(n.startswith(_ARRAYS) for n in file.shapes) else ())
        if name.startswith(_ARRAYS)
    }
    return estimator, Attachment(contents["name"], contents["parameters"], contents["state"], arrays, models)


def _attached(state: dict[str, Any]) -> Any:
    """The attachment's part of a file's state, or None; ValueError, KeyError or TypeError where it is none."""
    contents = state.get("attachment")
    if contents is None:
        return None
    types = {"name": str, "parameters": dict, "state": dict, "models": dict}
    _require({key: type(value) for key, value in contents.items()} == types, "the parts of an attachment")
    _require(len(contents["models"]) <= MAX_MODELS, "the number of models")
    for name, claims in contents["models"].items():
        _require(name.isidentifier(), "the name of a model")
        types = dict.fromkeys(_MODEL_KEYS, dict) | {"class_name": str}
        _require({key: type(value) for key, value in claims.items()} == types, "the parts of a model")
    return contents


def _unpacked(file: model_file.ModelFile, header: model_file.ModelHeader, prefix: str) -> Any:
    """The estimator of a header, its tensors under ``prefix``."""
    path = file.path
    try:
        cls: Any = registry.family(header.class_name)
    except KeyError as error:
        raise ModelFileError(f"{path}: {error.args[0]}") from None
    unknown = sorted(set(header.parameters) - (set(cls._get_param_names()) - set(LOCAL_PARAMETERS)))
    if unknown:
        raise ModelFileError(f"{path}: {cls.__name__} has no parameter {unknown[0]!r} that a file may set")
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in header.parameters.items()}
    estimator = cls(**parameters)
    try:
        estimator._validate_params()
        n_classes = _restore(estimator, header.state)
        check_sample(header.provenance.get(IMAGE_HASHES, []))
    except InvalidParameterError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(f"{path}: the state of the model cannot be understood ({error!r})") from error
    estimator.provenance_ = header.provenance
    estimator.fitted_parameters_ = estimator.get_params(deep=False)
    module = model_file.load_module(lambda: _untrained(estimator, n_classes), file, prefix).eval()
    if not all(bool(tensor.isfinite().all()) for tensor in module.state_dict().values()):
        raise ModelFileError(f"{path}: weights of the model are not finite")
    try:
        estimator._check_restored(module)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    estimator.module_ = module
    return estimator


def _restore(estimator: Any, state: dict[str, Any]) -> int:
    """Set the learned attributes from a file's state; the number of classes.

    Raises:
        ValueError, KeyError, TypeError: the state is none that `save_estimator` could have written.
    """
    image_format = ImageFormat.from_json(state["image_format"])
    estimator.image_format_, estimator.spec_ = image_format, image_format.spec
    estimator.continuous_ = estimator._is_continuous(image_format)
    estimator.n_features_in_ = _integer(state["n_features_in"])
    _require(image_format.spec.n_dims == estimator.n_features_in_, "the number of features is not that of the images")
    names = state["feature_names_in"]
    if names is not None:
        _require(isinstance(names, list) and all(isinstance(name, str) for name in names), "feature names are text")
        _require(len(names) == estimator.n_features_in_, "there are not as many feature names as features")
        estimator.feature_names_in_ = np.asarray(names, dtype=object)
    n_classes = 0
    if estimator.conditional:
        classes, prior = _array_from_json(state["classes"]), _array_from_json(state["class_prior"])
        _require(classes.ndim == 1 and classes.shape == prior.shape, "each class needs a frequency")
        _require(bool((classes[1:] > classes[:-1]).all()), "classes must be sorted, each there once")
        _require(prior.dtype.kind == "f" and bool((prior > 0).all()), "frequencies must be positive")
        _require(abs(float(prior.sum()) - 1) < 1e-9, "frequencies must sum to 1")
        estimator.classes_, estimator.class_prior_ = classes, prior
        n_classes = len(classes)
    estimator.seed_ = _integer(state["seed"])
    _require(estimator.seed_ < 2**32, "the seed is too large")
    estimator.n_steps_, estimator.n_epochs_ = _integer(state["n_steps"]), _integer(state["n_epochs"])
    _require(state["stopped_by"] in get_args(StopReason), "nothing ends a training in that way")
    estimator.stopped_by_ = state["stopped_by"]
    score = state["held_out_score"]
    _require(score is None or isinstance(score, float), "the held-out score is a number")
    estimator.held_out_score_ = score
    estimator.held_out_indices_ = _array_from_json(state["held_out_indices"])
    held_out = estimator.held_out_indices_
    _require(held_out.dtype.kind == "i" and held_out.ndim == 1, "indices are integers")
    _require(len(held_out) == 0 or int(held_out.min()) >= 0, "indices are not negative")
    estimator.history_ = History.from_dict(state["history"])
    extra: Any = state["extra"]
    estimator._restore_extra_state({name: _array_from_json(value) for name, value in extra.items()})
    return n_classes


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _untrained(estimator: Any, n_classes: int) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to say about the parameters, the fit has said
        module: torch.nn.Module = estimator._build_module(estimator.image_format_, n_classes)
    return module.to(estimator._dtype_to_fit)


def _json_value(name: str, value: Any, estimator: Any) -> Any:
    """A parameter as JSON; a random generator is replaced by the seed that the fit drew from it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.RandomState):
        return estimator.seed_
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list | np.ndarray):
        return [_json_value(name, part, estimator) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a model file cannot hold the parameter {name}={value!r}")


def _array_to_json(array: Any) -> dict[str, Any]:
    array = np.asarray(array)
    if array.dtype.kind == "O":
        array = array.astype(str)
    return {"dtype": array.dtype.str, "values": array.tolist()}


def _array_from_json(data: Any) -> NDArray[Any]:
    values = data["values"]
    if data["dtype"].startswith("<U"):
        # Never the file's width of text, which could ask for any amount of memory.
        _require(isinstance(values, list) and all(isinstance(value, str) for value in values), "a list of text")
        return np.asarray(values, dtype=str)
    dtype = np.dtype(data["dtype"])
    _require(dtype.kind in "buif" and dtype.itemsize <= 8, f"arrays of type {dtype} are not read")
    return np.asarray(values, dtype=dtype)


def _integer(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value
