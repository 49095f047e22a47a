"""Meta-estimators over any model, by capability and never by class; free of torch."""
