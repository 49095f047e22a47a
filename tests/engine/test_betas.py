"""Adam's decay rates in the course of a training."""

import pytest
import torch
from torch import nn

from pofx.engine.loop import train
from pofx.engine.options import TrainingOptions
from pofx.engine.phase import LossTerms, Phase
from pofx.engine.schedule import cosine_between


def test_half_a_cosine():
    assert [cosine_between(0.9, 0.99, p) for p in (0.0, 0.5, 1.0, 2.0)] == pytest.approx([0.9, 0.945, 0.99, 0.99])


def phase_of(parameter, **settings):
    return Phase("one", [parameter], lambda batch: LossTerms((parameter * batch.x.mean()).sum()), **settings)


def test_the_second_rate_rises_to_its_end():
    parameter = nn.Parameter(torch.zeros(2))
    phase = phase_of(parameter, betas=(0, 0.9), final_beta2=0.99)
    assert phase.betas_at(0.0) == (0.0, pytest.approx(0.9)) and phase.betas_at(1.0) == (0.0, pytest.approx(0.99))
    assert phase_of(parameter, betas=(0.5, 0.9)).betas_at(0.7) == (0.5, 0.9)


@pytest.mark.parametrize("settings", [{"betas": (0.0, 1.0)}, {"betas": (-0.1, 0.9)}, {"final_beta2": 1.0}])
def test_rates_out_of_their_range_are_refused(settings):
    with pytest.raises(ValueError, match="betas must lie in"):
        phase_of(nn.Parameter(torch.zeros(2)), **settings)


class Ones:
    """Six images of one pixel each."""

    def __len__(self):
        return 6

    def batch(self, indices):
        return torch.ones(len(indices), 1, 1, 1) * torch.from_numpy(indices).float().reshape(-1, 1, 1, 1), None


def test_a_training_uses_the_rate_of_its_moment(monkeypatch):
    seen = []
    step = torch.optim.Adam.step

    def watched(self, *arguments, **keywords):
        seen.append(self.param_groups[0]["betas"])
        return step(self, *arguments, **keywords)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    module = nn.Linear(1, 1)
    phase = Phase(
        "one",
        list(module.parameters()),
        lambda batch: LossTerms(module(batch.x.flatten(1)).mean()),
        betas=(0.0, 0.9),
        final_beta2=0.99,
    )
    train(module, [phase], Ones(), TrainingOptions(max_epochs=2, batch_size=2, seed=0, device="cpu"))
    assert seen == [(0.0, pytest.approx(cosine_between(0.9, 0.99, number / 6))) for number in range(6)]
