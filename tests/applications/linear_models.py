"""A model whose latents are known: images are a linear function of them."""

from __future__ import annotations

import numpy as np


class LinearModel:
    """x = z A + b, with z = (x - b) A^+; A (L, d) has full row rank. It needs no fit."""

    def __init__(self, A, b, image_shape=None):
        self.A, self.b, self.image_shape = A, b, image_shape

    def transform(self, X):
        return (np.asarray(X).reshape(len(X), -1) - self.b) @ np.linalg.pinv(self.A)

    def inverse_transform(self, Z):
        X = Z @ self.A + self.b
        return X if self.image_shape is None else X.reshape(len(X), *self.image_shape)


def linear_model(latent_dim=5, d=24, seed=0, image_shape=None):
    rng = np.random.default_rng(seed)
    return LinearModel(rng.normal(size=(latent_dim, d)), rng.normal(size=d), image_shape)
