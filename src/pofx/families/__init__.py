"""The model families. They are strangers to one another: what two of them need moves down a layer."""
