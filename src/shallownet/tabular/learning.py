"""How networks learn an encoded table: pilots find for how long, then the networks that predict are trained.

A table says little of how many epochs its network needs: it may be one or a hundred. So two pilots learn from seven
eighths of the rows each, with early stopping on the log loss of the rest. The median of their best epochs, times a
factor, is for how long the networks are trained that predict, each with a cosine schedule that ends there: one of all
rows, or several of seven eighths of the rows each, whose outputs are averaged.
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
OF_ONE, OF_SEVERAL = 2.0, 3.0  # epochs of a network that predicts, in those that the pilots found best
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
class Trial:
    """One network to be trained."""

    name: str  # for whoever follows the progress
    network: Any  # a shallownet estimator that is not fitted yet
    rows: np.ndarray  # of the table to learn from
    held_out: np.ndarray  # those that it is measured on


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned of a table."""

    networks: list  # fitted estimators that predict
    pilot_epochs: list = field(default_factory=list)  # the best epoch of each pilot
    held_out: list = field(default_factory=list)  # for each network, the rows that it has not learned from


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What networks have in common that learn one table."""

    examples: Examples
    task: Task
    strata: np.ndarray  # what the rows that are held out are stratified by
    make_network: Callable  # of parameters of a shallownet estimator
    max_iter: int  # the most epochs of a pilot
    batch_size: int
    n_jobs: int | None
    random_state: np.random.RandomState
    progress: Any  # Progress

    def run(self, n_networks):
        """Return what so many networks have Learned."""
        held_out = held_out_rows(self.strata, max(N_PILOTS, n_networks), self.random_state)
        seeds = self.random_state.randint(2**31 - 1, size=N_PILOTS + n_networks).tolist()
        max_iter, patience = limits_of_pilots(self.max_iter, len(self.strata))
        of_pilots = OF_PILOTS | {"n_iter_no_change": patience}
        pilots = self._train("pilot", held_out[:N_PILOTS], seeds[:N_PILOTS], max_iter, of_pilots)
        best = [pilot.best_iter_ or 1 for pilot in pilots]
        factor = OF_ONE if n_networks == 1 else OF_SEVERAL
        most = max(FEWEST_EPOCHS, int(np.ceil(MOST_EPOCHS * max_iter)))
        n_iter = min(most, max(FEWEST_EPOCHS, round(factor * float(np.median(best)))))
        if n_networks == 1:
            held_out = [np.zeros(0, np.intp)]
        networks = self._train("network", held_out[:n_networks], seeds[N_PILOTS:], n_iter, OF_LAST)
        return Learned(networks=networks, pilot_epochs=best, held_out=held_out[:n_networks])

    def _train(self, kind, held_out, seeds, max_iter, parameters):
        """Train networks, one for each part that is held out, side by side where there are threads; return them."""
        trials = []
        for number, (rows, seed) in enumerate(zip(held_out, seeds, strict=True), 1):
            learned_from = others(len(self.strata), rows)
            network = self.make_network(
                batch_size=min(self.batch_size, len(learned_from)),
                max_iter=max_iter,
                random_state=seed,
                **OF_ALL,
                **parameters,
            )
            trials.append(Trial(name=f"{kind} {number}", network=network, rows=learned_from, held_out=rows))
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
        network, examples = trial.network, self.examples
        hyperparameters, history = replace(network._hyperparameters(incremental=False), n_threads=n_threads), History()
        problem = Problem(
            examples=examples.take(trial.rows) if len(trial.held_out) else examples,
            held_out=examples.take(trial.held_out) if network.early_stopping else None,
            task=self.task,
            scoring="loss",
        )

        def fitted(coefs, intercepts):
            copied = type(network)(**network.get_params(deep=False))
            attributes = fitted_attributes(self.task, hyperparameters, history, coefs, intercepts)
            vars(copied).update(attributes, n_features_in_=examples.X.shape[1])
            return copied

        start = perf_counter()
        after_epoch = self.progress.begin(trial.name, network.max_iter, history, fitted)
        state = train(problem, hyperparameters, history, after_epoch=after_epoch)
        give_back_random_state(hyperparameters)
        if history.interrupted:
            raise KeyboardInterrupt
        network = fitted(state.coefs, state.intercepts)
        self.progress.end(trial.name, network, perf_counter() - start)
        return network


def limits_of_pilots(max_iter, n_rows):
    """Return the most epochs of a pilot, and those in which it must improve, for a table of so many rows."""
    most = min(max_iter, max(FEWEST_OF_PILOT, MOST_ROWS // n_rows))
    return most, min(PATIENCE, max(LEAST_PATIENCE, MOST_ROWS_IN_VAIN // n_rows))


def outputs_of(network, X, n_jobs):
    """Return the outputs of a fitted network for encoded rows, in float64."""
    outputs, _ = predict_outputs(
        X, network.coefs_, network.intercepts_, ACTIVATIONS["relu"], OUTPUTS[network.out_activation_], 0.0, n_jobs
    )
    return outputs.astype(np.float64)
