"""For tests of estimators that keep the contract: pofx's own, and a family's from outside."""

from __future__ import annotations

from typing import Final

#: Class name -> {check of scikit-learn's check_estimator: why no image model could pass it}. Empty: all pass them all.
EXPECTED_FAILED_CHECKS: Final[dict[str, dict[str, str]]] = {}
