"""What goes to disk: atomic writes, model files, pictures."""
