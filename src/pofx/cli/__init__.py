"""The command line: one small file a command, loaded when the command is called, so that ``pofx --help`` is quick."""

from __future__ import annotations

import sys

from cyclopts import App

import pofx

HELP = """The probability of an image under a collection of images, and what follows from it.

A SOURCE of images is `digits` (a set that comes along), a folder of image files, or a `.npy` or `.npz` file.

Begin with `pofx demo`. Any command with `--help` tells its options; `--traceback` shows where an error came from.
"""

#: Name -> (function to import, help). The order is that of the help page.
COMMANDS = {
    "demo": ("pofx.cli.demo:demo", "Fit a model to handwritten digits and write pictures of what it learned."),
    "fit": ("pofx.cli.fit:fit", "Fit a model to a source of images and save it."),
    "score": ("pofx.cli.score:score", "Tell log p(x) of each image of a source."),
    "sample": ("pofx.cli.sample:sample", "Draw new images from a model."),
    "reconstruct": ("pofx.cli.reconstruct:reconstruct", "Show images beside what a model makes of them."),
    "info": ("pofx.cli.info:info", "Tell what a model file holds and where it comes from."),
}


def build_app() -> App:
    """The application with all its commands, none of them imported yet."""
    app = App(name="pofx", help=HELP, help_format="markdown", version=pofx.__version__, result_action="return_value")
    for name, (target, text) in COMMANDS.items():
        # `fit` reads its options itself, for they depend on the model, and `--help` with them.
        own_help: dict[str, list[str]] = {"help_flags": []} if name == "fit" else {}
        app.command(target, name=name, help=text, **own_help)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 failed, 2 not understood, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    traceback = "--traceback" in arguments
    if traceback:
        arguments.remove("--traceback")
    try:
        build_app()(arguments)
    except KeyboardInterrupt:
        print("pofx: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, say) has seen enough.
        sys.stderr.close()
        return 0
    except SystemExit as error:
        # rich ends a program whose output nobody reads with 1; cyclopts one it does not understand with 2.
        return 2 if error.code not in (0, 1, None) else 0
    except (ValueError, OSError, KeyError, TypeError, FloatingPointError, MemoryError) as error:
        if traceback:
            raise
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        if isinstance(error, FileNotFoundError) and error.filename:
            text = f"{error.filename} does not exist"
        print(f"pofx: {text or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def run() -> None:
    """The entry point of the installed program."""
    sys.exit(main())
