"""Which kernels the contenders computed with, and which results that rules out.

The ``run`` of an entry has ``libraries``, by contender, and ``cpu_bits``, how long the vectors of the processor are.
Those that were measured earlier lack both.
"""


def held_back(run):
    """Return what is wrong with the kernels of a run, in words; "" if nothing is."""
    if "libraries" not in run:
        return "measured with an unknown BLAS kernel"
    most = run["cpu_bits"] or 0
    slow = [
        f"{name} computed with {library['kernel']}'s kernels, of {library['bits']} bits"
        for name, library in run["libraries"].items()
        if (library["bits"] or most) < most
    ]
    return f"{' and '.join(slow)}, on a processor with {most}" if slow else ""


def warning(parts):
    """Return the first line of a report of entries, by part and name: what not to rely on; "" if there is nothing."""
    wrong = {}
    for part, entries in parts.items():
        for problem in dict.fromkeys(held_back(entry["run"]) for entry in entries.values()):
            wrong.setdefault(problem, []).append(part)
    wrong.pop("", None)
    found = "; ".join(f"{problem} ({'; '.join(names)})" for problem, names in wrong.items())
    return f"**Not to be relied on: {found}.**" if found else ""


def words_of(run):
    """Return the libraries of a run in words; "" if they are not known."""
    return "; ".join(f"{name}: {_library(found)}" for name, found in run.get("libraries", {}).items())


def _library(found):
    bits = f" ({found['bits']} bits)" if found["bits"] else ""
    kernel = f", {found['kernel']}{bits}" if found["kernel"] else ""
    return f"{found['library']}{kernel}, {found['threads']} thread{'s' * (found['threads'] > 1)}"
