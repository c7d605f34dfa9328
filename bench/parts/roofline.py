"""A training step, part by part: time, operations, bytes, and the share of what one thread of the machine allows."""

from measuring.fits import classifiers, fit
from measuring.limits import bandwidth_near, peak
from measuring.shapes import Shape, make_problem
from measuring.timing import epochs_lasting
from parts.step_parts import Parts, seconds_in_fit
from reporting.figures import summary
from reporting.tables import table

SHAPES = [Shape(1797, 64, 100, 10, 200), Shape(50000, 28, 32, 2, 200), Shape(20000, 784, 256, 10, 256)]
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
    model = classifiers(shape.n_hidden, 1, batch_size=shape.batch_size, random_state=0)["shallownet"]
    epochs = epochs_lasting(lambda epochs: fit(model, problem.X, problem.y, epochs), options.shorter * SECONDS)
    fits = [
        seconds_in_fit(lambda epochs: fit(model, problem.X, problem.y, epochs), epochs) for _ in range(options.rounds)
    ]
    kernels, between = (summary(values)["median"] / parts.steps for values in zip(*fits, strict=True))
    counts = work(shape, 4)
    return {
        "seconds": {name: [value] for name, value in (seconds | {PYTHON: between, KERNELS: kernels}).items()},
        "work": counts,
        "least": {name: least_seconds(counts[name], "float32") for name in counts},
        "others": None,
    }


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


def section(entries):
    header = ["part", "us a step", "thousand operations", "thousand bytes", "least us", "share of the limit"]
    text = [
        "## The roofline of a step, float32, one thread",
        "The least time is that of the operations at the rate of multiply-adds in registers, or that of the bytes at"
        " the rate of a plain pass over as much memory as they lie in, whichever is longer, both measured on one thread"
        f" in the same run. An exponential or a logarithm counts {ELEMENTARY} operations; what only fills up lanes"
        " counts none. Adam reads a gradient, and reads and writes a weight and its two moments. Shuffling and Python"
        " come once an epoch, and are divided among its steps.",
    ]
    for name, entry in entries.items():
        text += [f"**{name}**", table(header, list(rows(entry)))]
    return "\n\n".join(text)
