"""What is proved of the models, computed on laws whose p(x) is known."""
