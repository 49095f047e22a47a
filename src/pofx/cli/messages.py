"""What went wrong, in a line for people."""

from __future__ import annotations

from cyclopts import CycloptsError
from cyclopts.exceptions import MissingArgumentError, UnusedCliTokensError

#: What commands raise about their input: the message tells all. Anything else is a surprise and is said to be one.
EXPECTED = (ValueError, OSError, KeyError, TypeError, FloatingPointError, MemoryError)


def explain(error: Exception) -> str:
    """The message of an error that a command raised."""
    if isinstance(error, EXPECTED):
        return _expected(error)
    name = type(error).__name__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{name}: {lines[0]}" if lines else name
    if name == "OutOfMemoryError":  # torch's, which is not imported to be asked
        text += " Try --device cpu, or a smaller --batch-size with pofx fit."
    return f"{text} (the same command with --traceback shows where this came from)"


def _expected(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} does not exist"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    # str() of a KeyError is the repr of its message.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text or ("not enough memory" if isinstance(error, MemoryError) else type(error).__name__)


def misunderstood(error: CycloptsError, command: str) -> str:
    """The message about a command line that was not understood, and where to read on."""
    text = _misunderstood(error)
    return f"{text}{'' if text.endswith(('.', '?')) else '.'} See: {command} --help"


def _misunderstood(error: CycloptsError) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"Too many arguments: {' '.join(error.unused_tokens)}."
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        keyword = getattr(error, "keyword", None)
        said = f"{keyword} needs a value." if keyword else f"{error.argument.name} is missing."
        _, separator, hint = text.partition(" Did you mean ")
        return said + separator + hint
    return text
