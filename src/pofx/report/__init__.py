"""One page about a collection of images and the models that were fitted to it."""
