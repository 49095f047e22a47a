"""``pofx info``: what a model file holds."""

from __future__ import annotations

from pofx.cli.options import ModelPath


def info(model: ModelPath) -> None:
    """Tell what a model file holds and where it comes from."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    import pofx

    fitted = pofx.load(model)
    console = Console(markup=False)
    facts: dict[str, object] = {
        "model": f"{type(fitted).__name__} (density: {fitted.density})",
        "images": str(fitted.spec_),
        "parameters of the network": f"{sum(p.numel() for p in fitted.module_.parameters()):,}",
    }
    if hasattr(fitted, "classes_"):
        facts["classes"] = ", ".join(str(label) for label in fitted.classes_[:20])
    if hasattr(fitted, "latent_importance_"):
        active = int((fitted.latent_importance_ > 0.01).sum())
        facts["latent dimensions in use"] = f"{active} of {len(fitted.latent_importance_)} (KL above 0.01 nats)"
    facts |= fitted.provenance_
    defaults = type(fitted)().get_params()
    facts["parameters that are not the defaults"] = (
        ", ".join(f"{name}={value!r}" for name, value in fitted.get_params().items() if value != defaults[name])
        or "none"
    )
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), Text(str(value)))
    console.print(table)
