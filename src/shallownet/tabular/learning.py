"""How networks learn an encoded table: pilots find for how long and which inputs matter, then others are trained.

A table says little of how many epochs its network needs: it may be one or a hundred. So two pilots, of half the hidden
units, learn from seven eighths of the rows each, with early stopping on the log loss of the rest. The median of their
best epochs, times a factor, is for how long the networks that predict learn from all rows, with a cosine schedule that
ends there.

These learn from inputs that are scaled by the weights that the pilots gave them. What mattered to the pilots is then
learned sooner, and the rest fits less noise, as with the adaptive penalties of H. Zou, "The adaptive lasso and its
oracle properties" (2006). The scale is then multiplied into the weights, so that predicting knows nothing of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from ..estimators.fitted_attributes import fitted_attributes
from ..estimators.parameters import give_back_random_state
from ..kernels.activations import ACTIVATIONS
from ..kernels.losses import OUTPUTS
from ..training.fit import train
from ..training.history import History
from ..training.inference import predict_outputs, thread_count
from ..training.problem import Examples, Problem
from ..training.task import Task
from .folds import held_out_rows, others

N_PILOTS = 2
PATIENCE = 12  # epochs in which a pilot must improve; with 25, fits took half as long again, and erred as often
OF_ONE, OF_SEVERAL = 2.0, 1.5  # epochs of a network that predicts, in those that the pilots found best
SHARE_OF_PILOTS = 0.5  # hidden units of a pilot, in those of a network that predicts
FEWEST_EPOCHS = 3
# Rows that a pilot reads, one epoch after another: in all, and without improvement. An epoch of many rows has so many
# updates that there need not be as many epochs; without these limits a fit of a million rows would take an hour.
MOST_ROWS, MOST_ROWS_IN_VAIN = 4_000_000, 120_000
FEWEST_OF_PILOT, LEAST_PATIENCE = 10, 3  # epochs, for however many rows
MOST_EPOCHS = 5 / 3  # of a network that predicts, in those of a pilot
OF_ALL = {"activation": "relu", "learning_rate": "cosine", "beta_2": 0.95, "alpha": 1e-4, "tol": 0.0}
OF_PILOTS = {"early_stopping": True, "scoring": "loss"}
OF_LAST = {"n_iter_no_change": np.inf}


@dataclass(frozen=True, kw_only=True)
class View:
    """A table as some networks see it."""

    encoder: Any  # TableEncoder
    examples: Examples  # all rows, encoded


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One network to be trained."""

    name: str  # for whoever follows the progress
    network: Any  # a shallownet estimator that is not fitted yet
    view: View
    input_scale: np.ndarray | None  # what each input is multiplied by while it learns
    rows: np.ndarray | None  # to learn from; None is all
    held_out: np.ndarray | None  # that it is measured on


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned of a table."""

    networks: list  # fitted estimators that predict
    encoders: list  # that of each network
    pilot_epochs: list = field(default_factory=list)  # the best epoch of each pilot
    judged: list = field(default_factory=list)  # for each pilot the rows that it has not learned from, and its outputs


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What networks have in common that learn one table."""

    views: list[View]  # which networks take in turn
    task: Task
    strata: np.ndarray  # what the rows that are held out are stratified by
    make_network: Callable  # of parameters of a shallownet estimator
    n_hidden: int  # units of a network that predicts
    max_iter: int  # the most epochs of a pilot
    batch_size: int
    n_jobs: int | None
    random_state: np.random.RandomState
    progress: Any  # Progress

    def run(self, n_networks):
        """Return what so many networks have Learned."""
        held_out = held_out_rows(self.strata, N_PILOTS, self.random_state)
        seeds = self.random_state.randint(2**31 - 1, size=N_PILOTS + n_networks).tolist()
        max_iter, patience = limits_of_pilots(self.max_iter, len(self.strata))
        of_pilots = OF_PILOTS | {
            "hidden_layer_sizes": max(1, int(SHARE_OF_PILOTS * self.n_hidden)),
            "max_iter": max_iter,
            "n_iter_no_change": patience,
        }
        pilots = self._train("pilot", seeds[:N_PILOTS], of_pilots, held_out=held_out)
        best = [pilot.best_iter_ or 1 for pilot in pilots]
        most = max(FEWEST_EPOCHS, int(np.ceil(MOST_EPOCHS * max_iter)))
        factor = OF_ONE if n_networks == 1 else OF_SEVERAL
        n_iter = min(most, max(FEWEST_EPOCHS, round(factor * float(np.median(best)))))
        scales = [input_scale(view.examples.X, pilots[i :: len(self.views)]) for i, view in enumerate(self.views)]
        networks = self._train("network", seeds[N_PILOTS:], OF_LAST | {"max_iter": n_iter}, scales=scales)
        return Learned(
            networks=networks,
            encoders=[self._view(i).encoder for i in range(n_networks)],
            pilot_epochs=best,
            judged=[
                (rows, outputs_of(pilot, self._view(i).examples.X[rows], self.n_jobs))
                for i, (pilot, rows) in enumerate(zip(pilots, held_out, strict=True))
            ],
        )

    def _view(self, number):
        """Return the view of a network."""
        return self.views[number % len(self.views)]

    def _train(self, kind, seeds, parameters, *, held_out=None, scales=None):
        """Train a network for each seed, side by side where there are threads; return them.

        ``held_out`` has the rows that each does not learn from, ``scales`` those of the inputs of each view.
        """
        trials = []
        for number, seed in enumerate(seeds):
            rows = None if held_out is None else others(len(self.strata), held_out[number])
            trial = Trial(
                name=f"{kind} {number + 1}",
                network=self.make_network(
                    batch_size=min(self.batch_size, len(self.strata if rows is None else rows)),
                    random_state=seed,
                    **OF_ALL,
                    **parameters,
                ),
                view=self._view(number),
                input_scale=None if scales is None else scales[number % len(scales)],
                rows=rows,
                held_out=None if held_out is None else held_out[number],
            )
            trials.append(trial)
        n_threads = thread_count(self.n_jobs)
        # callbacks are the user's, and need not be safe in threads
        workers = 1 if self.progress.has_callbacks else min(n_threads, len(trials))
        if workers == 1:
            return [self._train_one(trial, n_threads) for trial in trials]
        share = n_threads // workers
        try:
            return Parallel(workers, backend="threading")(delayed(self._train_one)(trial, share) for trial in trials)
        except BaseException:
            self.progress.ended = True  # after an error, or an interrupt, which reaches this thread alone
            raise

    def _train_one(self, trial, n_threads):
        """Train one network; return it.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts it: what half a network has learned is of no use.
        """
        network, scale, examples = trial.network, trial.input_scale, trial.view.examples
        hyperparameters, history = replace(network._hyperparameters(incremental=False), n_threads=n_threads), History()
        held_out = None if trial.held_out is None else examples.take(trial.held_out)
        if trial.rows is not None:
            examples = examples.take(trial.rows)
        if scale is not None:
            examples = replace(examples, X=examples.X * scale)
        problem = Problem(examples=examples, held_out=held_out, task=self.task, scoring="loss")

        def learned(coefs, intercepts):
            if scale is not None:
                coefs = [coefs[0] * scale[:, np.newaxis], coefs[1]]
            fitted = type(network)(**network.get_params(deep=False))
            attributes = fitted_attributes(self.task, hyperparameters, history, coefs, intercepts)
            vars(fitted).update(attributes, n_features_in_=coefs[0].shape[0])
            return Learned(networks=[fitted], encoders=[trial.view.encoder])

        start = perf_counter()
        after_epoch = self.progress.begin(trial.name, network.max_iter, history, learned)
        state = train(problem, hyperparameters, history, after_epoch=after_epoch)
        give_back_random_state(hyperparameters)
        if history.interrupted:
            raise KeyboardInterrupt
        found = learned(state.coefs, state.intercepts)
        self.progress.end(trial.name, found, perf_counter() - start)
        return found.networks[0]


def limits_of_pilots(max_iter, n_rows):
    """Return the most epochs of a pilot, and those in which it must improve, for a table of so many rows."""
    most = min(max_iter, max(FEWEST_OF_PILOT, MOST_ROWS // n_rows))
    return most, min(PATIENCE, max(LEAST_PATIENCE, MOST_ROWS_IN_VAIN // n_rows))


def input_scale(X, pilots):
    """Return what each input is to be multiplied by: the root mean square of the weights that pilots gave it.

    It is divided by a number such that the rows of X keep their mean square: otherwise initial weights and learning
    rate would no longer suit them.
    """
    squares = np.mean([np.square(pilot.coefs_[0], dtype=np.float64).mean(axis=1) for pilot in pilots], axis=0)
    power = np.einsum("ij,ij->j", X, X, dtype=np.float64)
    scaled = power @ squares
    return np.sqrt(squares * (power.sum() / scaled) if scaled > 0 else np.ones_like(squares)).astype(X.dtype)


def outputs_of(network, X, n_jobs):
    """Return the outputs of a fitted network for encoded rows, in float64."""
    outputs, _ = predict_outputs(
        X, network.coefs_, network.intercepts_, ACTIVATIONS["relu"], OUTPUTS[network.out_activation_], 0.0, n_jobs
    )
    return outputs.astype(np.float64)
