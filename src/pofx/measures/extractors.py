"""Named features of images: what the Fréchet and kernel distances, precision and recall are measured on.

A distance on features nobody names can be compared with nothing. The name "FID" belongs to one published network with
its published weights (`published_inception`) and is refused for any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from pofx.measures.classifier import SmallClassifier
from pofx.measures.inception import NAME, Counter, PublishedInception, uncounted

#: Images that pass through a module together.
CHUNK = 256
#: Images that the unit of learned features is taken from, about.
SCALE_IMAGES = 2_000
#: Words of the measures on the published Inception weights: no other features may have them in their name.
TAKEN = frozenset({"fid", "kid", "inception", "inceptionv"})


@dataclass(frozen=True)
class Extractor:
    """A function from images to features, and its name.

    Args:
        name: what results say they were measured on.
        function: images as they are compared, (n, ...) -> (n, ...); what it returns is flattened to (n, d).

    Raises:
        ValueError: an empty name, or one that stands for the published Inception network and is given to another.
    """

    name: str
    function: Callable[[NDArray[Any]], ArrayLike]

    def __post_init__(self) -> None:
        words = set(re.findall("[a-z]+", self.name.lower()))
        if not self.name.strip() or (words & TAKEN and not isinstance(self.function, PublishedInception)):
            raise ValueError(
                f"{self.name!r} cannot be the name of an extractor: a name tells the features from all others, and the "
                "names of the published Inception measures stand for those weights alone (published_inception)"
            )

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Features (n, d) of images.

        Raises:
            ValueError: not one row of features an image.
        """
        features = np.asarray(self.function(images), dtype=np.float64)
        if features.ndim == 0 or len(features) != len(images):
            raise ValueError(f"{self.name} gave features of shape {features.shape} for {len(images)} images")
        return features.reshape(len(images), -1)


def pixels() -> Extractor:
    """The numbers themselves: of vectors the natural features, of images a poor floor."""
    return Extractor("raw values", lambda images: images)


def published_inception(
    weights: str | Path,
    *,
    levels: int = 256,
    device: str = "cpu",
    counter: Counter = uncounted,
) -> Extractor:
    """The features of the FID: the Fréchet distance on them is the FID, the kernel distance the KID.

    Figures in papers are mostly of 50,000 samples; the FID of fewer is larger, of up to 2,048 without meaning.

    Args:
        weights: the published file, which pofx neither carries nor fetches; its SHA-256 is compared.
        levels, device, counter: see `pofx.measures.inception.PublishedInception`.

    Raises:
        ValueError: another file.
    """
    return Extractor(NAME, PublishedInception(weights, levels=levels, device=device, counter=counter))


def of_module(module: nn.Module, name: str, *, scale: float = 255.0) -> Extractor:
    """The output of a torch module.

    While it works the module is in evaluation mode, and then again in its own. It gets float32 batches (n, C, H, W) of
    the images divided by ``scale``, on the device of its first parameter. Vectors stay (n, d).

    Args:
        module: any network that gives a row of features an image.
        name: what results say.
        scale: 255 makes bytes 0..1; 1 leaves the values as they are.
    """

    def features(images: NDArray[Any]) -> NDArray[np.float64]:
        device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        parts = []
        with torch.inference_mode(), evaluating(module):
            for start in range(0, len(images), CHUNK):
                x = torch.from_numpy(np.asarray(images[start : start + CHUNK], dtype=np.float32) / np.float32(scale))
                if x.ndim > 2:
                    x = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)
                parts.append(module(x.to(device)).flatten(1).cpu().double().numpy())
        return np.concatenate(parts)

    return Extractor(name, features)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode within the context; afterwards every part of the module is in the mode that it was in."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def of_classifier(
    images: ArrayLike, labels: ArrayLike, *, random_state: int = 0, device: str = "cpu"
) -> tuple[Extractor, SmallClassifier]:
    """The last hidden layer of a `SmallClassifier` of these images: the default where there are labels.

    Divided by one number, so that their mean square over the images trained on is 1: the kernel distance depends on the
    unit of the features. The classifier must not have seen the images that are compared as real: features of images
    that a network was trained on differ from those of others of the same law.

    Returns:
        The extractor, and the classifier itself.
    """
    classifier = SmallClassifier(random_state=random_state, device=device).fit(images, labels)
    learned = Extractor(f"a classifier of {len(classifier.classes_)} classes", classifier.transform)
    return scaled(learned, np.asarray(images)), classifier


def scaled(extractor: Extractor, images: NDArray[Any]) -> Extractor:
    """The same features divided by one number, so that their mean square over these images (some of many) is 1."""
    some = images[:: max(1, len(images) // SCALE_IMAGES)]
    scale = float(np.sqrt(np.mean(extractor(some) ** 2))) or 1.0
    return Extractor(extractor.name, lambda one: extractor(one) / scale)


def of_transformer(model: Any, name: str) -> Extractor:
    """What a fitted model's ``transform`` gives, of pofx or scikit-learn: latents of a VAE, principal components ..."""
    return Extractor(name, model.transform)
