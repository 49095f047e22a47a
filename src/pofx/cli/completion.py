"""``pofx --install-completion``: a script that lets the shell complete commands, options and choices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter


def install(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, Parameter(help="The shell; found out if not given.")
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], help="Where to write the script; where the shell finds it by itself if not given."
        ),
    ] = None,
) -> None:
    """Let the shell complete commands, options and choices.

    The script is written where the shell looks for it, or, with `-o`, to a file of your own. It knows the options of
    the installed version: repeat this after an update.

    Example: `pofx --install-completion --shell zsh`
    """
    if shell is None:
        from cyclopts.completion.detect import ShellDetectionError, detect_shell

        try:
            found = detect_shell()
        except ShellDetectionError:
            raise ValueError("the shell cannot be found out; name it: --shell bash, zsh or fish") from None
        if found not in ("bash", "zsh", "fish"):
            raise ValueError(f"there is no completion for {found}; there is for bash, zsh and fish")
        shell = found
    path = full_app().install_completion(shell=shell, output=output, add_to_startup=output is None)
    print(f"Written: {path}")
    print("Shells that are started from now on complete." if output is None else "Load it in the shell: source it.")


def full_app() -> App:
    """The application with all options of `fit`, of all families, in its signature; to be read, not called."""
    from pofx.cli import COMMANDS, build_app
    from pofx.cli.fit_options import command_for_all

    app = build_app()
    del app["fit"]
    app.command(command_for_all(), name="fit", help=COMMANDS["fit"][1])
    return app
