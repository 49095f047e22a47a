"""Ctrl-C when the training is over and the model only learns what it needs besides: nothing of it is lost."""

import os
import signal

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pofx


@pytest.mark.parametrize("times", [1, 2])
def test_the_first_waits_and_the_second_does_not(times, monkeypatch):
    after = pofx.GAN._after_fit

    def interrupted(self, *readers):
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        after(self, *readers)

    monkeypatch.setattr(pofx.GAN, "_after_fit", interrupted)
    model = pofx.GAN(width=8, depth=1, latent_dim=2, max_epochs=1, random_state=0)
    if times == 1:
        model.fit(load_digits().images[:300])
        assert model.rejection_ is not None and np.isfinite(model.sample(2)).all()
    else:
        with pytest.raises(KeyboardInterrupt):
            model.fit(load_digits().images[:300])
