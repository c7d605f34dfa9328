"""The job: train on real data in a pipeline, compare with scikit-learn's network, report, and draw pictures.

``run`` is the story; the other functions are its steps, in order.
"""

# ruff: noqa: T201  (this module prints the report)

import sys
import warnings
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ..estimators.classifier import ShallowNetClassifier
from ..estimators.regressor import ShallowNetRegressor
from ..kernels.activations import MLP_NAMES
from .csv_files import DataError, Dialect
from .data import Data, load
from .pictures import save_boundary, save_hidden_weights, save_loss_curves, save_predictions
from .progress import epoch_bar

INTERRUPTED = "Training interrupted"  # the beginning of both networks' warning after Ctrl-C


class JobError(Exception):
    """The job cannot go on, for a reason that the message gives in one line."""


@dataclass
class Fit:
    """A fitted pipeline and its measurements."""

    name: str
    pipeline: Pipeline
    warm_up_seconds: float
    seconds: float
    score: float  # accuracy or R2
    converged: bool
    interrupted: bool

    @property
    def losses(self) -> list[float]:
        """The loss of each epoch."""
        return self.pipeline[-1].loss_curve_


def run(options: Namespace) -> None:
    """Do the job that the options describe.

    Raises
    ------
    DataError, JobError
        With a message of one line.
    """
    data = load(
        options.data, options.target, Dialect(options.separator, options.decimal, options.encoding), options.regression
    )
    for note in data.notes:
        print(f"note: {data.name}: {note}", file=sys.stderr)
    parts = split(data, options.test_size, options.seed)
    n_train, n_test = len(parts[2]), len(parts[3])
    folder = made_folder(options.pictures) if options.pictures else None
    print(
        f"{data.name}: {len(data.y):,} rows ({n_train:,} to learn from, {n_test:,} held out),"
        f" features: {data.X.shape[1]:,}, {about_targets(data)}"
    )
    for line in data.about:
        print(line)
    ours, theirs = networks(options, data, n_train)
    kind = "Regressor" if data.regression else "Classifier"
    scaler = StandardScaler() if data.regression else None
    if scaler is not None:
        parts[2:] = [scaled(scaler, y) for y in parts[2:]]
    fits = [fitted(f"ShallowNet{kind}", ours, data, parts)]
    print(
        f"warm-up: {fits[0].warm_up_seconds:.2f} s to compile the network, or to load what an earlier run"
        " compiled; not part of the fit"
    )
    if options.compare:
        if fits[0].interrupted:
            print(f"the fit was interrupted, so there is no comparison with MLP{kind}")
        elif MLP_NAMES[options.activation] is None:
            print(f"MLP{kind} has no {options.activation}, so there is no comparison")
        else:
            fits.append(fitted(f"MLP{kind}", theirs, data, parts))
    report(fits, "R2" if data.regression else "accuracy")
    if folder:
        for path in pictures(folder, data, fits, parts, scaler):
            print(f"wrote {path}")


def about_targets(data: Data) -> str:
    """Return how many classes there are, or the range of the numbers to predict."""
    if data.regression:
        return f"target: numbers from {data.y.min():g} to {data.y.max():g}"
    return f"classes: {len(np.unique(data.y)):,}"


def scaled(scaler: Any, y: np.ndarray) -> np.ndarray:
    """Return numbers to predict, scaled by a scaler, which is fitted to them if it is not yet fitted."""
    column = y[:, np.newaxis]
    return (scaler.transform(column) if hasattr(scaler, "mean_") else scaler.fit_transform(column))[:, 0]


def split(data: Data, test_size: float, seed: int) -> list:
    """Return X_train, X_test, y_train, y_test, stratified if each class has enough rows."""
    _, counts = np.unique(data.y, return_counts=True)
    n_test = int(np.ceil(test_size * len(data.y)))
    enough = not data.regression and counts.min() >= 2 and min(n_test, len(data.y) - n_test) >= len(counts)
    try:
        parts = train_test_split(
            data.X, data.y, test_size=test_size, random_state=seed, stratify=data.y if enough else None
        )
    except ValueError as error:
        raise DataError(f"{data.name} has {len(data.y)} rows, too few for --test-size {test_size}") from error
    if len(np.unique(parts[2])) < 2:
        left = "one number" if data.regression else "one class"
        raise DataError(f"{data.name} has too few rows: without those held out, {left} is left to learn from")
    if data.regression and len(np.unique(parts[3])) < 2:
        raise DataError(f"{data.name} has too few rows: R2 needs two numbers that are held out")
    return parts


def networks(options: Namespace, data: Data, n_samples: int) -> tuple[Any, Any]:
    """Return the network that the options describe, and scikit-learn's with the same parameters, by its names."""
    kind, peer = (ShallowNetRegressor, MLPRegressor) if data.regression else (ShallowNetClassifier, MLPClassifier)
    ours = kind(
        hidden_layer_sizes=options.hidden,
        activation=options.activation,
        solver=options.solver,
        alpha=options.alpha,
        batch_size=options.batch_size,
        learning_rate_init=options.learning_rate,
        max_iter=options.max_iter,
        random_state=options.seed,
    )
    parameters = ours.get_params()
    shared = {name: parameters[name] for name in peer().get_params() if name in parameters}
    shared["activation"] = MLP_NAMES[options.activation] or "relu"  # it is not fitted if it does not have it
    if options.batch_size == "full":
        shared["batch_size"] = n_samples
    return ours, peer(**shared)


def fitted(name: str, estimator: Any, data: Data, parts: list) -> Fit:
    """Fit a pipeline that ends in the estimator, after a warm-up, and measure it."""
    X_train, X_test, y_train, y_test = parts
    pipeline = Pipeline([("preprocessing", data.preprocessing), ("network", estimator)])
    # With this tolerance no epoch counts as an improvement, so the warm-up ends after a few; otherwise it is the same
    # fit and compiles the same code.
    warm_up = clone(pipeline).set_params(network__tol=1e300, network__n_iter_no_change=1)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with epoch_bar(f"{name}, warm-up", 2):
                start = perf_counter()
                warm_up.fit(X_train, y_train).predict(X_test)
                warm_up_seconds = perf_counter() - start
            if interrupted(caught):
                raise KeyboardInterrupt
            caught.clear()
            with epoch_bar(name, estimator.max_iter) as verbose:
                estimator.set_params(verbose=verbose)
                # the two halves of the pipeline's fit, so that only the network's is timed
                X_prepared = pipeline[:-1].fit_transform(X_train)
                start = perf_counter()
                estimator.fit(X_prepared, y_train)
                seconds = perf_counter() - start
            score = pipeline.score(X_test, y_test)
    except ValueError as error:
        first_line = str(error).partition("\n")[0]
        raise JobError(f"{name} cannot be fitted: {first_line}") from error
    messages = [str(warning.message) for warning in caught if warning.category is not ConvergenceWarning]
    for message in dict.fromkeys(messages):
        print(f"note: {name}: {message}", file=sys.stderr)
    return Fit(
        name,
        pipeline,
        warm_up_seconds,
        seconds,
        score,
        converged=not any(warning.category is ConvergenceWarning for warning in caught),
        interrupted=interrupted(caught),
    )


def interrupted(caught: list[warnings.WarningMessage]) -> bool:
    """Return whether one of the warnings says that Ctrl-C ended a fit."""
    return any(str(warning.message).startswith(INTERRUPTED) for warning in caught)


def report(fits: list[Fit], score_name: str) -> None:
    """Print the measurements side by side."""
    print()
    print(f"{'':22}{score_name:>9}{'epochs':>8}{'last loss':>12}{'fit':>12}")
    for fit in fits:
        loss = fit.losses[-1] if fit.losses else np.nan
        print(f"{fit.name:22}{fit.score:9.4f}{len(fit.losses):8}{loss:12.6f}{fit.seconds:10.3f} s")
    print()
    if len(fits) == 2:
        ours, theirs = fits
        print(f"{ours.name} was {theirs.seconds / ours.seconds:.1f} times as fast as {theirs.name}")
        n = min(len(ours.losses), len(theirs.losses))
        difference = np.max(np.abs(np.divide(ours.losses[:n], theirs.losses[:n]) - 1.0))
        print(f"largest relative difference of their losses over {n} epochs: {difference:.0e}")
    if not all(fit.converged for fit in fits):
        print("the loss was still falling at the last epoch: a larger --max-iter lets it go on")


def unscaled(scaler: Any, y: np.ndarray) -> np.ndarray:
    """Return numbers as they were before they were scaled."""
    return scaler.inverse_transform(y[:, np.newaxis])[:, 0]


def made_folder(path: str) -> Path:
    """Return the folder for the pictures, created if necessary: before the fits, which a bad path would waste."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(f"--pictures: no folder can be made at {path}: {error.strerror}") from error
    return folder


def pictures(folder: Path, data: Data, fits: list[Fit], parts: list, scaler: Any) -> list[Path]:
    """Draw the pictures that suit the data and return their paths; ``scaler`` is that of the numbers to predict."""
    X_train, X_test, y_train, y_test = parts
    written = []
    try:
        if all(fit.losses for fit in fits):
            written.append(folder / f"{data.name}-loss.png")
            save_loss_curves(written[-1], data.name, {fit.name: (fit.pipeline, fit.seconds) for fit in fits})
        if data.image_shape:
            written.append(folder / f"{data.name}-hidden.png")
            save_hidden_weights(written[-1], data.name, fits[0].pipeline, data.image_shape)
        if scaler is not None:
            written.append(folder / f"{data.name}-predictions.png")
            predicted = fits[0].pipeline.predict(X_test)
            save_predictions(written[-1], data.name, *(unscaled(scaler, y) for y in (y_test, predicted)))
        elif data.in_a_plane:
            written.append(folder / f"{data.name}-boundary.png")
            save_boundary(written[-1], data.name, fits[0].pipeline, X_train, y_train, X_test, y_test)
    except OSError as error:
        raise JobError(f"--pictures: {written[-1]} cannot be written: {error.strerror}") from error
    return written
