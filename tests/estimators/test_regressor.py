"""ShallowNetRegressor: what it has in common with MLPRegressor, what differs, and what it learns."""

import inspect
import pickle
import warnings

import naive
import numpy as np
import pandas
import pytest
from cases import Visitor, cut
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import get_scorer, r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.estimators.real_targets import LOSSES, RealTargets
from shallownet.kernels.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True)
X, Y = X * 20, Y / 50
SEVERAL = np.column_stack([Y, Y[::-1], Y**2 / 4])
WEIGHTS = np.where(np.arange(len(X)) % 7 == 0, 0.0, np.random.RandomState(0).uniform(0.2, 3, len(X)))
REAL_LINE = [name for name, loss in LOSSES.items() if loss.output == "identity"]


def model_of(**parameters):
    usual = {"hidden_layer_sizes": 9, "max_iter": 12, "learning_rate_init": 0.01, "random_state": 0}
    return ShallowNetRegressor(**usual | parameters)


# --- as MLPRegressor ------------------------------------------------------------------------------------


def test_parameters_have_the_order_kinds_and_defaults_of_mlp_regressor():
    ours, theirs = (inspect.signature(model).parameters for model in (ShallowNetRegressor, MLPRegressor))
    assert list(ours)[: len(theirs)] == list(theirs)
    plain = {name: parameter.replace(annotation=inspect.Parameter.empty) for name, parameter in ours.items()}
    assert all(plain[name] == parameter for name, parameter in theirs.items())
    assert list(ours)[len(theirs) :] == "init negative_slope quantile delta dropout scoring n_jobs".split()


def test_a_fit_has_the_attributes_of_mlp_regressor():
    for parameters in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
        ours, theirs = (model(max_iter=3, **parameters).fit(X, Y) for model in (ShallowNetRegressor, MLPRegressor))
        public = {name for name in vars(theirs) if name.endswith("_")}
        assert public <= set(vars(ours))
        assert all(isinstance(vars(theirs)[name], type(vars(ours)[name])) for name in public)
        assert not hasattr(ours, "classes_")


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_results_are_those_of_mlp_regressor(solver, loss, y, weights):
    parameters = {"solver": solver, "hidden_layer_sizes": (17,), "max_iter": 20, "random_state": 1}
    ours, theirs = (model(loss, **parameters).fit(X, y, weights) for model in (ShallowNetRegressor, MLPRegressor))
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-12)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-11, atol=1e-11, strict=True)
    assert ours.score(X, y, WEIGHTS) == pytest.approx(r2_score(y, theirs.predict(X), sample_weight=WEIGHTS), rel=1e-11)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)
    if solver != "lbfgs":
        assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=2e-15)


@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one", "several"])
def test_early_stopping_watches_r2(y):
    ours, theirs = (
        model(hidden_layer_sizes=5, early_stopping=True, learning_rate_init=0.05, random_state=0).fit(X, y, WEIGHTS)
        for model in (ShallowNetRegressor, MLPRegressor)
    )
    assert ours.n_iter_ == theirs.n_iter_ < 200
    assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-10)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_, rel=1e-10)


@pytest.mark.parametrize(
    "y",
    [Y.astype(np.float32), (Y * 9).astype(np.int64), Y > 3, Y.tolist(), Y.astype(object), pandas.Series(Y, name="y"),
     pandas.Series((Y * 9).astype(int)).astype("Int64"), Y.astype(">f8"), SEVERAL.tolist()],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')}",
)  # fmt: skip
def test_targets_of_many_kinds(y):
    plain = np.asarray(y, np.float64)
    found, expected = model_of().fit(X, y), model_of().fit(X, plain)
    assert_array_equal(found.predict(X), expected.predict(X))
    assert found.predict(X).shape == plain.shape
    assert found.n_outputs_ == (1 if plain.ndim == 1 else 3)


def test_a_column_of_targets_warns_and_is_one_output():
    for model in (ShallowNetRegressor, MLPRegressor):
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            found = model(hidden_layer_sizes=5, max_iter=2).fit(X, Y[:, np.newaxis])
        assert found.predict(X).shape == (len(X),)
    assert model_of().fit(X, SEVERAL).predict(X[:2]).shape == (2, 3)


@pytest.mark.parametrize("X_dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("y_dtype", [np.float32, np.float64])
def test_precision_is_that_of_the_examples(X_dtype, y_dtype):
    model = model_of().fit(X.astype(X_dtype), Y.astype(y_dtype))
    expected = np.float32 if X_dtype == np.float32 else np.float64
    assert model.coefs_[0].dtype == model.predict(X).dtype == model.predict(X[:1]).dtype == expected


def test_partial_fit_needs_no_more_than_rows():
    ours, theirs = (
        model(hidden_layer_sizes=(6,), batch_size=30, random_state=1) for model in (ShallowNetRegressor, MLPRegressor)
    )
    for rows in np.array_split(np.arange(len(X)), 4) * 2:
        for model in (ours, theirs):
            model.partial_fit(X[rows], SEVERAL[rows], WEIGHTS[rows])
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-12)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)


# --- what differs ---------------------------------------------------------------------------------------


def test_lbfgs_has_no_partial_fit():
    assert not hasattr(model_of(solver="lbfgs"), "partial_fit")
    assert hasattr(model_of(solver="sgd"), "partial_fit")
    assert hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("convert", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_targets_are_refused_in_a_sentence(convert):
    y = convert(SEVERAL)
    for call in (
        lambda: model_of().fit(X, y),
        lambda: model_of().partial_fit(X, y),
        lambda: model_of().fit(X, SEVERAL, X_val=X, y_val=y),
    ):
        with pytest.raises(ValueError, match="Sparse y is not supported"):
            call()


def test_mlp_regressor_takes_sparse_arrays_and_fails_on_sparse_matrices():
    MLPRegressor(max_iter=2).fit(X, sparse.csr_array(SEVERAL))
    with pytest.raises(np.linalg.LinAlgError):
        MLPRegressor(max_iter=2).fit(X, sparse.csr_matrix(SEVERAL))


def test_negative_targets_of_the_poisson_loss_are_refused():
    y = Y - 2
    for call in (
        lambda: model_of(loss="poisson").fit(X, y),
        lambda: model_of(loss="poisson").partial_fit(X, SEVERAL - 2),
        lambda: model_of(loss="poisson").fit(X, Y, X_val=X, y_val=y),
    ):
        with pytest.raises(ValueError, match="loss='poisson' needs numbers of 0 or more in y, got -"):
            call()
    model_of(loss="poisson").fit(X, np.maximum(y, 0))
    with np.errstate(all="ignore"):
        assert np.isnan(MLPRegressor("poisson", max_iter=2).fit(X, y).loss_)


def test_float32_examples_are_trained_in_float32_where_mlp_regressor_uses_both():
    ours, theirs = (
        model(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X.astype(np.float32), Y)
        for model in (ShallowNetRegressor, MLPRegressor)
    )
    assert ours.predict(X).dtype == np.float32
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-5)


def test_a_batch_without_weight_is_left_out():
    weights = (np.arange(len(X)) >= 100).astype(float)
    parameters = {"hidden_layer_sizes": (5,), "batch_size": 100, "shuffle": False, "max_iter": 3, "random_state": 0}
    ours = ShallowNetRegressor(**parameters).fit(X, Y, weights)
    assert_allclose(ours.predict(X), ShallowNetRegressor(**parameters).fit(X[100:], Y[100:]).predict(X))
    with pytest.raises(ZeroDivisionError):
        MLPRegressor(**parameters).fit(X, Y, weights)


def test_another_loss_in_a_warm_start_brings_its_output_activation():
    model = model_of(warm_start=True).fit(X, Y)
    assert model.set_params(loss="poisson").fit(X, Y).out_activation_ == "exp"
    assert (model.predict(X) > 0).all()
    theirs = MLPRegressor(warm_start=True, max_iter=2).fit(X, Y)
    with np.errstate(all="ignore"):
        assert theirs.set_params(loss="poisson").fit(X, Y).out_activation_ == "identity"


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(Y > 4, np.nan, Y), "Input y contains NaN"),
        (np.where(Y > 4, np.inf, Y), "Input y contains infinity"),
        (Y.astype("U"), "y must hold real numbers, got an array of dtype <U"),
        (Y.astype("M8[s]"), "y must hold real numbers, got an array of dtype datetime64"),
        (np.array(["many"] * len(Y), object), "could not convert string to float"),
        (Y.astype(complex), "Complex data not supported"),
        (Y[1:], "inconsistent numbers of samples"),
        (np.zeros((len(Y), 2, 2)), "dim 3"),
        (None, "requires y to be passed"),
    ],
    ids=str,
)
def test_what_is_no_target_is_refused(y, message):
    model = model_of().fit(X, Y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert pickle.dumps(model) == before


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_another_number_of_outputs_is_refused():
    model = model_of(warm_start=True).fit(X, SEVERAL)
    for call in (
        lambda: model.fit(X, Y),
        lambda: model.partial_fit(X, SEVERAL[:, :2]),
        lambda: model.fit(X, SEVERAL, X_val=X, y_val=Y),
    ):
        with pytest.raises(ValueError, match="y must have 3 outputs, as in the first fit, got [12]"):
            call()


def test_targets_too_large_for_the_dtype_of_the_examples_are_refused():
    y = Y * 1e38
    with pytest.raises(ValueError, match="y contains a value too large for float32, the dtype of X"):
        model_of().fit(X.astype(np.float32), y)


@pytest.mark.parametrize(
    "parameters", [{"loss": "log_loss"}, {"quantile": 0.0}, {"quantile": 1.0}, {"delta": 0}], ids=str
)
def test_parameters_out_of_range_are_refused(parameters):
    with pytest.raises(ValueError, match="parameter of ShallowNetRegressor must be"):
        model_of(**parameters).fit(X, Y)


@pytest.mark.parametrize("ours", [ShallowNetClassifier, ShallowNetRegressor])
def test_no_message_names_the_other_class(ours):
    kind, other = ("Regressor", "Classifier") if ours is ShallowNetRegressor else ("Classifier", "Regressor")
    y = (Y > 3).astype(int)
    calls = [
        lambda: ours(hidden_layer_sizes=(3, 3)).fit(X, y),
        lambda: ours(hidden_layer_sizes=0).fit(X, y),
        lambda: ours(activation="none").fit(X, y),
        lambda: ours(unknown=1),
        lambda: ours().predict(X),
        lambda: ours().hidden_activations(X),
        lambda: ours(solver="lbfgs").partial_fit(X, y),
        lambda: ours(max_iter=1).fit(X, y).predict(X[:, 1:]),
        lambda: ours(early_stopping=True).partial_fit(X, y),
        lambda: ours(solver="lbfgs", dropout=0.5).fit(X, y),
        lambda: ours(max_iter=1).fit(X, y, X_val=X),
        lambda: ours(max_iter=1).fit(X * np.nan, y),
        lambda: ours(max_iter=3, learning_rate_init=1e300).fit(X, y),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
            call()
        assert f"Net{other}" not in str(caught.value)
        assert f"MLP{other}" not in str(caught.value)
    with pytest.warns(UserWarning, match="far outside the range of X") as caught:
        ours(max_iter=1).fit(X, y, X_val=X + 1e3, y_val=y)
    assert not [warning for warning in caught if other in str(warning.message)]
    with pytest.raises(ValueError, match=f"ShallowNet{kind} has exactly one. Use sklearn.neural_network.MLP{kind} for"):
        ours(hidden_layer_sizes=(3, 3)).fit(X, y)


# --- numbers at the edge --------------------------------------------------------------------------------


def test_what_fills_up_a_tile_does_not_overflow():
    model = ShallowNetRegressor("poisson", 8, learning_rate_init=0.05, max_iter=60, random_state=0)
    assert model.fit(X.astype(np.float32), Y * 250).loss_ == pytest.approx(49.528, rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_row_of_weight_zero_may_overflow(loss, solver, form, dtype):
    weights, far = np.ones(len(X), dtype), X.astype(dtype)
    weights[5::9], far[5::9] = 0, 1e5 if dtype == np.float32 else 1e7
    start = [np.full((10, 2), 0.1), np.full((2, 1), 0.1)], [np.zeros(2), np.zeros(1)]
    model = model_of(loss=loss, solver=solver, hidden_layer_sizes=2, init=start, learning_rate_init=1e-4, max_iter=3)
    model.fit(form(far), Y, weights)
    kept = weights > 0
    alone = clone(model).set_params(batch_size="full", solver="lbfgs").fit(X[kept].astype(dtype), Y[kept])
    assert np.isfinite(model.loss_)
    if solver == "lbfgs":
        assert model.loss_ == pytest.approx(alone.loss_, rel=1e-3 if dtype == np.float32 else 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("loss", "size"), [("squared_error", 1000.0), ("squared_error", 1e38), ("poisson", 1000.0), ("poisson", 1e38)]
)
def test_large_predictions_of_any_number_of_rows(loss, size, dtype):
    """What fills up the last lanes may be e to the power of earlier predictions: it must not be taken for one."""
    model = model_of(loss=loss, init="zeros", max_iter=1).fit(X.astype(dtype), SEVERAL[:, :2])
    model.coefs_[1][:], model.intercepts_[1][:] = 0, np.log(size) if loss == "poisson" else size
    for n in range(1, 150):
        for rows in (X[:n].astype(dtype), sparse.csr_array(X[:n].astype(dtype))):
            assert_allclose(model.predict(rows), np.full((n, 2), size), rtol=1e-4)


def test_predictions_that_are_not_finite_are_refused():
    model = model_of(loss="poisson").fit(X, Y)
    model.intercepts_[1][:] = 1e4
    for n in (1, 48, 50):
        with pytest.raises(ValueError, match="values so large that the network's outputs are not finite"):
            model.predict(X[:n])


# --- losses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one", "several"])
def test_printed_and_validation_losses_are_the_formula(loss, y):
    model = model_of(loss=loss, quantile=0.3, delta=0.8, max_iter=3, batch_size="full", alpha=0.0)
    model.fit(X, y, WEIGHTS, X_val=X, y_val=y, sample_weight_val=WEIGHTS)
    reference = naive.Model(output=model.out_activation_, loss=loss, quantile=0.3, delta=0.8)
    p = model.predict(X).reshape(len(X), -1)
    expected = np.average(naive.losses(reference, p, y.reshape(p.shape)), weights=WEIGHTS)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-12)
    assert model.set_params(warm_start=True, max_iter=1).fit(X, y, WEIGHTS).loss_ == pytest.approx(expected, rel=1e-12)


def test_each_loss_learns_what_it_says():
    """Of one number that does not depend on X: its mean, its median, a quantile, and between mean and median."""
    y = np.random.RandomState(0).exponential(size=4000)
    nothing = np.zeros((4000, 1))

    def learned(loss, **parameters):
        usual = {"alpha": 0.0, "learning_rate": "cosine", "learning_rate_init": 0.02, "max_iter": 60, "random_state": 0}
        return ShallowNetRegressor(loss, 1, **usual, **parameters).fit(nothing, y).predict(nothing[:1])[0]

    assert learned("squared_error") == pytest.approx(y.mean(), abs=0.02)
    assert learned("poisson") == pytest.approx(y.mean(), abs=0.02)
    assert learned("absolute_error") == pytest.approx(np.median(y), abs=0.02)
    assert learned("quantile", quantile=0.9) == pytest.approx(np.quantile(y, 0.9), abs=0.05)
    assert np.median(y) + 0.02 < learned("huber", delta=1.0) < y.mean() - 0.02


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("y", [Y, SEVERAL, np.ones(len(Y)), SEVERAL * [0, 1, 1]], ids=["one", "several", "1", "some 0"])
def test_score_of_a_task_is_r2(y, weights):
    targets = y.reshape(len(y), -1)
    task = RealTargets(n_outputs=targets.shape[1], loss_name="huber")
    for outputs in (targets + np.random.RandomState(1).randn(*targets.shape), targets, np.ones_like(targets)):
        expected = r2_score(targets, outputs, sample_weight=weights)
        assert task.score(outputs, targets, weights) == pytest.approx(expected, rel=1e-14)
        assert task.score(outputs.astype(np.float32), targets, weights) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert np.isnan(task.score(targets[:1], targets[:1], None))


# --- what it has beyond MLPRegressor --------------------------------------------------------------------


SCORINGS = {"None": None, "loss": "loss", "named": "neg_mean_absolute_error", "callable": lambda model, X, y: -len(y)}


@pytest.mark.parametrize("scoring", SCORINGS.values(), ids=SCORINGS)
def test_a_validation_set_of_ones_own(scoring):
    model = model_of(scoring=scoring, early_stopping=True, n_iter_no_change=3, max_iter=80, learning_rate_init=0.05)
    model.fit(X[:300], SEVERAL[:300], X_val=X[300:], y_val=SEVERAL[300:])
    if callable(scoring):
        assert set(model.validation_scores_) == {-142.0}
        return
    best = (
        -min(model.validation_loss_curve_)
        if scoring == "loss"
        else get_scorer(scoring or "r2")(model, X[300:], SEVERAL[300:])
    )
    assert model.best_validation_score_ == max(model.validation_scores_) == pytest.approx(best, rel=1e-12)
    assert model.n_iter_ < 80


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_hidden_activations(activation):
    model = model_of(activation=activation).fit(X, SEVERAL)
    a1 = model.hidden_activations(X)
    assert_allclose(a1 @ model.coefs_[1] + model.intercepts_[1], model.predict(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.4},
        {"learning_rate": "cosine"},
        {"batch_size": "full"},
        {"batch_size": 0.25},
        {"init": "he_normal"},
        {"activation": "gelu", "solver": "sgd", "learning_rate_init": 1e-3},
    ],
    ids=str,
)
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "quantile"])
def test_options_beyond_mlp_regressor_learn(loss, parameters):
    model = model_of(loss=loss, **{"max_iter": 60} | parameters).fit(X, Y, WEIGHTS)
    assert model.loss_ < 0.7 * model.loss_curve_[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_sparse_and_memory_mapped_examples(loss, tmp_path):
    data = np.where(X > 0, X, 0)
    dense = model_of(loss=loss).fit(data, SEVERAL, WEIGHTS)
    sparser = model_of(loss=loss).fit(sparse.csr_array(data), SEVERAL, WEIGHTS)
    assert_allclose(sparser.predict(sparse.csc_array(data)), dense.predict(data), rtol=1e-9, atol=1e-9)
    data.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", data.dtype, "r", shape=data.shape)
    assert_array_equal(model_of(loss=loss).fit(mapped, SEVERAL, WEIGHTS).predict(mapped), dense.predict(data))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_same_bits_on_any_number_of_threads(loss, dtype, form):
    data = form(X.astype(dtype))
    models = []
    for n_jobs, parallel in ((1, False), (2, True), (4, True), (3, None)):
        with cut(n_jobs, parallel):
            model = model_of(loss=loss, n_jobs=n_jobs, batch_size=150, max_iter=2).fit(data, SEVERAL, WEIGHTS)
            models.append([*model.coefs_, *model.intercepts_, model.predict(data), np.array(model.loss_curve_)])
    for found in models[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found, models[0], strict=True))


def test_callbacks_see_each_epoch():
    class Counter(Visitor):
        predictions = []

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                self.predictions.append(fitted_estimator.predict(X))
            return len(self.predictions) == 4

    model = model_of().set_callbacks(Counter()).fit(X, Y)
    assert model.n_iter_ == 4
    assert_array_equal(Counter.predictions[-1], model.predict(X))


@pytest.mark.parametrize(
    "parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}, {"loss": "quantile"}], ids=str
)
def test_saved_and_cloned(parameters, tmp_path):
    io = pytest.importorskip("skops.io")
    model = model_of(**parameters).fit(X, SEVERAL)
    io.dump(model, tmp_path / "model")
    assert io.get_untrusted_types(file=tmp_path / "model") == ["shallownet.ShallowNetRegressor"]
    for read in (pickle.loads(pickle.dumps(model)), io.load(tmp_path / "model", ["shallownet.ShallowNetRegressor"])):
        assert_array_equal(read.predict(X), model.predict(X))
        if parameters.get("solver") != "lbfgs" and "early_stopping" not in parameters:
            again = pickle.loads(pickle.dumps(model)).partial_fit(X, SEVERAL)
            assert_array_equal(read.partial_fit(X, SEVERAL).predict(X), again.predict(X))
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_scaled_targets_in_a_pipeline():
    network = model_of(max_iter=200, alpha=1.0)
    scaled = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    plain = make_pipeline(StandardScaler(), network)
    y = Y * 1000 + 5000
    assert scaled.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.4
    assert plain.fit(X[:300], y[:300]).score(X[300:], y[300:]) < 0


def test_failed_fits_leave_the_regressor_as_it_was():
    model = model_of().fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="Training diverged in epoch"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(learning_rate_init=1e200).fit(X, Y)
    assert_array_equal(model.predict(X), before)
