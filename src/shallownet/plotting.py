"""Pictures of a fitted network, as scikit-learn's Display objects.

scikit-learn has two more for these networks: DecisionBoundaryDisplay for classes in a plane, and PredictionErrorDisplay
for predicted numbers beside the true ones. All are drawn with matplotlib, which the extra ``plotting`` installs;
importing this module does not need it.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self, TypedDict, Unpack

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

__all__ = ["HiddenWeightsDisplay", "LossCurveDisplay"]

MOST_NAMES = 40  # of features beside their bars; more could not be read


class LossCurveOptions(TypedDict, total=False):
    """What LossCurveDisplay.from_estimator passes to plot."""

    score_ax: Any
    seconds: float | None
    yscale: Literal["linear", "log"]
    train_kw: dict[str, Any] | None
    validation_kw: dict[str, Any] | None
    score_kw: dict[str, Any] | None


class HiddenWeightsOptions(TypedDict, total=False):
    """What HiddenWeightsDisplay.from_estimator passes to plot."""

    n_units: int | None
    order: Literal["importance", "index"]
    n_columns: int | None
    cmap: Any


class LossCurveDisplay:
    """The loss of each epoch of a fit, and the validation set's loss and score where there is one.

    Make one with :meth:`from_estimator`. Epochs are counted from 1.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss of each epoch.
    validation_loss_curve, validation_scores : array-like of shape (n_epochs,) or None, default=None
        Loss and score of the validation set after each epoch.
    best_iter : int or None, default=None
        Epoch of the best score.
    name : str or None, default=None
        Prefix of each label in the legend, for several fits in one picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the losses.
    score_ax_ : matplotlib Axes or None
        Axes of the score, with a separate scale on the right.
    figure_ : matplotlib Figure
        Figure of both.
    train_line_, validation_line_, score_line_ : matplotlib Line2D, the latter two or None
        Curves.
    best_line_ : matplotlib Line2D or None
        Vertical line at the best epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from shallownet import ShallowNetClassifier
    >>> from shallownet.plotting import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ShallowNetClassifier(early_stopping=True, tol=1e-2, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> display.ax_.get_xlabel()
    'epoch'
    """

    ax_: Any
    score_ax_: Any
    figure_: Any
    train_line_: Any
    validation_line_: Any
    score_line_: Any
    best_line_: Any

    def __init__(
        self,
        loss_curve: Sequence[float],
        *,
        validation_loss_curve: Sequence[float] | None = None,
        validation_scores: Sequence[float] | None = None,
        best_iter: int | None = None,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.validation_scores = validation_scores
        self.best_iter = best_iter
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **parameters: Unpack[LossCurveOptions]
    ) -> Self:
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted ShallowNetClassifier, ShallowNetRegressor or another estimator with a ``loss_curve_``, such as
            MLPClassifier, or a Pipeline that ends in one.
        name : str or None, default=None
            Prefix of each label in the legend.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a new figure.
        **parameters : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no ``loss_curve_``, as after a fit by the solver 'lbfgs'.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        network = _last_step(estimator)
        if not hasattr(network, "loss_curve_"):
            raise ValueError(
                f"{cls.__name__} needs an estimator with a loss_curve_, as those of shallownet with the solvers"
                f" 'adam' and 'sgd' have it; got {network!r}."
            )
        display = cls(
            network.loss_curve_,
            validation_loss_curve=getattr(network, "validation_loss_curve_", None),
            validation_scores=getattr(network, "validation_scores_", None),
            best_iter=getattr(network, "best_iter_", None),
            name=name,
        )
        return display.plot(ax, **parameters)

    def plot(
        self,
        ax: Any = None,
        *,
        score_ax: Any = None,
        seconds: float | None = None,
        yscale: Literal["linear", "log"] = "linear",
        train_kw: dict[str, Any] | None = None,
        validation_kw: dict[str, Any] | None = None,
        score_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax, score_ax : matplotlib Axes or None, default=None
            Axes to draw the losses and the score on; None makes a new figure, and a second scale on its right.
        seconds : float or None, default=None
            Duration of the fit, to draw the curves over time, as if all epochs had taken equally long.
        yscale : {'linear', 'log'}, default='linear'
            Scale of the losses.
        train_kw, validation_kw, score_kw : dict or None, default=None
            Passed to matplotlib's ``plot`` for the lines of the training loss, the validation loss and the score.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        pace = 1 if seconds is None else seconds / max(1, len(self.loss_curve))
        self.ax_ = _new_axes((6.4, 4.4)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.score_ax_ = self.validation_line_ = self.score_line_ = self.best_line_ = None
        self.train_line_ = self._line(self.ax_, self.loss_curve, pace, "training loss", train_kw)
        if self.validation_loss_curve is not None:
            self.validation_line_ = self._line(
                self.ax_, self.validation_loss_curve, pace, "validation loss", validation_kw
            )
        if self.validation_scores is not None:
            self.score_ax_ = self.ax_.twinx() if score_ax is None else score_ax
            score_kw = {"color": "tab:green", "linestyle": "--", **(score_kw or {})}
            self.score_line_ = self._line(self.score_ax_, self.validation_scores, pace, "validation score", score_kw)
            self.score_ax_.set_ylabel("validation score", color=self.score_line_.get_color())
            self.score_ax_.tick_params(axis="y", colors=self.score_line_.get_color())
        if self.best_iter is not None:
            label = self._label(f"best epoch: {self.best_iter}")
            self.best_line_ = self.ax_.axvline(self.best_iter * pace, color="grey", linestyle=":", label=label)
        if seconds is None:
            self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True))
        watched = self.validation_loss_curve is not None
        self.ax_.set(
            xlabel="epoch" if seconds is None else "seconds",
            ylabel="loss" if watched else "training loss",
            yscale=yscale,
        )
        self._draw_legend()
        return self

    def _line(self, ax, values, pace, label, keywords):
        epochs = np.arange(1, len(values) + 1) * pace
        point = {"marker": "o"} if len(values) == 1 else {}
        (line,) = ax.plot(epochs, values, **{"label": self._label(label), **point, **(keywords or {})})
        return line

    def _label(self, label):
        return label if self.name is None else f"{self.name}: {label}"

    def _draw_legend(self):
        """Draw one legend for both axes, on the right: above falling losses, or between them and a rising score.

        The place is not left to matplotlib, whose search for the best one is slow for many epochs.
        """
        handles, _ = self.ax_.get_legend_handles_labels()
        if self.score_ax_ is None:
            self.ax_.legend(handles=handles, loc="upper right")
        else:
            handles += self.score_ax_.get_legend_handles_labels()[0]
            self.score_ax_.legend(handles=handles, loc="center right")


class HiddenWeightsDisplay:
    """What each hidden unit looks for: its incoming weights, as a picture or as bars.

    Make one with :meth:`from_estimator`. The importance of a unit is the product of the Euclidean norms of its
    incoming and its outgoing weights, without intercepts. For ReLU, this product remains the same if the incoming
    weights are multiplied and the outgoing ones divided by the same number, which does not change the network's
    function.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_hidden)
        Incoming weights of each hidden unit.
    importance : ndarray of shape (n_hidden,)
        Importance of each hidden unit.
    image_shape : tuple of two ints or None, default=None
        Height and width, if the features are the pixels of an image, row by row.
    feature_names : array-like of shape (n_features,) or None, default=None
        Names beside the bars.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the pictures replace.
    axes_ : list of matplotlib Axes
        Axes of each unit that is shown.
    figure_ : matplotlib Figure
        Their figure.
    units_ : ndarray of shape (n_shown,)
        Index of each unit that is shown, as in ``coefs_``.
    images_ : list of matplotlib AxesImage or None
        Picture of each unit.
    bars_ : list of matplotlib BarContainer or None
        Bars of each unit.
    colorbar_ : matplotlib Colorbar or None
        Color scale of the pictures.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from shallownet import ShallowNetClassifier
    >>> from shallownet.plotting import HiddenWeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = ShallowNetClassifier(16, tol=1e-2, random_state=0).fit(X, y)
    >>> display = HiddenWeightsDisplay.from_estimator(model, image_shape=(8, 8))
    >>> len(display.images_)
    16
    """

    ax_: Any
    axes_: list[Any]
    figure_: Any
    units_: np.ndarray
    images_: list[Any] | None
    bars_: list[Any] | None
    colorbar_: Any

    def __init__(
        self,
        weights: np.ndarray,
        *,
        importance: np.ndarray,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[str] | np.ndarray | None = None,
    ) -> None:
        self.weights = weights
        self.importance = importance
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        **parameters: Unpack[HiddenWeightsOptions],
    ) -> Self:
        """Draw the hidden weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted ShallowNetClassifier, ShallowNetRegressor or another estimator with ``coefs_``, such as
            MLPClassifier, whose first hidden layer is drawn; or a Pipeline that ends in one. The features are those
            that the network sees, in a Pipeline the output of the step before.
        image_shape : tuple of two ints or None, default=None
            Height and width, if the features are the pixels of an image, row by row; None draws bars.
        ax : matplotlib Axes or None, default=None
            A subplot that the pictures replace; None makes a new figure.
        **parameters : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : HiddenWeightsDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no ``coefs_`` of a hidden layer, or ``image_shape`` is not that of its features.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        network = _last_step(estimator)
        if len(getattr(network, "coefs_", [])) < 2:
            raise ValueError(
                f"{cls.__name__} needs an estimator with the coefs_ of a hidden layer, as those of shallownet have"
                f" them; got {network!r}."
            )
        incoming, outgoing = network.coefs_[:2]
        display = cls(
            incoming,
            importance=np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1),
            image_shape=image_shape,
            feature_names=_feature_names(estimator),
        )
        return display.plot(ax, **parameters)

    def plot(
        self,
        ax: Any = None,
        *,
        n_units: int | None = 16,
        order: Literal["importance", "index"] = "importance",
        n_columns: int | None = None,
        cmap: Any = "RdBu_r",
    ) -> Self:
        """Draw the weights, all units on one scale that is symmetric about 0.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            A subplot that the pictures replace; None makes a new figure.
        n_units : int or None, default=16
            Maximum number of units to show; None shows all.
        order : {'importance', 'index'}, default='importance'
            Whether the most important units come first, or all as they stand in ``coefs_``.
        n_columns : int or None, default=None
            The pictures in a row; None makes the rows and columns of pictures equal in number, and puts at most
            eight charts of bars in a row.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            A diverging map of colors.

        Returns
        -------
        display : HiddenWeightsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If ``image_shape``, ``n_units``, ``order`` or ``n_columns`` is not valid.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        self._check_image_shape()
        self.units_ = self._chosen(n_units, order)
        n_columns = self._n_columns(n_columns)
        n_rows = -(-len(self.units_) // n_columns)
        self.ax_ = _new_axes(self._size(n_rows, n_columns)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.ax_.set_axis_off()
        grid = self.ax_.get_subplotspec().subgridspec(n_rows, n_columns)
        as_bars = self.image_shape is None
        axes = grid.subplots(sharex=as_bars, sharey=as_bars, squeeze=False).ravel()
        self.axes_ = list(axes[: len(self.units_)])
        for spare in axes[len(self.units_) :]:
            spare.remove()
        self.images_ = self.bars_ = self.colorbar_ = None
        (self._draw_bars if as_bars else self._draw_images)(cmap)
        for axes, unit in zip(self.axes_, self.units_, strict=True):
            axes.set_title(f"unit {unit}", fontsize="small", pad=3)
        return self

    def _check_image_shape(self):
        n_features = self.weights.shape[0]
        shape = self.image_shape
        if shape is not None and (len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != n_features):
            raise ValueError(
                f"image_shape={shape!r} must be the height and width of an image of {n_features} pixels, as there"
                f" are {n_features} features."
            )

    def _chosen(self, n_units, order):
        """Return the indices of the units to show, in the order in which they are shown."""
        n_hidden = self.weights.shape[1]
        if n_units is not None and n_units < 1:
            raise ValueError(f"n_units={n_units!r} must be a number above 0, or None for all.")
        if order not in ("importance", "index"):
            raise ValueError(f"order={order!r} must be 'importance' or 'index'.")
        units = np.arange(n_hidden)
        if order == "importance":
            units = np.argsort(-np.asarray(self.importance), kind="stable")
        return units[:n_units]

    def _n_columns(self, n_columns):
        if n_columns is None:
            most = 8 if self.image_shape is None else int(np.ceil(np.sqrt(len(self.units_))))
            return min(most, len(self.units_))
        if n_columns < 1:
            raise ValueError(f"n_columns={n_columns!r} must be a number above 0.")
        return n_columns

    def _size(self, n_rows, n_columns):
        """Return the width and height of a new figure in inches."""
        if self.image_shape is not None:
            height, width = self.image_shape
            return 1.0 + 1.2 * n_columns, 0.1 + n_rows * (0.3 + 1.15 * min(3, height / width))
        bars = min(self.weights.shape[0], MOST_NAMES)
        return 2.0 + 1.1 * n_columns, 0.6 + n_rows * max(1.2, 0.4 + 0.17 * bars)

    def _scale(self, cmap):
        """Return the color map, and a scale symmetric about 0 that holds all weights shown."""
        from matplotlib import colormaps
        from matplotlib.colors import Normalize

        limit = np.abs(self.weights[:, self.units_]).max() or 1.0
        return colormaps.get_cmap(cmap), Normalize(-limit, limit)

    def _draw_images(self, cmap):
        cmap, norm = self._scale(cmap)
        self.images_ = images = []
        for axes, unit in zip(self.axes_, self.units_, strict=True):
            pixels = self.weights[:, unit].reshape(self.image_shape)
            images.append(axes.imshow(pixels, cmap=cmap, norm=norm))
            axes.set(xticks=[], yticks=[])
        self.colorbar_ = self.figure_.colorbar(images[0], ax=self.axes_, label="weight", fraction=0.05, aspect=30)

    def _draw_bars(self, cmap):
        from matplotlib.ticker import MaxNLocator

        cmap, norm = self._scale(cmap)
        features = np.arange(self.weights.shape[0])
        self.bars_ = bars = []
        for axes, unit in zip(self.axes_, self.units_, strict=True):
            weights = self.weights[:, unit]
            bars.append(axes.barh(features, weights, color=cmap(norm(weights)), edgecolor="grey", linewidth=0.3))
            axes.axvline(0, color="grey", linewidth=0.8)
            axes.set(xlim=(1.05 * norm.vmin, 1.05 * norm.vmax), xlabel="weight")
            axes.xaxis.set_major_locator(MaxNLocator(nbins=2, symmetric=True))
            axes.label_outer()
        first = self.axes_[0]
        first.set_ylim(len(features) - 0.5, -0.5)
        if self.feature_names is not None and len(features) <= MOST_NAMES:
            first.set_yticks(features, self.feature_names)
        else:
            for axes in self.axes_:
                axes.set_ylabel("feature")
                axes.label_outer()


def _last_step(estimator):
    """Return the fitted network itself, also where it is the last step of a Pipeline."""
    network = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    check_is_fitted(network)
    return network


def _feature_names(estimator):
    """Return the names of the features that the network sees, or None if they have none."""
    if not isinstance(estimator, Pipeline):
        return getattr(estimator, "feature_names_in_", None)
    if len(estimator) == 1:
        return _feature_names(estimator[-1])
    try:
        return estimator[:-1].get_feature_names_out()
    except (AttributeError, ValueError):  # a step cannot tell
        return _feature_names(estimator[-1])


def _new_axes(size):
    import matplotlib.pyplot as plt

    return plt.figure(figsize=size, layout="constrained").subplots()
