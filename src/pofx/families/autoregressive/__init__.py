"""Autoregressive models: exact log p(x) by the chain rule."""
