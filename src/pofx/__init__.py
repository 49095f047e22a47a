"""pofx, "p of x": the probability of an image under a collection of images, and what follows from it.

>>> import pofx
>>> from sklearn.datasets import load_digits
>>> X = load_digits().images                                    # (1797, 8, 8), values 0..16
>>> model = pofx.VAE(max_epochs=5, random_state=0).fit(X)       # a short training, to show the calls
>>> model.density
'lower bound'
>>> model.score_samples(X[:3]).shape                            # nats, higher is likelier
(3,)
>>> model.sample(2, random_state=0).shape
(2, 8, 8)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pofx._version import __version__

if TYPE_CHECKING:
    from pofx.applications.classifier import GenerativeClassifier
    from pofx.applications.editing import LatentEditor
    from pofx.applications.outliers import OutlierDetector
    from pofx.base import GenerativeModel
    from pofx.data.images import ImageSpec
    from pofx.data.sources import load_source
    from pofx.density import DensityModel
    from pofx.families.adversarial.estimator import GAN
    from pofx.families.autoregressive.estimator import PixelCNN, PixelRNN
    from pofx.families.variational.estimator import VAE
    from pofx.files.model_file import ModelFileError
    from pofx.loading import load
    from pofx.registry import family, family_names, register

# Public name -> module. Loaded at first use (PEP 562), so that `import pofx` costs no torch.
_PUBLIC = {
    "PixelCNN": "pofx.families.autoregressive.estimator",
    "PixelRNN": "pofx.families.autoregressive.estimator",
    "GAN": "pofx.families.adversarial.estimator",
    "VAE": "pofx.families.variational.estimator",
    "GenerativeModel": "pofx.base",
    "DensityModel": "pofx.density",
    "GenerativeClassifier": "pofx.applications.classifier",
    "LatentEditor": "pofx.applications.editing",
    "OutlierDetector": "pofx.applications.outliers",
    "load": "pofx.loading",
    "load_source": "pofx.data.sources",
    "ImageSpec": "pofx.data.images",
    "ModelFileError": "pofx.files.model_file",
    "register": "pofx.registry",
    "family": "pofx.registry",
    "family_names": "pofx.registry",
}

__all__ = [
    "GAN",
    "VAE",
    "DensityModel",
    "GenerativeClassifier",
    "GenerativeModel",
    "ImageSpec",
    "LatentEditor",
    "ModelFileError",
    "OutlierDetector",
    "PixelCNN",
    "PixelRNN",
    "__version__",
    "family",
    "family_names",
    "load",
    "load_source",
    "register",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pofx' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
