"""The adversarial family: samples from a game between two networks, and no p(x)."""
