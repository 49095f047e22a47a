"""Fitted estimators to model files and back, and where a model came from.

A file holds the constructor's parameters and the ``name_`` attributes as JSON and tensors; loading builds the estimator
from its registered class and fills it in. What fits into no file (a random generator, a function) is refused by name.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import InvalidParameterError

import pofx
from pofx import registry
from pofx.data.checking import iterate_parts
from pofx.data.images import ImageFormat
from pofx.engine.history import History
from pofx.engine.loop import TrainingResult
from pofx.files import model_file
from pofx.files.model_file import ModelFileError

#: Parameters that say where and how loudly a fit runs, not what comes out of it.
INCIDENTAL_PARAMETERS = ("checkpoint_dir", "verbose", "random_state")


def data_fingerprint(rows: NDArray[Any], labels: NDArray[np.int64] | None) -> str:
    """A BLAKE2b digest of the values, their type and shape, and the labels: the same data, the same 32 hex digits."""
    digest = hashlib.blake2b(f"{rows.dtype.str} {rows.shape}".encode(), digest_size=16)
    for part in iterate_parts(rows):
        digest.update(np.ascontiguousarray(part).data)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def run_fingerprint(estimator: Any, fingerprint: str) -> str:
    """What tells one training run from another: class, parameters, seed and data."""
    parameters = {
        name: value for name, value in estimator.get_params(deep=False).items() if name not in INCIDENTAL_PARAMETERS
    }
    # max_epochs and the like are compared by name in the checkpoint; here they only make the run's identity complete.
    text = f"{type(estimator).__qualname__} {sorted(parameters.items())} {estimator.seed_} {fingerprint}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def provenance_of(
    estimator: Any, fingerprint: str, n_images: int, device: torch.device, result: TrainingResult
) -> dict[str, Any]:
    """Versions, seed, data and cost of a fit: what one needs to repeat it."""
    return {
        "pofx": pofx.__version__,
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "seed": estimator.seed_,
        "data_fingerprint": fingerprint,
        "n_images": n_images,
        "n_steps": result.n_steps,
        "n_epochs": result.n_epochs,
        "stopped_by": result.stopped_by,
        "held_out_score": result.best_score,
        "minutes": round(result.seconds / 60, 3),
    }


def save_estimator(estimator: Any, path: Path) -> Path:
    """Write a fitted estimator to ``path``; see `pofx.files.model_file` for the format."""
    parameters = {name: _json_value(name, value, estimator) for name, value in estimator.get_params(deep=False).items()}
    state: dict[str, Any] = {
        "image_format": estimator.image_format_.to_json(),
        "n_features_in": estimator.n_features_in_,
        "feature_names_in": [str(name) for name in getattr(estimator, "feature_names_in_", [])] or None,
        "seed": estimator.seed_,
        "n_steps": estimator.n_steps_,
        "n_epochs": estimator.n_epochs_,
        "stopped_by": estimator.stopped_by_,
        "held_out_score": estimator.held_out_score_,
        "history": estimator.history_.to_dict(),
        "extra": {name: _array_to_json(value) for name, value in estimator._extra_state().items()},
    }
    if estimator.conditional:
        state["classes"] = _array_to_json(estimator.classes_)
        state["class_prior"] = _array_to_json(estimator.class_prior_)
    header = model_file.ModelHeader(
        registry.family_name(type(estimator)), parameters, state, dict(estimator.provenance_)
    )
    tensors = {f"module.{name}": tensor for name, tensor in estimator.module_.state_dict().items()}
    return model_file.write(path, header, tensors)


def load_estimator(path: Path) -> Any:
    """The estimator that `save_estimator` wrote; ModelFileError for whatever is wrong with the file."""
    file = model_file.read(path)
    header = file.header
    try:
        cls: Any = registry.family(header.class_name)
    except KeyError as error:
        raise ModelFileError(f"{path}: {error.args[0]}") from None
    unknown = sorted(set(header.parameters) - set(cls._get_param_names()))
    if unknown:
        raise ModelFileError(f"{path}: {cls.__name__} has no parameter {unknown[0]!r}")
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in header.parameters.items()}
    estimator = cls(**parameters)
    state = header.state
    try:
        estimator._validate_params()
        image_format = ImageFormat.from_json(state["image_format"])  # type: ignore[arg-type]
        estimator.image_format_, estimator.spec_ = image_format, image_format.spec
        estimator.n_features_in_ = _integer(state["n_features_in"])
        if image_format.spec.n_dims != estimator.n_features_in_:
            raise ValueError("the image format and the number of features differ")
        if state["feature_names_in"] is not None:
            estimator.feature_names_in_ = np.asarray(state["feature_names_in"], dtype=object)
        if estimator.conditional:
            estimator.classes_ = _array_from_json(state["classes"])
            estimator.class_prior_ = _array_from_json(state["class_prior"])
            if estimator.classes_.shape != estimator.class_prior_.shape or estimator.classes_.ndim != 1:
                raise ValueError("classes and their frequencies do not match")
        n_classes = len(estimator.classes_) if estimator.conditional else 0
        estimator.seed_ = _integer(state["seed"])
        estimator.n_steps_, estimator.n_epochs_ = _integer(state["n_steps"]), _integer(state["n_epochs"])
        estimator.stopped_by_ = state["stopped_by"]
        estimator.held_out_score_ = state["held_out_score"]
        estimator.history_ = History.from_dict(state["history"])  # type: ignore[arg-type]
        estimator.provenance_ = header.provenance
        extra: Any = state["extra"]
        estimator._restore_extra_state({name: _array_from_json(value) for name, value in extra.items()})
    except InvalidParameterError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(f"{path}: the state of the model cannot be understood ({error!r})") from error
    estimator.module_ = model_file.load_module(lambda: _untrained(estimator, n_classes), file).eval()
    return estimator


def _untrained(estimator: Any, n_classes: int) -> torch.nn.Module:
    module: torch.nn.Module = estimator._build_module(estimator.image_format_, n_classes).to(estimator._dtype)
    return module


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
    dtype = np.dtype(data["dtype"])
    if dtype.kind not in "buifU":
        raise ValueError(f"arrays of type {dtype} are not read")
    return np.asarray(data["values"], dtype=dtype)


def _integer(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value
