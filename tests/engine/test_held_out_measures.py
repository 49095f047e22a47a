"""What is measured on held-out images beside their score stands in the history."""

import pytest
from engine_toys import Toy

from pofx.engine.phase import HeldOutScore
from pofx.engine.selection import Selection


class MeasuredToy(Toy):
    def score(self):
        found = super().score()
        return HeldOutScore(found, {"measured": 2.0 * self.n_scored})


def test_measures_are_columns_of_the_history(tmp_path):
    toy = MeasuredToy(tmp_path, scores=[0.1, 0.7, 0.2])
    result = toy.train()
    assert result.history["measured"].tolist() == [2, 4, 6]
    assert result.history["held_out_score"].tolist() == [0.1, 0.7, 0.2]
    assert (result.best_score, result.best_epoch) == (0.7, 2)


class NoisyToy(Toy):
    def score(self):
        return HeldOutScore(super().score(), noise=0.25)


def test_of_scores_that_noise_cannot_tell_apart_the_latest_is_kept(tmp_path):
    result = NoisyToy(tmp_path, scores=[0.1, 0.7, 0.5, 0.4]).train(max_epochs=4)
    assert (result.best_score, result.best_epoch) == (0.5, 3)  # 0.4 is too far below the highest
    rising = NoisyToy(tmp_path / "rising", scores=[0.1, 0.7, 0.8, 0.6]).train(max_epochs=4)
    assert (rising.best_score, rising.best_epoch) == (0.6, 4)


def test_noise_does_not_prolong_a_training(tmp_path):
    """Patience counts from the highest score: scores that slide down within the noise would never end it."""
    selection = Selection()
    for epoch, score in enumerate([1.0, 0.9, 0.95, float("nan"), 0.8], 1):
        selection = selection.after(score, epoch, dict, noise=0.15)
    assert (selection.score, selection.epoch, selection.highest, selection.stale_epochs) == (0.95, 3, 1.0, 4)


def test_they_come_back_with_a_checkpoint(tmp_path):
    whole = MeasuredToy(tmp_path / "whole").train()

    class Stop(Exception):
        pass

    def stop_in_epoch_3(batch, terms):
        if batch.step == 12:
            raise Stop
        return terms

    stopped = MeasuredToy(tmp_path / "stopped", hook=stop_in_epoch_3)
    with pytest.raises(Stop):
        stopped.train()
    resumed = MeasuredToy(tmp_path / "stopped")
    resumed.n_scored = stopped.n_scored
    assert resumed.train().history.without_timing() == whole.history.without_timing()
