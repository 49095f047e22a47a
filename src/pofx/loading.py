"""Models, and what is saved with them, from their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pofx import registry
from pofx.base import GenerativeModel
from pofx.data.collection import printable
from pofx.files.model_file import ModelFileError
from pofx.saving import load_estimator


def load(path: str | os.PathLike[str]) -> Any:
    """The fitted model that `GenerativeModel.save` wrote, or the application (a detector, say) that was saved with it.

    Nothing in the file is executed, and nothing is imported because the file names it: only registered families and
    pofx's own applications load.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is no model file, is damaged or truncated, was written by a newer pofx, or names a class or a
            parameter that does not exist.
    """
    model, attachment = load_estimator(Path(path))
    if not isinstance(model, GenerativeModel):
        raise ModelFileError(f"{path} holds a {type(model).__name__}, which is no model of images")
    if attachment is None:
        return model
    try:
        return registry.application(attachment.name).from_attachment(model, attachment)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        why = error.args[0] if isinstance(error, KeyError | ValueError) and error.args else repr(error)
        raise ModelFileError(f"{path}: its {printable(attachment.name)[:40]} cannot be restored ({why})") from error
