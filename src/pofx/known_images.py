"""Which images a model was fitted to: it knows them too well for their scores to be those of ordinary images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from pofx.data.checking import check_labels, check_rows
from pofx.data.image_hashes import holds_most_of
from pofx.data.labels import learn_classes
from pofx.fitted import FittedNetwork
from pofx.saving import IMAGE_HASHES, data_fingerprint


class KnownImages(FittedNetwork):
    """Tells from what a fit keeps of its images whether others are the same."""

    def was_fitted_to(self, X: ArrayLike, y: ArrayLike | None = None) -> bool:
        """Whether these are the very images (and labels, of a conditional model) of the fit, in the same order."""
        check_is_fitted(self)
        rows, _ = check_rows(self, X, reset=False)
        codes = None
        if y is not None and self._is_conditional:
            learned = learn_classes(check_labels(y, len(rows)))
            if not np.array_equal(learned.classes, self.classes_):
                return False
            codes = learned.codes
        return bool(self.provenance_.get("data_fingerprint") == data_fingerprint(rows, codes))

    def knows_most_of(self, X: ArrayLike) -> bool:
        """Whether most of these images are of the fit, whatever their labels, their order and their number.

        It goes by hashes of at most 512 images of the fit (see `sampled_hashes`): of a few images of a large collection
        none may be among them. A model from a file that was written before there were hashes knows none.
        """
        check_is_fitted(self)
        rows, _ = check_rows(self, X, reset=False)
        return holds_most_of(self.provenance_.get(IMAGE_HASHES, []), rows)
