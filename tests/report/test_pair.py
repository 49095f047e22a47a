"""What is said of two collections."""

from dataclasses import replace

import numpy as np
import pytest

from pofx.evaluation.comparison import Comparison
from pofx.report.pair import verdict

FOUND = Comparison(0.001, 0.1, 0.02, 0.7, *[np.zeros(20)] * 2, *[np.arange(20)] * 2, "network")


@pytest.mark.parametrize(
    ("found", "told", "not_told"),
    [
        (FOUND, "a lower bound on their Jensen-Shannon divergence is estimated at 0.1000 ± 0.0200", "No difference"),
        (replace(FOUND, jsd_bound=-0.04), "too little or in too few images", "-0.04"),
        (replace(FOUND, p_value=0.2), "No difference found", "divergence"),
    ],
)
def test_the_verdict_says_no_more_than_is_known(found, told, not_told):
    said = verdict(found, ("a", "b"))
    assert told in said and not_told not in said
