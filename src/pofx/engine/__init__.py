"""Training: phases, the loop, checkpoints and history. It never learns which family it trains."""
