"""The report of a comparison: figures from seconds, tables from figures, regressions marked."""

from load import QUIET
from timing import summary

OURS = "shallownet"
REGRESSION = 0.75  # of the previous figure: below this it is marked
FRAMEWORKS = ("torch", "JAX")


def markdown(results, previous=None):
    """Return the report as Markdown; ``previous`` are the results of an earlier run, or None."""
    settings, machine = results["settings"], results["machine"]
    same_cpu = previous is not None and previous["machine"]["cpu"] == machine["cpu"]
    cells = _Cells(figures(results), figures(previous) if same_cpu else {})
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    parts = [
        f"# Speed beside the peers, {settings['dtype']}, {settings['threads']} threads",
        f"{machine['date']}, commit {machine['commit']}. {machine['cpu']}, {machine['system']}. {versions}."
        f" {settings['rounds']} alternations; each figure is their median (minimum .. maximum).",
    ]
    if results["skipped"]:
        parts.append("\n".join(f"{name}: not installed, skipped." for name in results["skipped"]))
    parts += [
        "## Training",
        "How many times faster than each peer, per epoch. A shape is samples x features -> hidden units ->"
        " classes, batch size.",
        _ratio_table(results, cells),
        "## The machine",
        f"The rate of the matrix products of an epoch, beside that of {_gemm(settings)}: a 2048 x 2048 matrix"
        " product by NumPy's BLAS, in the same alternation.",
        _rate_table(results, cells),
        "## The same work",
        "Mean cross-entropy of the training examples and accuracy on held-out ones, after 10 epochs from the same"
        " initial weights. The orders of the examples differ, except between shallownet and MLPClassifier.",
        _work_table(results),
    ]
    if "planar" in results:
        parts += ["## The planar flower, 10,000 full-batch updates, float64", _planar_table(results, cells)]
    if "start" in results:
        parts += ["## The first fit of a process", _start_table(results, cells)]
    parts.append(_load_note(results))
    if not same_cpu and previous is not None:
        parts.append("The previous results are of another processor, so no figure is marked.")
    elif cells.marked:
        parts.append(f"**Regressed by a quarter or more since {previous['machine']['date']}:** {cells.marked}.")
    return "\n\n".join(parts) + "\n"


def figures(results):
    """Return {name: summary} of all figures of a run, each a rate or a ratio or, in "seconds ...", a time."""
    found = {}
    for entry in results["shapes"]:
        shape, seconds = entry["shape"], entry["epoch_seconds"]
        ours = seconds[OURS]
        for peer in seconds:
            if peer != OURS:
                found[f"{shape}: x {peer}"] = summary([b / a for a, b in zip(ours, seconds[peer], strict=True)])
        if all(peer in seconds for peer in FRAMEWORKS):
            best = [min(times) for times in zip(*(seconds[peer] for peer in FRAMEWORKS), strict=True)]
            found[f"{shape}: x the best of {' and '.join(FRAMEWORKS)}"] = summary(
                [b / a for a, b in zip(ours, best, strict=True)]
            )
        rates = [entry["operations"] / s for s in ours]
        found[f"{shape}: rate"] = summary(rates)
        for threads, peak in entry["gemm_rates"].items():
            found[f"{shape}: gemm, {threads}"] = summary(peak)
            found[f"{shape}: share, {threads}"] = summary([a / b for a, b in zip(rates, peak, strict=True)])
    if "planar" in results:
        seconds = results["planar"]["seconds"]
        found["planar: x NumPy"] = summary([b / a for a, b in zip(seconds[OURS], seconds["NumPy"], strict=True)])
    for state in ("empty", "filled") if "start" in results else ():
        for part in ("process", "beyond_imports"):
            found[f"seconds, {state}, {part}"] = summary([start[state][part] for start in results["start"]])
    return found


class _Cells:
    """Formats figures for tables, with what they were where they have regressed."""

    def __init__(self, found, earlier):
        self.found = found
        self.earlier = earlier
        self._marked = []

    @property
    def marked(self):
        return "; ".join(self._marked)

    def __call__(self, name, template="{:.1f}", scale=1.0):
        if name not in self.found:
            return ""
        now = self.found[name]
        median, low, high = (template.format(now[key] * scale) for key in ("median", "min", "max"))
        text = f"{median} ({low} .. {high})"
        if name in self.earlier:
            before = self.earlier[name]["median"]
            gain = before / now["median"] if name.startswith("seconds") else now["median"] / before
            if gain <= REGRESSION:
                text += f" **was {template.format(before * scale)}**"
                self._marked.append(name)
        return text


def _load_note(results):
    parts = results["shapes"] + ([results["planar"]] if "planar" in results else [])
    others = [part["others"] for part in parts]
    if None in others:
        return "The load by other processes is not known on this system."
    note = f"In the rounds that count, other processes used at most {max(others):.2f} CPUs."
    if max(others) < QUIET:
        return note
    loaded = [part.get("shape", "the planar flower") for part in parts if part["others"] >= QUIET]
    return f"**{note} The machine was not quiet, and the figures are not to be relied on: {'; '.join(loaded)}.**"


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _peers(results):
    return [peer for peer in results["shapes"][0]["epoch_seconds"] if peer != OURS]


def _ratio_table(results, cells):
    columns = [f"x {peer}" for peer in _peers(results)]
    if all(peer in _peers(results) for peer in FRAMEWORKS):
        columns.append(f"x the best of {' and '.join(FRAMEWORKS)}")
    rows = []
    for entry in results["shapes"]:
        milliseconds = summary(entry["epoch_seconds"][OURS])["median"] * 1e3
        figures = [cells(f"{entry['shape']}: {column}") for column in columns]
        rows.append([entry["shape"], f"{milliseconds:.2f}", *figures])
    return _table(["shape", f"{OURS}, ms an epoch", *columns], rows)


def _rate_table(results, cells):
    all_threads, one = f"{results['settings']['threads']} threads", "1 threads"
    gemm = _gemm(results["settings"])
    rows = []
    for entry in results["shapes"]:
        shape = entry["shape"]
        rows.append(
            [
                shape,
                cells(f"{shape}: rate", "{:.0f}", 1e-9),
                cells(f"{shape}: gemm, {all_threads}", "{:.0f}", 1e-9),
                cells(f"{shape}: gemm, {one}", "{:.0f}", 1e-9),
                cells(f"{shape}: share, {all_threads}", "{:.0f} %", 100),
            ]
        )
    header = ["shape", f"{OURS}, GFLOP/s", f"{gemm}, GFLOP/s", f"{gemm} on one thread", f"share of {gemm}"]
    return _table(header, rows)


def _gemm(settings):
    return "sgemm" if settings["dtype"] == "float32" else "dgemm"


def _work_table(results):
    names = [OURS, *_peers(results)]
    rows = [
        [entry["shape"]]
        + [f"{entry['learned'][n]['loss']:.4f}, {100 * entry['learned'][n]['accuracy']:.1f} %" for n in names]
        for entry in results["shapes"]
    ]
    return _table(["shape", *names], rows)


def _planar_table(results, cells):
    seconds, cost = results["planar"]["seconds"], results["planar"]["cost"]
    times = [f"{summary(seconds[name])['median']:.3f} s" for name in (OURS, "NumPy")]
    return "\n\n".join(
        [
            _table([OURS, "NumPy loop", "x NumPy"], [[*times, cells("planar: x NumPy")]]),
            f"Cost after 5,000 updates: {cost[OURS]:.9f} and {cost['NumPy']:.9f}.",
        ]
    )


def _start_table(results, cells):
    rows = [
        [state] + [cells(f"seconds, {state}, {part}", "{:.2f}") for part in ("process", "beyond_imports")]
        for state in ("empty", "filled")
    ]
    return _table(["cache", "whole process, s", "beyond the imports of scikit-learn and Numba, s"], rows)
