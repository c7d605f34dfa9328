"""How the time of an epoch grows with samples, features and hidden units, and with threads."""

import numpy as np

from measuring.fits import classifiers, fit
from measuring.shapes import SHAPES, Shape, make_problem
from measuring.timing import contest, epochs_lasting
from reporting.figures import OURS, round_trips, summary
from reporting.tables import comparison, spread, table

SECONDS = 0.1  # of one measurement
FACTORS = [10 ** (i / 3) for i in range(7)]  # over a hundredfold
BASE = Shape(5_000, 50, 100, 10, 200)
SMALLEST = {"samples": 1_000, "features": 10, "hidden units": 10}
LARGE_STEP = 10_000_000  # operations, from which on two threads must pay


def measure(options, progress):
    entries = {}
    for what, smallest in SMALLEST.items():
        progress(f"growth with {what}")
        sizes = [round(smallest * factor) for factor in FACTORS[:: 3 if options.quick else 1]]
        entries |= {f"{what}: {size}": time_of(shape_with(what, size), options) | {"size": size} for size in sizes}
    for shape in [shape for shape in SHAPES if operations_of_step(shape) > LARGE_STEP]:
        progress(f"one thread and {options.threads}: {shape}")
        entries[f"threads: {shape}"] = compare_threads(shape, options)
    return entries


def shape_with(what, size):
    samples, features, hidden = (size if what == name else None for name in SMALLEST)
    return Shape(samples or BASE.n_samples, features or BASE.n_features, hidden or BASE.n_hidden, 10, BASE.batch_size)


def operations_of_step(shape):
    return shape.operations / shape.n_samples * shape.batch_size


def time_of(shape, options):
    """Return the entry of our fit alone."""
    run, epochs = fit_of(shape, options.threads, options)
    return contest({OURS: run}, min(3, options.rounds), epochs)


def compare_threads(shape, options):
    """Return the entry of a fit by all threads beside one by a single thread."""
    several, epochs = fit_of(shape, options.threads, options)
    alone, epochs_alone = fit_of(shape, 1, options)
    return contest({OURS: several, "one thread": alone}, options.rounds, {OURS: epochs, "one thread": epochs_alone})


def fit_of(shape, threads, options):
    """Return a fit, and its number of epochs."""
    problem = make_problem(shape, "float32")
    model = classifiers(shape.n_hidden, threads, batch_size=shape.batch_size)[OURS]
    epochs = epochs_lasting(lambda epochs: fit(model, problem.X, problem.y, epochs), options.shorter * SECONDS)
    return lambda: fit(model, problem.X, problem.y, epochs), epochs


def sweep(entries, what):
    """Return sizes and the seconds of an epoch."""
    found = [entry for name, entry in entries.items() if name.startswith(what + ":")]
    found.sort(key=lambda entry: entry["size"])
    return [entry["size"] for entry in found], [summary(entry["seconds"][OURS])["median"] for entry in found]


def slope(sizes, seconds):
    """Return the slope of the straight line through the points on logarithmic axes, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def section(entries):
    rows = []
    for what in SMALLEST:
        sizes, seconds = sweep(entries, what)
        if len(sizes) > 1:
            ends = [f"{sizes[i]:,}: {1e3 * seconds[i]:.3g} ms" for i in (0, -1)]
            rows.append([what, *ends, f"{slope(sizes, seconds):.2f}"])
    threads = {name.partition(": ")[2]: entry for name, entry in entries.items() if "one thread" in entry["seconds"]}
    words = {"between the CPUs, ns": distance}
    return "\n\n".join(
        [
            "## Growing",
            f"The time of an epoch over one size, the others as in {BASE}; a slope of 1 on logarithmic axes is"
            " proportional, and what a step and an epoch cost at any size makes it less.",
            table(["growing", "from", "to", "slope"], rows),
            "![An epoch over each size, on logarithmic axes](growth.png)",
            "All threads beside one, where a step has more than 10 million operations:",
            comparison(threads, ["x one thread"], "shape", "{:.3g}", unit="ms an epoch", words=words),
            "The last column is the time that a cache line took from one CPU to the other and back.",
        ]
    )


def distance(entry):
    trips = [trip for trip in round_trips(entry) if trip is not None]
    return spread(trips, "{:.0f}") if trips else ""


def draw(entries, axes):
    """Draw the three sweeps on logarithmic axes."""
    for what in SMALLEST:
        sizes, seconds = sweep(entries, what)
        if len(sizes) > 1:
            label = f"{what}, slope {slope(sizes, seconds):.2f}"
            axes.loglog(np.array(sizes) / sizes[0], 1e3 * np.array(seconds), "o-", label=label)
    axes.set(xlabel="size, times the smallest", ylabel="ms an epoch")
    axes.legend()
