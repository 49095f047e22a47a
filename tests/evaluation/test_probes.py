"""Readers of features, on features whose worth is known."""

import numpy as np
import pytest

from pofx.evaluation import probes
from pofx.evaluation.probes import LinearReader, NeighbourReader, cluster_agreement, linear_probe, neighbour_probe


def blobs(n=400, n_classes=4, distance=8.0, seed=0):
    """Classes that lie apart: features, labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, size=n)
    centres = distance * np.random.default_rng(99).normal(size=(n_classes, 6))
    return centres[labels] + rng.normal(size=(n, 6)), labels


def halves(features, labels):
    n = len(labels) // 2
    return features[:n], labels[:n], features[n:], labels[n:]


@pytest.mark.parametrize("probe", [linear_probe, neighbour_probe])
def test_a_label_that_is_there_is_read(probe):
    assert probe(*halves(*blobs())).accuracy == 1.0


@pytest.mark.parametrize("probe", [linear_probe, neighbour_probe])
def test_shuffled_labels_are_read_by_chance(probe):
    """Four classes, 1,000 test images: 0.25 with a deviation of 0.014."""
    features, labels = blobs(2000)
    shuffled = np.random.default_rng(1).permutation(labels)
    assert probe(*halves(features, shuffled)).accuracy == pytest.approx(0.25, abs=0.06)


def test_the_accuracy_is_that_of_bayes_rule():
    """Of two normal laws with their means 2 apart it is Phi(1) = 0.841, which no reader exceeds but by chance."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=8000)
    features = rng.normal(size=(8000, 3))
    features[:, 1] += 2 * labels
    assert linear_probe(*halves(features, labels)).accuracy == pytest.approx(0.841, abs=0.015)
    assert neighbour_probe(*halves(features, labels)).accuracy < 0.841 + 0.015


def test_neighbours_are_those_of_a_search_through_all(monkeypatch):
    monkeypatch.setattr(probes, "NEIGHBOURS", (1,))
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(300, 4)) * [1, 1, 10, 1], rng.integers(0, 3, size=300)
    seen, seen_labels, test, test_labels = halves(features, labels)
    found = neighbour_probe(seen, seen_labels, test, test_labels)
    if found.reader.is_standardised:
        mean, deviation = seen.mean(axis=0), seen.std(axis=0)
        seen, test = (seen - mean) / deviation, (test - mean) / deviation
    nearest = ((test[:, None] - seen[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert found.accuracy == (seen_labels[nearest] == test_labels).mean()


def test_scales_that_drown_the_label_are_taken_away():
    """One feature tells the class, another is noise a thousand times as large: only standardised can it be read."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=600)
    features = np.column_stack([labels + 0.1 * rng.normal(size=600), 1000 * rng.normal(size=600)])
    found = neighbour_probe(*halves(features, labels))
    assert found.reader.is_standardised and found.accuracy > 0.95


def test_readers_are_chosen_without_a_look_at_the_test_images(monkeypatch):
    """Whatever the test labels are: the reader is the same, and every fit saw labelled images alone."""
    features, labels, test, test_labels = halves(*blobs(200, distance=1.0))
    seen = []
    new = LinearReader.new

    def recorded(self):
        pipeline = new(self)
        fit = pipeline.fit
        pipeline.fit = lambda X, y: seen.append(X) or fit(X, y)
        return pipeline

    monkeypatch.setattr(LinearReader, "new", recorded)
    found = [linear_probe(features, labels, test, some) for some in (test_labels, test_labels[::-1])]
    assert found[0].reader == found[1].reader and found[0].chosen_accuracy == found[1].chosen_accuracy
    known = {row.tobytes() for row in features.astype(np.float32)}
    assert len(seen) > 12 and all(row.tobytes() in known for X in seen for row in X)
    assert len(seen[0]) == 80 and len(seen[12]) == 100  # four fifths choose, all labelled images are used then


def test_a_strong_penalty_is_chosen_where_noise_could_be_learned_by_heart():
    """500 features of 600 images, of which ten say something of the class."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, size=1600)
    features = 0.4 * (2 * labels[:, None] - 1) * (np.arange(500) < 10) + rng.normal(size=(1600, 500))
    parts = features[:600], labels[:600], features[600:], labels[600:]
    chosen = linear_probe(*parts)
    free = LinearReader(100.0, True).new().fit(*parts[:2]).score(*parts[2:])
    assert chosen.reader.value <= 0.1 and chosen.accuracy > free + 0.02
    assert chosen.chosen_accuracy == pytest.approx(chosen.accuracy, abs=0.08)  # of 120 images, not of 1,000


def test_the_accuracy_by_which_a_reader_is_chosen_is_of_images_that_it_had_not_seen():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(200, 300)), rng.integers(0, 2, size=200)
    found = linear_probe(features, labels, features, labels)  # whose test images are those it learned by heart
    assert found.accuracy > 0.9 and found.chosen_accuracy < 0.8


def test_a_permuted_labelling_is_the_same_clustering():
    features, labels = blobs()
    permuted = np.array(["d", "a", "c", "b"])[labels]
    assert cluster_agreement(features, features, permuted) == pytest.approx(1)
    assert cluster_agreement(features[:200], features[200:], permuted[200:]) == pytest.approx(1)


def test_clusters_of_nothing_agree_with_nothing():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(2000, 3)), rng.integers(0, 4, size=2000)
    assert cluster_agreement(features, features, labels) < 0.02


def test_two_classes_in_a_cluster_agree_in_part():
    """Of four classes of one size two and two are one cluster: I = log 2, H(c) = log 2, H(y) = log 4: NMI 2/3."""
    labels = np.repeat(np.arange(4), 50)
    features = np.random.default_rng(0).normal(size=(200, 2)) + 100 * (labels[:, None] // 2)
    assert cluster_agreement(features, features, labels, n_clusters=2) == pytest.approx(2 / 3)


def test_few_images_are_enough_for_a_vote():
    features, labels, test, test_labels = halves(*blobs(16, n_classes=2))
    found = neighbour_probe(features, labels, test, test_labels)
    assert isinstance(found.reader, NeighbourReader) and found.reader.value <= 6
    assert found.accuracy == 1.0


@pytest.mark.parametrize("n", range(4, 31))
def test_any_number_of_labelled_images_will_do(n):
    """The choosing part is rounded up, and no more neighbours are asked than there are."""
    features, _ = blobs(n)
    labels = np.arange(n) % 2
    for probe in (linear_probe, neighbour_probe):
        assert 0 <= probe(features, labels, features, labels).accuracy <= 1


def test_a_class_of_one_image_is_no_obstacle():
    features, labels = blobs(100)
    labels[0] = 7
    assert linear_probe(features, labels, features, labels).accuracy > 0.95


@pytest.mark.parametrize("probe", [linear_probe, neighbour_probe])
def test_one_class_is_nothing_to_tell_apart(probe):
    features, labels = blobs(40)
    with pytest.raises(ValueError, match="at least two classes"):
        probe(features, np.zeros_like(labels), features, labels)
