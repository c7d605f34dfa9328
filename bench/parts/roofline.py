"""A training step, part by part: time, operations, bytes, and the share of what one thread of the machine allows.

And a step by several threads, beside what these allow: their share of the arithmetic, and the time in which a cache
line comes to another CPU and back, as they wait for each other twice.
"""

import os
from contextlib import contextmanager

from measuring.distance import round_trip
from measuring.fits import classifiers, fit
from measuring.limits import bandwidth_near, peak
from measuring.shapes import Shape, make_problem
from measuring.timing import epochs_lasting
from parts.step_parts import Parts, seconds_in_fit
from reporting.figures import summary
from reporting.tables import table
from shallownet.training.buffers import shards_of

SHAPES = [
    Shape(1797, 64, 100, 10, 200),
    Shape(50000, 28, 32, 2, 200),
    Shape(5000, 28, 16, 2, 32),
    Shape(20000, 784, 256, 10, 256),
]
ELEMENTARY = 20  # operations that an exponential or a logarithm counts
ADAM = 14  # operations for the update of a weight
SECONDS = 0.3  # of a fit
PYTHON = "Python between kernels"
KERNELS = "an epoch's kernels, one thread"


def measure(options, progress):
    entries = {}
    for shape in SHAPES[: 1 if options.quick else None]:
        progress(f"roofline, {shape}")
        entries[str(shape)] = parts_of(make_problem(shape, "float32"), options)
    return entries


def parts_of(problem, options):
    """Return the entry of a shape: for each part the seconds of a step and the least that the machine allows."""
    shape, parts = problem.shape, Parts(problem)
    seconds = parts.seconds()
    kernels, between = (seconds / parts.steps for seconds in seconds_of_fits(problem, 1, options))
    counts = work(shape, 4)
    least = {name: least_seconds(counts[name], "float32") for name in counts}
    return {
        "seconds": {name: [value] for name, value in (seconds | {PYTHON: between, KERNELS: kernels}).items()},
        "work": counts,
        "least": least,
        "team": step_of_team(problem, parts.steps, least, options),
        "others": None,
    }


def seconds_of_fits(problem, threads, options):
    """Return the seconds of an epoch in kernels, and in Python between them: the medians of several fits."""
    shape = problem.shape
    model = classifiers(shape.n_hidden, threads, batch_size=shape.batch_size, random_state=0)["shallownet"]

    def run(epochs):
        fit(model, problem.X, problem.y, epochs)

    epochs = epochs_lasting(run, options.shorter * SECONDS)
    fits = [seconds_in_fit(run, epochs) for _ in range(options.rounds)]
    return [summary(values)["median"] for values in zip(*fits, strict=True)]


def step_of_team(problem, steps, least, options):
    """Return the seconds of a step by several threads, the least of it that is waiting, and the least of all.

    None where a step has work for one thread only, or nothing tells how far apart the CPUs are.
    """
    threads = min(options.threads, shards_of(problem.shape.batch_size))
    before = round_trip() if threads > 1 else None
    if before is None:
        return None
    with always_parallel():
        kernels, _ = seconds_of_fits(problem, threads, options)
    waiting = 1e-9 * (before + round_trip()) / 2
    serial = least["shuffling"]
    return {
        "threads": threads,
        "seconds": kernels / steps,
        "waiting": waiting,
        "least": serial + (sum(least.values()) - serial) / threads + waiting,
    }


@contextmanager
def always_parallel():
    """Let no clock decide how many threads a fit uses."""
    os.environ["SHALLOWNET_PARALLEL"] = "always"
    try:
        yield
    finally:
        del os.environ["SHALLOWNET_PARALLEL"]


def work(shape, itemsize):
    """Return the operations of each part in a step, its bytes, whether it writes them, and where they lie.

    ``bytes`` are those that a part must read, or read and write; ``among`` the size of the memory that they are
    part of, which says from which level of it they come.
    """
    batch, d, h, k = shape.batch_size, shape.n_features, shape.n_hidden, shape.n_outputs
    units, outputs, weights = batch * h, batch * k, (d + 1) * h + (h + 1) * k
    n = shape.n_samples

    def part(operations, numbers, among=None, writing=True):
        size = numbers * itemsize
        return {"operations": operations, "bytes": size, "among": among or size, "writing": writing}

    return {
        "copy of rows": part(0, batch * d, n * d * itemsize, writing=False),
        "hidden product": part(2 * units * (d + 1), batch * d + d * h + units),
        "activation": part(units, 3 * units),
        "output layer": part(2 * units * k, units + h * k + outputs),
        "output activation and loss": part(outputs * (ELEMENTARY + 4) + batch * (ELEMENTARY + 2), 3 * outputs),
        "delta": part(2 * units * k + units, outputs + h * k + 2 * units),
        "gradient": part(2 * units * (d + 1) + 2 * units * k, batch * d + 2 * units + outputs + weights),
        "update": part(ADAM * weights, 7 * weights),
        "shuffling": part(0, n // -(-n // batch) * 4 * 8 // itemsize, 8 * n),
    }


def least_seconds(counts, dtype):
    """Return the time that neither the arithmetic nor the memory of one thread can undercut."""
    arithmetic = counts["operations"] / peak(dtype)
    return max(arithmetic, counts["bytes"] / bandwidth_near(counts["among"], counts["writing"], dtype))


def rows(entry):
    """Yield the lines of a table."""
    seconds = {name: values[0] for name, values in entry["seconds"].items()}
    for name, counts in entry["work"].items():
        bound, least = seconds[name], entry["least"][name]
        yield [
            name,
            f"{1e6 * bound:.2f}",
            f"{counts['operations'] / 1e3:,.0f}",
            f"{counts['bytes'] / 1e3:,.0f}",
            f"{1e6 * least:.2f}",
            f"{100 * least / bound:.0f} %" if bound > 0 else "",
        ]
    yield [PYTHON, f"{1e6 * seconds[PYTHON]:.2f}", "", "", "", ""]
    total, least = sum(seconds[name] for name in entry["work"]), sum(entry["least"].values())
    operations, size = (
        sum(counts[what] for counts in entry["work"].values()) / 1e3 for what in ("operations", "bytes")
    )
    share = f"{100 * least / total:.0f} %"
    yield [
        "sum of the parts, without Python",
        f"{1e6 * total:.2f}",
        f"{operations:,.0f}",
        f"{size:,.0f}",
        f"{1e6 * least:.2f}",
        share,
    ]
    yield [
        "a step within a fit, one thread",
        f"{1e6 * seconds[KERNELS]:.2f}",
        "",
        "",
        "",
        f"{100 * least / seconds[KERNELS]:.0f} %",
    ]
    if team := entry.get("team"):
        yield [f"waiting, {team['threads']} threads", "", "", "", f"{1e6 * team['waiting']:.2f}", ""]
        yield [
            f"a step within a fit, {team['threads']} threads",
            f"{1e6 * team['seconds']:.2f}",
            "",
            "",
            f"{1e6 * team['least']:.2f}",
            f"{100 * team['least'] / team['seconds']:.0f} %",
        ]


def section(entries):
    header = ["part", "us a step", "thousand operations", "thousand bytes", "least us", "share of the limit"]
    text = [
        "## The roofline of a step, float32",
        "The least time is that of the operations at the rate of multiply-adds in registers, or that of the bytes at"
        " the rate of a plain pass over as much memory as they lie in, whichever is longer, both measured on one thread"
        f" in the same run. An exponential or a logarithm counts {ELEMENTARY} operations; what only fills up lanes"
        " counts none. Adam reads a gradient, and reads and writes a weight and its two moments. Shuffling and Python"
        " come once an epoch, and are divided among its steps. Several threads share all but the shuffling, and wait"
        " for each other twice a step: at least as long as a cache line takes to the other CPU and back. A batch of"
        " fewer than 64 examples has work for one thread only.",
    ]
    for name, entry in entries.items():
        text += [f"**{name}**", table(header, list(rows(entry)))]
    return "\n\n".join(text)
