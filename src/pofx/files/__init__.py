"""What goes to disk: model files and pictures."""
