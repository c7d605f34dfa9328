"""Accuracy on tables with default settings, beside trees and other networks, and the time and memory of a fit.

Each table is split by stratified cross-validation, several times. Every classifier fits the same parts with one thread;
the time is that of the CPU. A score over many tables needs a scale for each: the geometric mean of (error + 0.002)
relative to a standardized MLPClassifier's, of which the smaller is the better.
"""

import tempfile
import warnings
from statistics import fmean, geometric_mean, stdev
from time import process_time

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from measuring import tables
from measuring.child import printed_numbers
from peers.tables import CATBOOST, HIST, LEFT_OUT, LIGHTGBM, MLP, REALMLP, TABULAR, obstacle
from reporting.figures import OURS
from reporting.tables import spread, table

FOLDS, SEEDS = 3, 2
LEAST = 0.002  # added to an error, so that none is 0
ROWS = {1_000: 3, 10_000: 3, 100_000: 3, 1_000_000: 1}  # of a growing table; alternations
GROWING = (OURS, LIGHTGBM, HIST)
SLOW = (CATBOOST, REALMLP)  # whose fits take many times as long: they do the splits of the first seed alone


def measure(options, progress):
    contenders = {}
    for name, make in TABULAR.items():
        reason = obstacle(name)
        if reason:
            options.skipped[name] = reason
        else:
            contenders[name] = make
    contenders |= LEFT_OUT
    entries = {}
    names = tables.names_in(options.tables)
    for name in names[: 2 if options.quick else None]:
        progress(f"table {name}")
        entries[name] = compare(tables.load(name, options.tables), contenders, 1 if options.quick else SEEDS)
    for rows, rounds in ROWS.items():
        if rows <= (1_000 if options.quick else np.inf):
            progress(f"a table of {rows:,} rows")
            entries[f"rows: {rows}"] = grow(rows, min(rounds, options.rounds), [*filter(contenders.get, GROWING)])
    return entries


def compare(problem, contenders, seeds):
    """Return the entry of a table: seconds, errors and log losses of each classifier, one for each split."""
    found = {name: [] for name in contenders}
    for seed in range(seeds):
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(problem.X, problem.y):
            for name, make in contenders.items():
                if seed > 0 and name in SLOW:
                    continue
                found[name].append(fit_and_score(make(seed), problem, train, test))
    return entry_of(found, "seconds", "errors", "log_losses")


def entry_of(found, *kinds):
    """Return an entry of what each fit of each classifier gave: a number of each of these kinds."""
    return {kind: {name: [run[i] for run in runs] for name, runs in found.items()} for i, kind in enumerate(kinds)}


def fit_and_score(model, problem, train, test):
    """Return the CPU seconds of a fit, and error and log loss on the rows left out."""
    X, y = problem.X, np.asarray(problem.y)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = process_time()
        model.fit(X.iloc[train], y[train])
        seconds = process_time() - start
        probabilities = model.predict_proba(X.iloc[test])
    guesses = np.asarray(model.classes_)[probabilities.argmax(axis=1)]
    known = np.isin(y[test], model.classes_)  # a rare class may be in the test part alone
    clipped = np.clip(probabilities[known], 1e-7, 1)
    loss = log_loss(y[test][known], clipped / clipped.sum(axis=1, keepdims=True), labels=model.classes_)
    return seconds, float(np.mean(guesses != y[test])), float(loss)


def grow(rows, rounds, contenders):
    """Return the entry of a table of so many rows: seconds of a fit by all threads, errors and megabytes."""
    found = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as cache:
        printed_numbers("programs.table_fit", OURS, 500, NUMBA_CACHE_DIR=cache)  # compiles
        for _ in range(rounds):
            for name in contenders:
                found[name].append(printed_numbers("programs.table_fit", name, rows, NUMBA_CACHE_DIR=cache))
    return entry_of(found, "seconds", "errors", "megabytes")


def real(entries):
    """Return the entries of real tables."""
    return {name: entry for name, entry in entries.items() if "log_losses" in entry}


def score(entries, name, part=slice(None)):
    """Return the geometric mean over tables of a classifier's error relative to MLPClassifier's, of some splits."""
    return geometric_mean(
        (fmean(errors[name][part]) + LEAST) / (fmean(errors[MLP][part][: len(errors[name][part])]) + LEAST)
        for errors in (entry["errors"] for entry in entries.values())
    )


def by_seed(entries, name):
    """Return the score of each seed's splits."""
    splits = min(len(entry["errors"][name]) for entry in entries.values())
    return [score(entries, name, slice(start, start + FOLDS)) for start in range(0, splits, FOLDS)]


def splits(entries):
    """Return how the tables were split, in words."""
    seeds = len(by_seed(entries, OURS))
    return f"{FOLDS} folds" + f" for each of {seeds} seeds" * (seeds > 1)


def contenders_in(entries):
    """Return the names of the classifiers that were measured, without those of which something is left out."""
    return [name for name in next(iter(entries.values()))["seconds"] if name not in LEFT_OUT]


def wins(entries, name):
    """Return on how many tables a classifier has the smallest mean error of the first seed, alone or with others."""
    names = contenders_in(entries)
    means = [{other: fmean(entry["errors"][other][:FOLDS]) for other in names} for entry in entries.values()]
    return sum(found[name] == min(found.values()) for found in means)


def mean_of(entries, kind, name):
    """Return the mean over tables of the mean over splits."""
    return fmean(fmean(entry[kind][name]) for entry in entries.values())


def summary(entries):
    """Return the table of all classifiers over all real tables."""
    entries = real(entries)
    rows = []
    for name in contenders_in(entries):
        scores = by_seed(entries, name)
        rows.append(
            [
                words_of(name),
                f"{mean_of(entries, 'errors', name):.4f}",
                f"{score(entries, name):.3f}" + (f" +- {stdev(scores):.3f}" if len(scores) > 1 else ""),
                f"{mean_of(entries, 'log_losses', name):.3f}",
                f"{wins(entries, name)}",
                f"{mean_of(entries, 'seconds', name):.2f}",
            ]
        )
    return table(["classifier", "mean error", "score", "log loss", "best on", "fit, CPU s"], rows)


def ingredients(entries):
    """Return the table of what each ingredient of a TabularNetClassifier brings: what is without it."""
    rows = [
        [
            f"without {name}" if name in LEFT_OUT else words_of(name),
            f"{mean_of(entries, 'errors', name):.4f}",
            f"{score(entries, name):.3f}",
            f"{mean_of(entries, 'log_losses', name):.3f}",
            f"{mean_of(entries, 'seconds', name):.2f}",
        ]
        for name in (OURS, *LEFT_OUT)
        if name in next(iter(entries.values()))["seconds"]
    ]
    return table(["", "mean error", "score", "log loss", "fit, CPU s"], rows)


def excerpt(entries, cpu):
    """Return what the README shows."""
    shown = real(entries)
    return (
        f"{len(shown)} real tables of up to 6,000 rows, on which the defaults were chosen; each classifier with its"
        f" default settings and one\nthread of {cpu}; {splits(shown)}. The score is the geometric mean of"
        f" (error + {LEAST:g}) relative to MLPClassifier's.\n\n{summary(entries)}"
    )


def words_of(name):
    return name.replace(OURS, "TabularNetClassifier")


def growth(entries):
    """Return the table of growing tables."""
    found = {int(name.partition(": ")[2]): entry for name, entry in entries.items() if name.startswith("rows: ")}
    rows = [
        [
            f"{rows:,}",
            words_of(name),
            spread(entry["seconds"][name], "{:.3g}"),
            f"{100 * fmean(entry['errors'][name]):.2f} %",
            f"{max(entry['megabytes'][name]):,.0f}",
        ]
        for rows, entry in sorted(found.items())
        for name in entry["seconds"]
    ]
    return table(["rows", "classifier", "fit, s", "error", "memory, MB"], rows)


def section(entries):
    shown = real(entries)
    text = [
        "## Tables, default settings",
        f"{len(shown)} tables, {splits(shown)}, one thread. The score is the"
        f" geometric mean of (error + {LEAST:g}) relative to {MLP}, with the standard deviation between seeds;"
        f" the smaller, the better. {' and '.join(SLOW)}, where they are installed, did the first seed alone.",
        summary(entries),
        "![Score over fit time](tables.png)",
        "One network, and what it is without one of its ingredients:",
        ingredients(shown),
        "Mean errors by table:",
        by_table(shown),
        "A table of six numbers and eight categories, by all threads; the memory is beside the table itself.",
        growth(entries),
    ]
    return "\n\n".join(text)


def by_table(entries):
    names = contenders_in(entries)
    rows = [[what, *(f"{fmean(entry['errors'][name]):.4f}" for name in names)] for what, entry in entries.items()]
    return table(["table", *map(words_of, names)], rows)


def draw(entries, axes):
    """Draw the score of each classifier over the CPU time of its fits."""
    entries = real(entries)
    for name in contenders_in(entries):
        seconds, found = mean_of(entries, "seconds", name), score(entries, name)
        axes.semilogx(seconds, found, "o")
        axes.annotate(words_of(name), (seconds, found), (4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel="CPU seconds of a fit, mean over tables", ylabel="error relative to MLPClassifier, geometric mean")
