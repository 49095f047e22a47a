"""Measures of two sets of images or features: how far apart they are, and what one has that the other has not."""
