"""The pictures of the job: loss curves, hidden weights, the decision boundary in a plane, predicted and true numbers.

Figures are made without pyplot, so no window system is needed.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import PredictionErrorDisplay

from ..plotting import HiddenWeightsDisplay, LossCurveDisplay

MARGIN = 0.08  # around the points, as a fraction of their range
MOST_CLASSES = 10  # maximum number of classes in a legend
# The first curve is wide and light and below the other, so that equal curves can be told apart.
LINES = [{"linewidth": 4, "color": "tab:orange"}, {"linewidth": 1.2, "color": "black", "linestyle": "--"}]


def save_loss_curves(path: Path, name: str, fits: dict[str, tuple[Any, float]]) -> None:
    """Write a picture of the loss of each epoch, given as {name: (fitted pipeline, seconds of the fit)}."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    by_epoch, by_time = figure.subplots(1, 2, sharey=True)
    for (label, (pipeline, seconds)), line in zip(fits.items(), LINES, strict=False):
        display = LossCurveDisplay.from_estimator(pipeline, name=label, ax=by_epoch, yscale="log", train_kw=line)
        display.plot(by_time, seconds=seconds, yscale="log", train_kw=line)
    by_epoch.set(title=f"{name}: by epoch")
    by_time.set(xlabel="seconds (the mean time of an epoch each)", ylabel="", title=f"{name}: by time")
    by_time.get_legend().remove()
    figure.savefig(path, dpi=120)


def save_hidden_weights(path: Path, name: str, model: Any, image_shape: tuple[int, int]) -> None:
    """Write a picture of what the most important hidden units look for in images of that height and width."""
    figure = Figure(figsize=(7, 6.6), layout="constrained")
    display = HiddenWeightsDisplay.from_estimator(model, image_shape=image_shape, ax=figure.subplots(), n_units=25)
    n_shown, n_hidden = len(display.units_), display.weights.shape[1]
    shown = f"the {n_shown} most important of {n_hidden} hidden units" if n_shown < n_hidden else "all hidden units"
    figure.suptitle(f"{name}: the weight of each pixel for {shown}", fontsize="medium")
    figure.savefig(path, dpi=120)


def save_boundary(path: Path, name: str, model: Any, X_train: Any, y_train: Any, X_test: Any, y_test: Any) -> None:
    """Write a picture of a fitted model's decision boundary, with the points of training and those held out."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    colors = draw_boundary(axes, model, X_train, X_test)
    draw_points(axes, model.classes_, colors, X_train, y_train, size=14, edgecolors="white", linewidths=0.4)
    draw_points(axes, model.classes_, colors, X_test, y_test, size=26, edgecolors="black", linewidths=0.9)
    if len(model.classes_) <= MOST_CLASSES:
        for label, color in zip(model.classes_, colors, strict=True):
            axes.scatter([], [], color=color, label=str(label))
        # beside the points, as matplotlib would take seconds to find the best place among them
        figure.legend(title="class", loc="outside right upper")
    axes.set_title(f"{name}: points with a black edge were held out")
    figure.savefig(path, dpi=120)


def save_predictions(path: Path, name: str, y_true: np.ndarray, y_predicted: np.ndarray) -> None:
    """Write a picture of predicted numbers against the true ones of rows that were held out."""
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    axes = figure.subplots()
    PredictionErrorDisplay.from_predictions(
        y_true, y_predicted, kind="actual_vs_predicted", ax=axes, scatter_kwargs={"s": 14, "alpha": 0.6}
    )
    axes.set_title(f"{name}: rows that were held out")
    figure.savefig(path, dpi=120)


def draw_boundary(axes: Axes, model: Any, *point_sets: Any) -> list:
    """Shade the plane around the points by the model's probabilities; return the color of each class."""
    points = np.vstack([np.asarray(X, dtype=float) for X in point_sets])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    margin = MARGIN * np.where(high > low, high - low, 1.0)
    corners: Any = np.array([low - margin, high + margin])  # the display uses no more of the points
    if hasattr(point_sets[0], "columns"):
        corners = type(point_sets[0])(corners, columns=point_sets[0].columns)
    two = len(model.classes_) == 2
    display = DecisionBoundaryDisplay.from_estimator(
        model,
        corners,
        ax=axes,
        eps=0,
        grid_resolution=250,
        plot_method="pcolormesh",
        response_method="predict_proba",
        alpha=0.5,
        **({"cmap": "coolwarm", "vmin": 0, "vmax": 1} if two else {}),
    )
    if two and display.response.min() < 0.5 < display.response.max():
        axes.contour(display.xx0, display.xx1, display.response, levels=[0.5], colors="black", linewidths=1)
    axes.set(xlabel=display.xlabel or "first feature", ylabel=display.ylabel or "second feature")
    return ["#3b4cc0", "#b40426"] if two else [tuple(color) for color in display.multiclass_colors_]


def draw_points(axes: Axes, classes: Any, colors: list, X: Any, y: Any, *, size: float, **edge: Any) -> None:
    """Draw labelled points in the colors of their classes."""
    points = np.asarray(X, dtype=float)
    for label, color in zip(classes, colors, strict=True):
        chosen = points[np.asarray(y) == label]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=size, color=color, **edge)
