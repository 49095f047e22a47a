"""Features have names, and a name that is another's is refused."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from pofx.measures.classifier import SmallClassifier
from pofx.measures.extractors import Extractor, of_classifier, of_module, of_transformer, pixels


@pytest.mark.parametrize(
    "name", ["FID", "fid", " Inception ", "KID", "InceptionV3", "my_fid", "FID50k", "inception_v3 pool", " "]
)
def test_names_of_the_published_network_are_refused(name):
    with pytest.raises(ValueError, match="cannot be the name of an extractor"):
        Extractor(name, lambda images: images)


def test_a_module_gets_batches_of_scaled_images_with_channels_first():
    class Seen(torch.nn.Module):
        def forward(self, x):
            assert not self.training and x.dtype == torch.float32
            return x.amax(dim=(2, 3))

    images = np.random.default_rng(0).integers(0, 256, size=(600, 3, 2, 3), dtype=np.uint8)
    module = torch.nn.Sequential(Seen(), torch.nn.Dropout().eval())
    features = of_module(module, "maxima")(images)
    assert module.training and module[0].training and not module[1].training  # as they were
    assert features.dtype == np.float64
    assert features == pytest.approx(images.max(axis=(1, 2)) / 255, abs=1e-7)
    assert of_module(Seen(), "maxima", scale=1)(images[..., 0]) == pytest.approx(images[..., :1].max(axis=(1, 2)))


def test_any_function_will_do_if_it_gives_a_row_an_image():
    assert Extractor("sums", lambda x: x.sum(axis=(1, 2)))(np.ones((5, 2, 2))).shape == (5, 1)
    assert pixels()(np.ones((5, 2, 2))).shape == (5, 4)
    with pytest.raises(ValueError, match=r"sums gave features of shape \(\)"):
        Extractor("sums", lambda x: x.sum())(np.ones((5, 2, 2)))


def test_a_transformer_lends_its_features():
    X = np.random.default_rng(0).normal(size=(20, 5))
    pca = PCA(2).fit(X)
    extractor = of_transformer(pca, "two principal components")
    assert extractor.name == "two principal components"
    assert np.array_equal(extractor(X), pca.transform(X))


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def learned(digits):
    return of_classifier(digits.images[:1000], digits.target[:1000])


def test_the_classifier_of_digits_knows_digits(learned, digits):
    extractor, classifier = learned
    assert extractor.name == "a classifier of 10 classes"
    images, labels = digits.images[1000:], digits.target[1000:]
    assert np.mean(classifier.predict(images) == labels) > 0.9
    p = classifier.predict_proba(images)
    assert p.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(classifier.classes_[p.argmax(axis=1)], classifier.predict(images))
    features = extractor(images)
    assert features.shape == (797, 64)
    assert np.mean(extractor(digits.images[:1000]) ** 2) == pytest.approx(1)
    plain = classifier.transform(images)
    assert features == pytest.approx(plain * features[0, 0] / plain[0, 0])


def test_labels_may_be_words_and_images_in_colour(digits):
    names = np.array(["odd" if label % 2 else "even" for label in digits.target])
    colour = np.repeat(digits.images[:300, :, :, None], 3, axis=3)
    classifier = SmallClassifier(max_epochs=15).fit(colour, names[:300])
    assert classifier.classes_.tolist() == ["even", "odd"]
    assert np.mean(classifier.predict(colour) == names[:300]) > 0.9
    with pytest.raises(ValueError, match="was trained on arrays of shape"):
        classifier.predict(digits.images[:3])


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 0, 1]])
def test_what_cannot_be_learned_is_refused(labels):
    with pytest.raises(ValueError, match="at least two classes"):
        SmallClassifier().fit(np.zeros((4, 2)), labels)
