"""What models learn from and what they are measured on are different images, of all classes."""

import numpy as np
import pytest

from pofx.data.collection import Collection
from pofx.report.division import divided, of_collection


def collection(n=100, labels=True):
    images = np.arange(n)[:, None, None] * np.ones((1, 3, 3))
    return Collection(images, np.arange(n) % 3 if labels else None, tuple(f"{i}.png" for i in range(n)), None, "here")


@pytest.mark.parametrize("labels", [True, False])
def test_the_two_parts_are_all_images_and_share_none(labels):
    training, held_out = divided(collection(labels=labels), 0.2, 0)
    assert (len(training), len(held_out)) == (80, 20)
    numbers = [part.images[:, 0, 0].tolist() for part in (training, held_out)]
    assert sorted(numbers[0] + numbers[1]) == list(range(100)) and numbers[0] == sorted(numbers[0])
    for part, some in zip((training, held_out), numbers, strict=True):
        assert [part.name(i) for i in range(len(part))] == [f"{int(i)}.png" for i in some]
        assert part.labels is None or part.labels.tolist() == [i % 3 for i in some]


def test_the_classes_are_in_proportion_and_the_seed_chooses():
    parts = [divided(collection(300), 0.1, seed)[1] for seed in (0, 0, 1)]
    assert np.bincount(parts[0].labels).tolist() == [10, 10, 10]
    assert np.array_equal(parts[0].images, parts[1].images) and not np.array_equal(parts[0].images, parts[2].images)


@pytest.mark.parametrize(
    ("n", "share", "said"), [(10, 0.2, "10 images"), (100, 0.0, "--holdout 0"), (100, 1.0, "--holdout 1")]
)
def test_too_little_is_refused(n, share, said):
    with pytest.raises(ValueError, match=said):
        divided(collection(n), share, 0)


def test_images_are_called_by_their_numbers_in_the_source():
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)
    unnamed = Collection(images, None, None, None, "here")
    training, held_out = divided(unnamed, 0.25, seed=3)
    for part in (training, held_out, held_out.some(5, seed=1), held_out.joined(training)):
        assert np.array_equal(images[[int(name) for name in part.names]], part.images)
    assert of_collection(unnamed, "test ").name(7) == "test 7"
