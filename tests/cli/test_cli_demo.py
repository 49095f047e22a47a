"""``pofx demo``."""

from pofx.cli import main


def test_it_leaves_its_results(tmp_path, capsys, monkeypatch):
    """With a training cut short: what is tested is that everything is there."""
    import pofx.families.variational.estimator as estimator

    full = estimator.VAE.fit
    monkeypatch.setattr(estimator.VAE, "fit", lambda self, X: full(self.set_params(max_epochs=2, verbose=False), X))
    assert main(["demo", "-o", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for text in ("VAE", "independent pixels", "raw pixels", "PCA", "autoencoder"):
        assert text in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "digits.pofx", "samples.png", "reconstructions.png", "likely.png",
    }  # fmt: skip
