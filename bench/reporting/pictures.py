"""Pictures of the results; matplotlib is optional."""

import sys
from importlib.util import find_spec

import numpy as np

from parts import growth, tables, training


def draw_all(results, folder):
    """Draw what there are results of."""
    if not find_spec("matplotlib"):
        print("matplotlib is not installed: no pictures", file=sys.stderr)
        return
    from matplotlib.figure import Figure

    parts = results["parts"]
    if "training, float32" in parts:
        figure = Figure(figsize=(9, 6), layout="constrained")
        draw_speed(parts["training, float32"], figure.subplots())
        figure.savefig(folder / "speed.png", dpi=100)
    if "growth" in parts:
        figure = Figure(figsize=(6, 4), layout="constrained")
        growth.draw(parts["growth"], figure.subplots())
        figure.savefig(folder / "growth.png", dpi=100)
    if "tables" in parts:
        figure = Figure(figsize=(7, 4), layout="constrained")
        tables.draw(parts["tables"], figure.subplots())
        figure.savefig(folder / "tables.png", dpi=100)


def draw_speed(entries, axes):
    """Draw the ratios of each shape as two bars with their range, on a logarithmic axis that begins at 1."""
    from matplotlib.ticker import LogLocator

    labels = {"x MLPClassifier": "MLPClassifier", "x the best framework": "the best of torch, torch.compile and JAX"}
    height = 0.8 / len(labels)
    for i, (name, label) in enumerate(labels.items()):
        places = [(row, found) for row, found in enumerate(training.spreads(entries, name).values()) if found]
        rows = [row + height * (i - 0.5) for row, _ in places]
        medians, low, high = (np.array([found[key] for _, found in places]) for key in ("median", "min", "max"))
        axes.barh(rows, medians - 1, 0.9 * height, left=1, label=label)
        beside = np.array([medians - low, high - medians])
        axes.errorbar(medians, rows, xerr=beside, fmt="none", ecolor="0.3", elinewidth=1)
        for row, median, end in zip(rows, medians, high, strict=True):
            axes.annotate(f"{median:.1f}", (end, row), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_yticks(range(len(entries)), list(entries), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("times faster per epoch than")
    axes.figure.legend(loc="outside upper center", ncols=len(labels))
