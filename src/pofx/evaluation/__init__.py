"""Tables about models, with simple baselines beside them."""
