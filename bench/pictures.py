"""Pictures of the results; matplotlib is optional."""

import sys
from importlib.util import find_spec

import growth
import numpy as np
import training


def draw_all(results, folder):
    """Draw what there are results of."""
    if not find_spec("matplotlib"):
        print("matplotlib is not installed: no pictures", file=sys.stderr)
        return
    from matplotlib.figure import Figure

    parts = results["parts"]
    if "training, float32" in parts:
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        draw_speed(parts["training, float32"], figure.subplots())
        figure.savefig(folder / "speed.png", dpi=100)
    if "growth" in parts:
        figure = Figure(figsize=(6, 4), layout="constrained")
        growth.draw(parts["growth"], figure.subplots())
        figure.savefig(folder / "growth.png", dpi=100)


def draw_speed(entries, axes):
    """Draw the ratios of each shape as two bars, on a logarithmic axis that begins at 1."""
    found = training.fastest_ratios(entries)
    names = "MLPClassifier", "the best of torch, torch.compile and JAX"
    rows = np.arange(len(found))[::-1]
    for i, name in enumerate(names):
        widths = [np.nan if pair[i] is None else pair[i] - 1 for pair in found.values()]
        bars = axes.barh(rows + 0.2 - 0.4 * i, widths, 0.38, left=1, label=name)
        axes.bar_label(bars, ["" if np.isnan(width) else f"{width + 1:.1f}" for width in widths], padding=3, fontsize=8)
    axes.set_xscale("log")
    axes.set_yticks(rows, list(found), fontsize=8)
    axes.set_xlabel("times faster per epoch than")
    axes.legend(loc="lower right")
