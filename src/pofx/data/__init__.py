"""Images as arrays, where they come from, and small laws whose probabilities are known."""
