"""The one error of everything that can be wrong with a model file."""

RENEW = "Copy or download it again, or save the model again."


class ModelFileError(ValueError):
    """A file that is no model for this version of pofx: foreign, damaged, truncated, newer or unknown inside."""
