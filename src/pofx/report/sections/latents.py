"""What the latents of models are about."""

from __future__ import annotations

from typing import Any

import numpy as np

from pofx.applications.attributes import class_attributes
from pofx.applications.editing import LatentEditor
from pofx.applications.latent_grid import latent_grid
from pofx.pages.latents import edit_page, grid_page, traversal_page
from pofx.report.section import Picture, Section, Text
from pofx.report.study import COLUMNS, Study

#: Images that tell where latents lie; dimensions and their values that are shown; images a side of the grid.
ENCODED, DIMS, VALUES, SIDE = 2_000, 8, np.linspace(-3, 3, 9), 12
#: Edits with labels, and how strong they are.
EDITS, SHARES = 3, (0.5, 1.0)


def latents(study: Study, seconds: float) -> Section | None:
    """The grid, what each dimension does, and images edited from one class towards another."""
    models = {
        name: model
        for name, model in study.models.items()
        if hasattr(model, "transform") and hasattr(model, "inverse_transform")
    }
    if not models:
        return None
    section = Section(
        "latents",
        "Latents: what the images vary in",
        "The few numbers to which a model squeezes an image, changed one at a time or along the way from one class to "
        "another, and the images that belong to them.",
        "A dimension need not mean one thing, and what goes with a class in these images need not come from it.",
    )
    some = study.training.some(ENCODED, study.seed)
    for name, model in models.items():
        editor = LatentEditor(model)
        attributes = class_attributes(some.labels) if study.labelled else None
        editor.fit(some.images, attributes)
        live = [int(j) for j in editor.live_dims_]
        section.add(
            Text(
                f"{name}: {len(live)} of {len(editor.latent_importance_)} latent dimensions say something about the "
                "images."
            )
        )
        if len(live) > 1:
            X = None if getattr(model, "prior", "normal") == "normal" and hasattr(model, "elbo") else some.images
            grid = grid_page(model, latent_grid(model, X, n=SIDE), title=None, note=None)
            note = f"{name}: over its two most important dimensions, all others at their mean."
            section.add(Picture(f"grid_{name}", grid, f"Images over two latent dimensions of {name}", note))
        if live:
            dims = live[:DIMS]
            page = traversal_page(
                model,
                editor.traverse(dims=dims, values=VALUES)[0],
                [f"z{j} {editor.latent_importance_[j]:.2f}" for j in dims],
                title=None,
                note=None,
            )
            note = (
                f"{name}: the mean latent with one dimension at a time set from {VALUES[0]:g} to {VALUES[-1]:g} "
                "standard deviations from its mean; beside each its importance."
            )
            section.add(Picture(f"dimensions_{name}", page, f"What each latent dimension of {name} does", note))
        section.add(*_edits(study, name, model, editor))
    return section


def _edits(study: Study, name: str, model: Any, editor: LatentEditor) -> list[Picture]:
    """Images of a class moved towards another, for the classes that the latents know best."""
    labels = study.held_out.labels
    if not editor.directions_ or labels is None:
        return []
    best = sorted(editor.directions_, key=lambda one: -(editor.scores_[one] or 0.0))
    pairs = [(best[(k + 1) % len(best)], best[k]) for k in range(min(EDITS, len(best)))]
    parts: list[Picture] = []
    for before, after in pairs:
        of_class = study.held_out.images[[str(label) == before for label in labels]][:COLUMNS]
        if not len(of_class):
            continue
        page = edit_page(
            model,
            of_class,
            editor.edit(of_class, {}),
            [editor.edit(of_class, {after: share, before: -share}) for share in SHARES],
            [f"{share:.0%}" for share in SHARES],
            title=None,
            note=None,
        )
        note = (
            f"{name}: held-out images of {before}, moved along the direction of {after} and against that of {before}, "
            "at 100% by the distance between the means of such images and the others."
        )
        parts.append(Picture(f"edited_{name}_{len(parts) + 1}", page, f"Images of {before} edited into {after}", note))
    return parts
