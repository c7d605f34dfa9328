"""The training of all contenders on the shapes of the comparison: their speed, and what they have learned."""

import math
from itertools import compress
from statistics import median

from measuring.distance import FAR, ONE_CORE
from measuring.limits import peak
from measuring.shapes import SHAPES, Shape, make_problem
from measuring.timing import Peak, at_work, contest, epochs_lasting
from peers import PEERS, ShallowNet, quality
from reporting.figures import OURS, rates, ratios, round_trips, summary
from reporting.tables import comparison, limit, spread, table

QUALITY_EPOCHS = 5  # after which losses and accuracies are compared
SEEDS = 3  # of which the spread of losses and accuracies is taken
SECONDS = 0.3  # of one measurement
# Per cent of the rate of a large matrix product, by the least number of weights between features and hidden units;
# smaller networks are limited by other things than arithmetic, which the roofline shows.
GOALS = {50_000: 85, 5_000: 75}
COLUMNS = ["x MLPClassifier", "x torch", "x torch.compile", "x JAX", "x the best framework"]


def measure(options, progress):
    obstacles = {peer.name: peer.obstacle() for peer in PEERS}
    peers = [peer for peer in PEERS if not obstacles[peer.name]]
    contenders = [ShallowNet] + [peer for peer in peers if options.peers is None or peer.name.lower() in options.peers]
    options.skipped.update({name: reason for name, reason in obstacles.items() if reason})
    entries = {}
    model = ShallowNet(make_problem(SHAPES[0], options.dtype), options.threads)
    at_work(lambda: model.fit(100), options.dtype)
    for shape in options.shapes:
        progress(f"training, {options.dtype}, {shape}")
        entries[str(shape)] = compare_shape(shape, contenders, options)
    return entries


def compare_shape(shape, contenders, options):
    """Time all contenders and the machine's matrix product on one shape, and look what they have learned."""
    problem = make_problem(shape, options.dtype)
    models = {peer.name: peer(problem, options.threads) for peer in contenders}
    epochs = {name: epochs_lasting(model.fit, options.shorter * SECONDS) for name, model in models.items()}
    gemm = Peak(options.dtype)
    products = {"gemm": lambda: gemm.run(options.threads), "gemm, one thread": lambda: gemm.run(1)}
    for product in products.values():
        product()
    runs = {name: lambda name=name: models[name].fit(epochs[name]) for name in models}
    entry = contest(runs | products, options.rounds, epochs | dict.fromkeys(products, 1))
    peaks = {name: [gemm.operations / s for s in entry["seconds"].pop(name)] for name in products}
    learned = {name: learning(model, problem, options) for name, model in models.items()}
    return entry | {
        "operations": shape.operations,
        "peaks": peaks,
        "multiply_adds": options.threads * peak(options.dtype),
        "learned": learned,
    }


def learning(model, problem, options):
    """Return losses and accuracies after a few epochs, by seed for those who draw weights from a seed themselves."""
    seeded = hasattr(model, "classifier") and not options.quick
    fits = [model.fit(QUALITY_EPOCHS, seed) for seed in range(SEEDS)] if seeded else [model.fit(QUALITY_EPOCHS)]
    losses, accuracies = zip(*(quality(weights, problem) for weights in fits), strict=True)
    return {"loss": losses, "accuracy": accuracies}


def speed_table(entries):
    return comparison(
        entries, COLUMNS, "samples x features -> hidden units -> classes, batch", "{:.3g}", unit="ms an epoch"
    )


def rate_table(entries, dtype):
    gemm = "sgemm" if dtype == "float32" else "dgemm"
    rows = []
    for name, entry in entries.items():
        giga = [[rate / 1e9 for rate in some] for some in (rates(entry), *entry["peaks"].values())]
        row = [
            name,
            *(spread(some, "{:.0f}") for some in giga),
            spread(shares(entry), "{:.0f} %"),
            goal_words(entry, name),
        ]
        rows.append(row + limits_of(entry))
    columns = ["shallownet, GFLOP/s", f"{gemm}, GFLOP/s", f"{gemm}, one thread", f"share of {gemm}", "goal"]
    limits = ["share of the multiply-adds", "x MLPClassifier at most", "x the best framework at most"]
    return table(["shape", *columns, *limits], rows)


def shares(entry):
    """Return the rate of an epoch's products as a percentage of that of a large matrix product, in each round."""
    return [100 * a / b for a, b in zip(rates(entry), entry["peaks"]["gemm"], strict=True)]


def goal(shape):
    """Return which percentage of a large matrix product's rate is asked for, None for networks too small for that."""
    weights = shape.n_features * shape.n_hidden
    return next((share for least, share in GOALS.items() if weights >= least), None)


def goal_words(entry, name):
    asked = goal(Shape.parse(name))
    if asked is None:
        return ""
    return f"{asked} %" if median(shares(entry)) >= asked else f"{asked} %, **missed**"


def behind(entries):
    """Return the shapes and peers to which shallownet loses, by the median of the ratios."""
    lost = {
        name: [what for what, values in ratios(entry).items() if median(values) < 1] for name, entry in entries.items()
    }
    return [f"{name} ({', '.join(peers)})" for name, peers in lost.items() if peers]


def limits_of(entry):
    """Return the share of the machine's multiply-adds, and the ratios that they allow at most; "" where unknown."""
    most = entry.get("multiply_adds")
    share = spread([100 * rate / most for rate in rates(entry)], "{:.0f} %") if most else ""
    return [share, *(limit(entry, column) for column in ("x MLPClassifier", "x the best framework"))]


def distance_table(entries):
    """Return the ratios of rounds by the distance between the CPUs while shallownet ran.

    Where the distance could not be measured, a round is in none of the groups.
    """
    columns = ["x MLPClassifier", "x the best framework"]
    groups = {"one core": (0.0, ONE_CORE), "near": (ONE_CORE, FAR), "apart": (FAR, math.inf)}
    rows = []
    for name, entry in entries.items():
        trips = round_trips(entry)
        row = [name]
        for low, high in groups.values():
            rounds = [trip is not None and low <= trip < high for trip in trips]
            seconds = {who: list(compress(values, rounds)) for who, values in entry["seconds"].items()}
            found = ratios(entry | {"seconds": seconds})
            row += [str(sum(rounds)), *(spread(found[column]) if found.get(column) else "" for column in columns)]
        rows.append(row)
    return table(["shape", *(title for group in groups for title in (f"{group}: rounds", *columns))], rows)


def work_table(entries):
    names = list(dict.fromkeys(name for entry in entries.values() for name in entry["learned"]))
    rows = [[shape, *(_learned(entry["learned"].get(name)) for name in names)] for shape, entry in entries.items()]
    return table(["shape", *names], rows)


def _learned(found):
    if found is None:
        return ""
    return spread(found["loss"], "{:.4f}") + ", " + spread([100 * a for a in found["accuracy"]], "{:.1f} %")


def gap_beyond_spread(entries):
    """Return the shapes on which our median loss or accuracy is outside the range of MLPClassifier's over the seeds."""
    return [shape for shape, entry in entries.items() if _apart(entry["learned"])]


def _apart(learned):
    ours, theirs = learned[OURS], learned.get("MLPClassifier", {"loss": []})
    if len(theirs["loss"]) < 2:
        return False
    return any(not min(theirs[name]) <= median(ours[name]) <= max(theirs[name]) for name in ours)


def section(entries, dtype):
    gap = gap_beyond_spread(entries)
    verdict = (
        f"Outside the range of MLPClassifier's seeds: {'; '.join(gap)}."
        if gap
        else ("The median of shallownet's lies within the range of MLPClassifier's seeds in each row.")
    )
    lost = behind(entries)
    first = f"A peer is ahead on {'; '.join(lost)}." if lost else "No peer is ahead on any shape."
    return "\n\n".join(
        [
            f"## Training, {dtype}",
            f"How many times faster than each peer, per epoch. {first}",
            speed_table(entries),
            "The rate of the matrix products of an epoch, beside that of a 2048 x 2048 matrix product by NumPy's BLAS"
            " in the same alternation, and the share that is asked for; and its share of the multiply-adds that the"
            " threads can do in registers, with the ratios of a program that did these products at that rate and"
            " nothing else.",
            rate_table(entries, dtype),
            f"The same rounds by the distance between the two CPUs while shallownet ran: near each other where a cache"
            f" line came to the other one and back within {FAR:.0f} ns both before and after, and within"
            f" {ONE_CORE:.0f} ns where they are threads of one core, of which two can do little more than one.",
            distance_table(entries),
            f"The same work: mean cross-entropy of the training examples and accuracy on held-out ones after"
            f" {QUALITY_EPOCHS} epochs, for shallownet and MLPClassifier with {SEEDS} seeds each, for the others from"
            f" the weights of the first of them. {verdict}",
            work_table(entries),
        ]
    )


def spreads(entries, name):
    """Return the summary of a ratio for each shape, None where it was not measured."""
    found = {shape: ratios(entry).get(name) for shape, entry in entries.items()}
    return {shape: values and summary(values) for shape, values in found.items()}
