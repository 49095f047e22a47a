"""The command line: one small file a command, loaded when the command is called, so that ``pofx --help`` is quick."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from cyclopts import App, CycloptsError

import pofx
from pofx.cli.messages import explain, misunderstood
from pofx.cli.output import OutputConsole, printable_streams, settle_stdout

HELP = """The probability of an image under a collection of images, and what follows from it.

A SOURCE of images is `digits` (a set that comes along), a folder of image files, a `.npy`, `.npz` or `.packed` file, or
`openml:NAME`.

Begin with `pofx report digits`. Any command with `--help` tells its options and shows an example; `--traceback` shows
where an error came from.
"""

#: Name -> (function to import, help). The order is that of the help page.
COMMANDS = {
    "fit": ("pofx.cli.fit:fit", "Fit a model to a source of images and save it."),
    "score": ("pofx.cli.score:score", "Tell log p(x) of each image of a source."),
    "outliers": ("pofx.cli.outliers:outliers", "Tell which images do not belong to a collection of ordinary ones."),
    "classify": ("pofx.cli.classify:classify", "Tell which class each image is of, and which images are of none."),
    "features": ("pofx.cli.features:features", "Write down what a model sees in each image, as numbers."),
    "report": ("pofx.cli.report:report", "Write one page about a collection of images, from all families."),
    "compare": ("pofx.cli.compare:compare", "Tell whether two collections differ, and which images show it."),
    "bounds": ("pofx.cli.bounds:bounds", "Tell tighter lower bounds on log p(x) of the images of a source."),
    "certify": ("pofx.cli.certify:certify", "Tell how tight such bounds are, on images made by the model."),
    "sample": ("pofx.cli.sample:sample", "Draw new images from a model."),
    "reconstruct": ("pofx.cli.reconstruct:reconstruct", "Show images beside what a model makes of them."),
    "complete": ("pofx.cli.complete:complete", "Draw the unknown part of images, given the known part."),
    "edit": ("pofx.cli.edit:edit", "Show images with more or less of an attribute."),
    "interpolate": ("pofx.cli.interpolate:interpolate", "Show the way from one image to another."),
    "traverse": ("pofx.cli.traverse:traverse", "Show what each dimension of the latents does."),
    "latent-grid": ("pofx.cli.latent_grid:latent_grid", "Show the images over two dimensions of the latents."),
    "evaluate": ("pofx.cli.evaluate:evaluate", "Measure what a model draws against real images that it never saw."),
    "theory": ("pofx.cli.theory:theory", "Show a discriminator come to its optimum where both laws are known."),
    "prepare": ("pofx.cli.prepare:prepare", "Pack a source of images into one file that is read quickly."),
    "info": ("pofx.cli.info:info", "Tell what a model file or a packed file holds and where it comes from."),
}
COMPLETION = "--install-completion"


def build_app(called: str | None = None) -> App:
    """The application with all its commands, none of them imported yet.

    Args:
        called: the command that is going to be called; it then says in its own words what it does.
    """
    app = App(
        name="pofx",
        help=HELP,
        help_format="markdown",
        version=pofx.__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for position, (name, (target, text)) in enumerate(COMMANDS.items()):
        # `fit` reads its options itself, for they depend on the model, and `--help` with them.
        own_help: dict[str, list[str]] = {"help_flags": []} if name == "fit" else {}
        app.command(target, name=name, help=None if name == called else text, sort_key=position, **own_help)
    app.command(
        "pofx.cli.completion:install",
        name=COMPLETION,
        help=None if called == COMPLETION else "Let the shell complete commands and options, and exit.",
    )
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 failed, 2 not understood, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    traceback = "--traceback" in arguments
    if traceback:
        arguments.remove("--traceback")
    with printable_streams():
        try:
            app = build_app(called=arguments[0] if arguments else None)
            app(arguments, console=OutputConsole(wrapped=True), print_error=False, exit_on_error=False)
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where what goes wrong with it can still be said
        except KeyboardInterrupt as error:
            return _failed(str(error) or "interrupted", 130)
        except BrokenPipeError:
            settle_stdout()  # the reader (head, say) has seen enough
        except Exception as error:
            if traceback:
                raise
            if isinstance(error, CycloptsError):
                known = [word for word in arguments[:1] if word in (*COMMANDS, COMPLETION)]
                return _failed(misunderstood(error, " ".join(["pofx", *known])), 2)
            return _failed(explain(error), 1)
    return 0


def _failed(message: str, status: int) -> int:
    with suppress(OSError):  # nobody reads stderr either
        print(f"pofx: {_harmless(message)}", file=sys.stderr, flush=True)
    settle_stdout()
    return status


def _harmless(message: str) -> str:
    """The message without what a terminal could take for a command: names of files and classes come from strangers."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in message)


def run() -> None:
    """The entry point of the installed program."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Not where it is ignored, as under nohup.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)
    sys.exit(main())


def _end(number: int, frame: object) -> None:
    """End as an error would, so that unfinished files are removed."""
    raise SystemExit(128 + number)
