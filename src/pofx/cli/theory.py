"""``pofx theory``: the optimum of the adversarial game, seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pofx.cli.options import Device, GivenSeed, PicturePath, Verbose, check_count, writable

if TYPE_CHECKING:
    from pofx.theory.course import Course


def theory(
    *,
    output: PicturePath,
    gif: Annotated[Path | None, Parameter(help="The animation to write (GIF).")] = None,
    law: Annotated[
        Literal["line", "ring"],
        Parameter(
            help="line: two normals side by side in one dimension; D learns against a generator that stands still, "
            "then both learn. ring: eight normals on a circle in two dimensions, the first part alone."
        ),
    ] = "line",
    objective: Annotated[
        Literal["minimax", "non_saturating"],
        Parameter(help="What the generator descends when it learns; of no account with --law ring, where it does not."),
    ] = "minimax",
    steps: Annotated[
        int, Parameter(help="Steps of D against the generator that stands still; and of the game after it (line).")
    ] = 1000,
    seed: GivenSeed = 0,
    device: Device = "cpu",
    verbose: Verbose = True,
) -> None:
    """Show a discriminator come to D* = p / (p + p_G), and the value of the game to C(G) = -log 4 + 2 JSD(p || p_G).

    Both laws are known, so that every number is computed and none estimated. The picture shows the densities, D beside
    D*, and V(D, G) beside C(G) over training; docs/gan_optimality.md has the proof. It is about the minimax game of
    Goodfellow et al. 2014, and not about the relativistic loss.

    Example: `pofx theory -o theory.png --gif theory.gif`

    Example: `pofx theory -o ring.png --law ring --steps 2000`
    """
    from pofx.cli.output import OutputConsole
    from pofx.files.animations import save_gif
    from pofx.files.pictures import save_png
    from pofx.theory.demonstration import play_on_a_line, play_on_a_ring
    from pofx.theory.pictures import frames, picture

    output = writable(output, ".png")
    gif = None if gif is None else writable(gif, ".gif")
    check_count("--steps", steps)
    if law == "ring":
        course = play_on_a_ring(fixed_steps=steps, random_state=seed, device=device, verbose=verbose)
    else:
        course = play_on_a_line(
            fixed_steps=steps,
            game_steps=steps,
            objective=objective,
            random_state=seed,
            device=device,
            verbose=verbose,
        )
    save_png(picture(course), output)
    if gif is not None:
        save_gif(frames(course), gif, back=False)
    console = OutputConsole()
    for line in _told(course):
        console.print(line)
    for path in (output, gif):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True)
    if course.interrupted:
        raise KeyboardInterrupt(f"interrupted after {course.records[-1].step} of {course.steps} steps")


def _told(course: Course) -> list[str]:
    start, fixed, end = course.records[0], course.end_of_fixed, course.records[-1]
    lines = [
        f"D against a generator that stands still, {fixed.step:,} steps:",
        f"  V(D, G) = {fixed.value:.4f} nats, C(G) = -log 4 + 2 JSD = {fixed.criterion:.4f} nats",
        f"  mean |D - D*| = {fixed.error:.4f} (before: {start.error:.4f})",
    ]
    if end.step > fixed.step:
        lines += [
            f"Then D and G in turn, {end.step - fixed.step:,} steps of G:",
            f"  JSD(p_data || p_G) = {end.jensen_shannon:.4f} nats (before: {start.jensen_shannon:.4f})",
            f"  V(D, G) = {end.value:.4f} nats, C(G) = {end.criterion:.4f} nats, least possible: -log 4 = -1.3863",
            f"  mean |D - D*| = {end.error:.4f}",
        ]
    else:
        lines.append(f"JSD(p_data || p_G) = {end.jensen_shannon:.4f} nats")
    return lines
