"""The pictures: what they show is what was fitted, in scikit-learn's Display convention."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import PredictionErrorDisplay
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.datasets import planar_flower
from shallownet.plotting import HiddenWeightsDisplay, LossCurveDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DISPLAYS = pytest.mark.parametrize("display", [LossCurveDisplay, HiddenWeightsDisplay])
DIGITS = load_digits(return_X_y=True)
IRIS = load_iris(as_frame=True)


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def fitted(X=IRIS.data, y=IRIS.target, **parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 5, "max_iter": 8, "random_state": 0, **parameters}).fit(X, y)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def drawn(display):
    """Have the picture rendered, so that nothing is left that cannot be."""
    display.figure_.canvas.draw()
    return display


def test_loss_curve():
    model = fitted()
    display = drawn(LossCurveDisplay.from_estimator(model))
    epochs, losses = display.train_line_.get_data()
    assert_array_equal(epochs, np.arange(1, 9))
    assert_array_equal(losses, model.loss_curve_)
    assert display.validation_line_ is display.score_line_ is display.score_ax_ is display.best_line_ is None
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "training loss")
    assert display.figure_ is display.ax_.figure
    assert legend_of(display.ax_) == ["training loss"]


def test_loss_curve_with_a_validation_set():
    model = fitted(early_stopping=True, max_iter=40, n_iter_no_change=5, learning_rate_init=0.05)
    display = drawn(LossCurveDisplay.from_estimator(model, yscale="log"))
    assert_array_equal(display.validation_line_.get_ydata(), model.validation_loss_curve_)
    assert_array_equal(display.score_line_.get_ydata(), model.validation_scores_)
    assert_array_equal(display.best_line_.get_xdata(), [model.best_iter_] * 2)
    assert 1 < model.best_iter_ < model.n_iter_
    assert display.ax_.get_yscale() == "log"
    assert (display.ax_.get_ylabel(), display.score_ax_.get_ylabel()) == ("loss", "validation score")
    labels = ["training loss", "validation loss", f"best epoch: {model.best_iter_}", "validation score"]
    assert legend_of(display.score_ax_) == labels


def test_loss_curves_of_two_estimators_in_one_picture():
    ax = Figure().subplots()
    theirs = MLPClassifier(5, max_iter=8, random_state=0).fit(IRIS.data, IRIS.target)
    ours = LossCurveDisplay.from_estimator(fitted(), ax=ax, name="ours", train_kw={"linewidth": 4})
    other = drawn(LossCurveDisplay.from_estimator(theirs, ax=ax, name="theirs"))
    assert ours.ax_ is other.ax_ is ax
    assert ours.train_line_.get_linewidth() == 4
    assert_allclose(ours.train_line_.get_ydata(), other.train_line_.get_ydata())
    assert legend_of(ax) == ["ours: training loss", "theirs: training loss"]
    assert not plt.get_fignums()


def test_two_displays_share_the_axes_of_the_score():
    ax = Figure().subplots()
    first = LossCurveDisplay.from_estimator(fitted(early_stopping=True), ax=ax, name="a")
    second = LossCurveDisplay.from_estimator(
        fitted(early_stopping=True, alpha=1.0), ax=ax, score_ax=first.score_ax_, name="b", score_kw={"color": "red"}
    )
    assert second.score_ax_ is first.score_ax_
    assert len(drawn(second).score_ax_.lines) == 2
    assert second.score_line_.get_color() == "red"
    assert len(legend_of(second.score_ax_)) == 8


def test_loss_curve_over_time_and_again():
    model = fitted(early_stopping=True)
    display = LossCurveDisplay.from_estimator(model)
    first = display.ax_
    drawn(display.plot(seconds=4.0))
    assert display.ax_ is not first
    assert_allclose(display.train_line_.get_xdata(), np.arange(1, 9) / 2)
    assert_allclose(display.best_line_.get_xdata(), model.best_iter_ / 2)
    assert display.ax_.get_xlabel() == "seconds"


def test_one_epoch_is_a_point():
    line = drawn(LossCurveDisplay.from_estimator(fitted(max_iter=1))).train_line_
    assert len(line.get_xdata()) == 1 and line.get_marker() == "o"


def test_no_search_for_the_place_of_a_legend(monkeypatch):
    monkeypatch.setattr("matplotlib.legend.Legend._find_best_position", lambda *_: pytest.fail("a search"))
    drawn(LossCurveDisplay.from_estimator(fitted()))
    drawn(LossCurveDisplay.from_estimator(fitted(early_stopping=True)))


def test_hidden_weights_as_pictures():
    model = fitted(*DIGITS, hidden_layer_sizes=20)
    display = drawn(HiddenWeightsDisplay.from_estimator(model, image_shape=(8, 8)))
    assert len(display.units_) == len(display.axes_) == len(display.images_) == 16
    limit = np.abs(model.coefs_[0][:, display.units_]).max()
    for unit, axes, image in zip(display.units_, display.axes_, display.images_, strict=True):
        assert_array_equal(image.get_array().ravel(), model.coefs_[0][:, unit])
        assert image.get_array().shape == (8, 8)
        assert image.get_clim() == (-limit, limit)
        assert axes.get_title() == f"unit {unit}"
    assert display.bars_ is None
    assert display.colorbar_.ax.get_ylabel() == "weight"
    assert {axes.get_subplotspec().get_gridspec().ncols for axes in display.axes_} == {4}


def test_the_most_important_units_come_first():
    incoming = np.array([[1.0, 3.0, 0.0, 2.0], [0.0, 4.0, 1.0, 0.0]])
    outgoing = np.array([[1.0], [-1.0], [0.5], [-2.0]])
    model = fitted(*planar_flower(), hidden_layer_sizes=4, init=([incoming, outgoing], [np.zeros(4), np.zeros(1)]))
    model.coefs_ = [incoming, outgoing]
    display = HiddenWeightsDisplay.from_estimator(model, n_units=3)
    assert_array_equal(display.importance, [1, 5, 0.5, 4])
    assert_array_equal(display.units_, [1, 3, 0])
    assert_array_equal(HiddenWeightsDisplay.from_estimator(model, order="index", n_units=3).units_, [0, 1, 2])
    assert_array_equal(HiddenWeightsDisplay.from_estimator(model, n_units=None).units_, [1, 3, 0, 2])


def test_importance_stays_where_weight_moves_through_a_relu():
    model = fitted()
    scale = np.array([2.0, 0.5, 3.0, 1.0, 7.0])
    before = HiddenWeightsDisplay.from_estimator(model).importance
    probabilities = model.predict_proba(IRIS.data)
    model.coefs_ = [model.coefs_[0] * scale, model.coefs_[1] / scale[:, np.newaxis]]
    model.intercepts_ = [model.intercepts_[0] * scale, model.intercepts_[1]]
    assert_allclose(model.predict_proba(IRIS.data), probabilities)
    assert_allclose(HiddenWeightsDisplay.from_estimator(model).importance, before)


def test_hidden_weights_as_bars():
    model = fitted()
    display = drawn(HiddenWeightsDisplay.from_estimator(model, order="index"))
    assert display.images_ is display.colorbar_ is None
    for unit, bars in enumerate(display.bars_):
        assert_array_equal([bar.get_width() for bar in bars], model.coefs_[0][:, unit])
    names = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert names == list(IRIS.data.columns)
    low, high = display.axes_[-1].get_xlim()
    assert low == -high and high >= np.abs(model.coefs_[0]).max()


def test_bars_of_many_features_have_no_names():
    model = fitted(*DIGITS)
    axes = drawn(HiddenWeightsDisplay.from_estimator(model, n_columns=2)).axes_
    assert [ax.get_ylabel() for ax in axes] == ["feature", "", "feature", "", "feature"]


@pytest.mark.parametrize("image_shape", [None, (2, 2)])
def test_weights_of_zero_can_be_drawn(image_shape):
    model = fitted()
    model.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    assert len(drawn(HiddenWeightsDisplay.from_estimator(model, image_shape=image_shape)).axes_) == 5


def test_hidden_weights_take_the_place_of_a_subplot():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = drawn(HiddenWeightsDisplay.from_estimator(fitted(), ax=right, image_shape=(2, 2), n_columns=3))
    assert display.ax_ is right and display.figure_ is figure
    assert not right.axison and left.axison
    assert all(axes.get_position().x0 > left.get_position().x1 for axes in display.axes_)
    assert not plt.get_fignums()


@DISPLAYS
def test_a_pipeline_stands_for_its_last_step(display):
    pipeline = make_pipeline(StandardScaler(), ShallowNetClassifier(5, max_iter=3, random_state=0))
    pipeline.fit(IRIS.data, IRIS.target)
    for name, value in vars(display.from_estimator(pipeline[-1])).items():
        if isinstance(value, (list, np.ndarray)) and not name.endswith("s_"):
            assert_array_equal(getattr(display.from_estimator(pipeline), name), value)


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ([], list(IRIS.data.columns)),
        ([StandardScaler()], list(IRIS.data.columns)),
        ([FunctionTransformer(np.asarray)], None),
    ],
    ids=["no step before", "names pass", "a step without names"],
)
def test_names_of_the_features_that_the_network_sees(steps, names):
    pipeline = make_pipeline(*steps, ShallowNetClassifier(3, max_iter=2)).fit(IRIS.data, IRIS.target)
    found = drawn(HiddenWeightsDisplay.from_estimator(pipeline)).feature_names
    assert found is None if names is None else list(found) == names


@DISPLAYS
def test_not_fitted(display):
    with pytest.raises(NotFittedError, match="ShallowNetClassifier"):
        display.from_estimator(ShallowNetClassifier())
    with pytest.raises(NotFittedError, match="ShallowNetClassifier"):
        display.from_estimator(make_pipeline(StandardScaler(), ShallowNetClassifier()))


@DISPLAYS
def test_another_kind_of_estimator(display):
    model = LogisticRegression().fit(IRIS.data, IRIS.target)
    with pytest.raises(ValueError, match=f"{display.__name__} needs an estimator with .*; got LogisticRegression"):
        display.from_estimator(model)


def test_lbfgs_leaves_no_curve():
    with pytest.raises(ValueError, match="got ShallowNetClassifier"):
        LossCurveDisplay.from_estimator(fitted(solver="lbfgs"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"image_shape": (8, 9)}, r"image_shape=\(8, 9\) must be .* of 64 pixels, as there are 64 features"),
        ({"image_shape": (64,)}, r"image_shape=\(64,\)"),
        ({"image_shape": (-8, -8)}, r"image_shape=\(-8, -8\)"),
        ({"n_units": 0}, "n_units=0 must be"),
        ({"order": "size"}, "order='size' must be 'importance' or 'index'"),
        ({"n_columns": 0}, "n_columns=0 must be"),
    ],
    ids=str,
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        HiddenWeightsDisplay.from_estimator(fitted(*DIGITS), **parameters)
    assert not plt.get_fignums()


@DISPLAYS
def test_without_matplotlib(monkeypatch, display):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.from_estimator requires matplotlib"):
        display.from_estimator(fitted())


def test_import_needs_no_matplotlib():
    code = "import sys, shallownet.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("response_method", ["auto", "predict", "predict_proba"])
@pytest.mark.parametrize("classes", [np.array(["a", "b"]), np.array([3, 1, 7])], ids=["two", "three"])
def test_decision_boundary_display(classes, response_method):
    X, _ = planar_flower()
    y = classes[np.digitize(X[:, 0], [-0.5, 0.5][: len(classes) - 1])]
    model = make_pipeline(StandardScaler(), ShallowNetClassifier(10, learning_rate_init=0.1, random_state=0)).fit(X, y)
    display = DecisionBoundaryDisplay.from_estimator(model, X, response_method=response_method, grid_resolution=20)
    display.figure_.canvas.draw()
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    if response_method == "predict":
        expected = np.searchsorted(model.classes_, model.predict(grid))
    else:
        expected = model.predict_proba(grid)
        expected = expected[:, 1] if len(classes) == 2 else expected
    assert_allclose(display.response.reshape(expected.shape), expected)
    assert len(np.unique(model.predict(grid))) == len(classes)


def test_a_regressor_is_drawn():
    X, y = load_diabetes(return_X_y=True)
    model = ShallowNetRegressor("poisson", 5, max_iter=8, early_stopping=True, random_state=0).fit(X, y)
    display = drawn(LossCurveDisplay.from_estimator(model))
    assert_array_equal(display.train_line_.get_data()[1], model.loss_curve_)
    assert_array_equal(display.score_line_.get_data()[1], model.validation_scores_)
    assert len(drawn(HiddenWeightsDisplay.from_estimator(model)).bars_) == 5
    display = PredictionErrorDisplay.from_estimator(model, X, y, kind="actual_vs_predicted", subsample=None)
    points = display.scatter_.get_offsets()
    assert_array_equal(points, np.column_stack([model.predict(X), y]))
