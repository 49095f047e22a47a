"""The table of samples: good ones beside bad ones, and real images as the floor."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pofx
from pofx.evaluation.samples import COLUMNS, FLOOR, as_images, of_model, sample_table
from pofx.measures.extractors import Extractor, pixels


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.images[order], data.target[order]


@pytest.fixture(scope="module")
def vae(digits):
    return pofx.VAE(width=32, depth=1, latent_dim=6, max_epochs=3, random_state=0).fit(digits[0][:1200])


@pytest.fixture(scope="module")
def table(vae, digits):
    images, labels = digits
    # Nothing but noise of the digits' own pixels, a single class, and other digits.
    noise = np.random.default_rng(0).permuted(images[:400].reshape(400, -1), axis=0).reshape(-1, 8, 8)
    zeros = np.tile(images[:1200][labels[:1200] == 0], (3, 1, 1))[:300]
    sets = {"VAE": vae, "noise": noise, "zeros": zeros}
    return sample_table(sets, images[:1000], images[1200:1400], train_labels=labels[:1000])


def test_the_floor_is_below_all_others(table):
    assert [row.name for row in table.rows] == ["VAE", "noise", "zeros", FLOOR]
    *others, floor = table.rows
    assert table.n_images == 200
    assert floor.modes.covered == 10 and floor.two_sample.p_value > 0.001
    for row in others:
        assert row.frechet.value > 2 * floor.frechet.value
        assert row.kernel.value > floor.kernel.value + 2 * floor.kernel.standard_error
        assert row.two_sample.jsd_bound > floor.two_sample.jsd_bound
        assert row.two_sample.p_value < 0.001
    assert abs(floor.kernel.value) < 5 * floor.kernel.standard_error


def test_a_generator_of_one_class_is_precise_and_recalls_little(table):
    rows = {row.name: row for row in table.rows}
    assert rows["zeros"].modes.covered <= 2
    assert rows["zeros"].modes.kl > 1.8
    assert rows["zeros"].manifolds.precision > 0.8 > 0.4 > rows["zeros"].manifolds.recall
    assert rows[FLOOR].manifolds.precision > rows["noise"].manifolds.precision


def test_the_table_is_for_people_and_for_programs(table):
    text = str(table)
    assert "a classifier of 10 classes" in text and "200 images in each set" in text and "log 2 = 0.693" in text
    assert len({len(line) for line in text.splitlines()[1:6]}) == 1  # columns stand below one another
    data = json.loads(json.dumps(table.to_dict()))
    assert data["extractor"] == "a classifier of 10 classes"
    assert [list(row) for row in data["rows"]] == [list(COLUMNS)] * 4
    assert data["rows"][0]["jsd_bound_nats"] == table.rows[0].two_sample.jsd_bound


def test_without_labels_features_are_those_of_an_autoencoder_and_nothing_is_counted(vae, digits):
    images, _ = digits
    table = sample_table({"VAE": vae}, images[:300], images[1200:1300], n_images=60)
    assert table.extractor.name == "the code of a plain autoencoder"
    assert table.rows[0].modes is None and table.to_dict()["rows"][0]["modes_covered"] is None
    assert table.cells()[0][-1] == "p"


def test_images_that_come_as_rows_are_images(vae, digits):
    images = digits[0]
    flat = images.reshape(-1, 64)
    seen = []
    extractor = Extractor("noted", lambda x: seen.append(x.shape[1:]) or x.reshape(len(x), -1)[:, 20:28])
    options = {"n_images": 40, "extractor": extractor, "shape": (8, 8, 1)}
    table = sample_table({"same": flat[300:400]}, flat[:300], flat[1200:1300], **options)
    assert set(seen) == {(8, 8)} and table.n_images == 40
    assert table.rows[0].two_sample.classifier == "small convolutional network"
    assert as_images(flat, (1, 64, 1)) is flat


def test_real_vectors_are_compared_as_they_are():
    rng = np.random.default_rng(0)
    table = sample_table({"wide": rng.normal(size=(99, 2)) * 3}, rng.normal(size=(200, 2)), rng.normal(size=(90, 2)))
    assert table.extractor.name == pixels().name
    assert table.rows[0].two_sample.jsd_bound > table.rows[1].two_sample.jsd_bound + 0.05


def test_few_images_for_many_features_are_told(digits):
    images = digits[0]
    table = sample_table({"same": images[100:140]}, images[:60], images[1200:1230], extractor=pixels())
    assert "Beware: 30 entries for 64 features" in table.note


@pytest.mark.parametrize(
    ("labels", "said"), [(np.zeros(100), "all images have one label"), (np.arange(100), "has a single image among")]
)
def test_labels_that_no_classifier_can_learn_are_told_and_not_passed_over(labels, said, digits):
    images = digits[0]
    table = sample_table({"same": images[200:240]}, images[:100], images[1200:1230], train_labels=labels)
    assert said in table.note and "a plain autoencoder" in table.extractor.name
    assert all(row.modes is None for row in table.rows)


def test_every_measure_is_counted(digits):
    seen = []
    images = digits[0]
    sample_table(
        {"same": images[200:240]},
        images[:60],
        images[1200:1230],
        extractor=pixels(),
        progress=lambda *a: seen.append(a),
    )
    assert seen == [(done, 10) for done in range(1, 11)]


def test_features_of_a_model_are_those_of_its_images(vae, digits):
    images = digits[0][:50]
    assert np.array_equal(of_model(vae, "latents")(images), vae.transform(images))
    scaled = (images * 15).astype(np.uint8)
    unit = pofx.VAE(width=8, depth=0, latent_dim=2, max_epochs=1, random_state=0).fit(scaled / 255)
    assert np.array_equal(of_model(unit, "latents")(scaled), unit.transform(scaled / 255))
    with pytest.raises(ValueError, match="object has no features"):
        of_model(object(), "nothing")


@pytest.mark.parametrize(
    ("models", "n", "said"),
    [({"few": np.zeros((20, 8, 8))}, 40, "few has 20 images"), ({}, 10, "at least 16 images")],
)
def test_what_is_too_little_is_refused(models, n, said, digits):
    images = digits[0]
    with pytest.raises(ValueError, match=said):
        sample_table(models, images[:300], images[1200:1300], n_images=n, extractor=pixels())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_images": 40.0}, "n_images must be a whole number"),
        ({"n_images": True}, "n_images must be a whole number"),
        ({"train_labels": np.zeros(7)}, "300 training images need as many labels"),
    ],
)
def test_numbers_and_labels_that_do_not_fit_are_refused(options, said, digits):
    images = digits[0]
    with pytest.raises(ValueError, match=said):
        sample_table({}, images[:300], images[1200:1300], extractor=pixels(), **options)
