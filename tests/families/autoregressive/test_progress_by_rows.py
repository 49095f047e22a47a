"""What a model says while it draws and completes: rows of all images, over all chunks."""

import numpy as np
import pytest
from fitted_models import crops, make_model

N, HEIGHT = 150, 6


@pytest.fixture(scope="module")
def model():
    return make_model("gated", max_epochs=1, n_layers=1).fit(crops()[0][:60])


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("pofx.engine.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("pofx.engine.counting.QUIET_SECONDS", 0.0)


def works(model):
    X, known = np.resize(crops()[0], (N, 6, 4)), np.zeros((6, 4), dtype=bool)
    known[:, 2:] = True
    return {
        64: (lambda: model.sample(N, random_state=0), lambda: model.complete(X, np.zeros_like(known))),
        64 // 4: (lambda: model.complete(X, known, n_particles=4, random_state=0),),
    }


@pytest.mark.parametrize("verbose", [True, False])
def test_rows_are_counted_over_all_chunks(verbose, model, capsys):
    model.set_params(verbose=verbose)
    for chunk, calls in works(model).items():
        sizes = [min(chunk, N - start) for start in range(0, N, chunk)]
        steps = np.cumsum([size for size in sizes for _ in range(HEIGHT)])
        expected = [f"PixelCNN: {done:,} of {N * HEIGHT:,} rows" for done in steps] + [f"PixelCNN: {N * HEIGHT:,} rows"]
        for call in calls:
            call()
            captured = capsys.readouterr()
            said = [line.split(" ·")[0].split(" in ")[0] for line in captured.err.splitlines()]
            assert said == (expected if verbose else [])
            assert captured.out == ""


@pytest.mark.parametrize("method", ["naive", "cached", "jacobi"])
def test_every_method_counts(method, model, capsys):
    images = model.set_params(verbose=True).sample(2, method=method, random_state=0)
    assert capsys.readouterr().err.count(f" of {2 * HEIGHT} rows") == HEIGHT
    assert (model.set_params(verbose=False).sample(2, method=method, random_state=0) == images).all()
