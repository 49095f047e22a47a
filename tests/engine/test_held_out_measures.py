"""What is measured on held-out images beside their score stands in the history."""

import pytest
from engine_toys import Toy

from pofx.engine.phase import HeldOutScore


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
