"""What the seconds of a measurement say: figures, and which of them have regressed.

An entry is what one measurement leaves: ``seconds`` of each contender, by name, a number a round; ``others``, the
CPUs that other processes used meanwhile; ``round_trips``, how far apart two CPUs were; ``run``, when and with which
commit; and what its part adds: ``operations`` of the matrix products of one unit, and ``multiply_adds``, how many
operations a second the threads can do in registers.
"""

from statistics import median

OURS = "shallownet"
FRAMEWORKS = ("torch", "torch.compile", "JAX")
REGRESSION = 0.75  # of the earlier figure: at or below this it is marked


def summary(values):
    """Return median, minimum and maximum."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def ratios(entry):
    """Return how many times faster shallownet was than each peer, in each round; {} without peers."""
    seconds = entry["seconds"]
    if OURS not in seconds:
        return {}
    found = {f"x {peer}": _quotients(seconds[peer], seconds[OURS]) for peer in seconds if peer != OURS}
    frameworks = [seconds[name] for name in FRAMEWORKS if name in seconds]
    if len(frameworks) > 1:
        fastest = [min(times) for times in zip(*frameworks, strict=True)]
        found["x the best framework"] = _quotients(fastest, seconds[OURS])
    return found


def rates(entry):
    """Return the operations a second of shallownet's matrix products, in each round."""
    return [entry["operations"] / seconds for seconds in entry["seconds"][OURS]]


def at_most(entry, name):
    """Return a ratio, in each round, of a program that did the products at the rate of multiply-adds and nothing else.

    [] if there is no such ratio, or the rate was not measured, as in earlier runs.
    """
    most = entry.get("multiply_adds")
    found = ratios(entry).get(name)
    if not most or not found:
        return []
    return [ratio * most / rate for ratio, rate in zip(found, rates(entry), strict=True)]


def round_trips(entry):
    """Return the nanoseconds between two CPUs while shallownet ran, in each round, None where nothing measures it."""
    return entry.get("round_trips", {}).get(OURS, [])


def figures(entry):
    """Return what is compared with an earlier run: the ratios or, where there is no peer, the seconds."""
    return {name: median(values) for name, values in (ratios(entry) or entry["seconds"]).items()}


def regressed(name, now, before):
    """Return whether a figure is worse than it was by a quarter or more; of ratios, the larger is the better."""
    return (now / before if name.startswith("x ") else before / now) <= REGRESSION


def marked(entry):
    """Return the figures of an entry that have regressed since the run that it replaced, with what they were."""
    earlier = entry.get("earlier", {})
    return {
        name: earlier[name]
        for name, now in figures(entry).items()
        if name in earlier and regressed(name, now, earlier[name])
    }


def _quotients(a, b):
    return [x / y for x, y in zip(a, b, strict=True)]
