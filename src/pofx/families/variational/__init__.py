"""Explicit, approximate: a lower bound on log p(x). Kingma & Welling 2013 (arXiv 1312.6114), Rezende et al. 2014."""
