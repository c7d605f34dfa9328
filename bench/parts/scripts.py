"""Whole scripts: processes from start to end, with all their imports, as a user waits for them.

Each program in ``programs/`` is a script; it runs with one contender at a time, in alternation. The cache of compiled
code is filled, but for one run more of shallownet with an empty one. All work in float64, as users do.
"""

import importlib.util
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from measuring.child import printed_numbers
from measuring.timing import contest
from programs.imports import BOTH
from reporting.figures import OURS, ratios
from reporting.tables import comparison, figure, spread, table

PEER, TREES = "MLPClassifier", ("HistGradientBoosting", "LightGBM")
FASTEST = "MLPClassifier at its fastest"  # with whichever of the settings of a search
INTRODUCTION = (
    "Whole scripts in float64, from the start of Python to its end with all imports: the seconds of shallownet, its"
    " code compiled\nbefore (and, once, with an empty cache), and how many times as long those of others take."
)
SEARCH_ROUNDS = 3
WORKERS = {"n_jobs=1": (1, "processes"), "n_jobs=2": (2, "processes"), "two threads": (2, "threads")}


@dataclass(frozen=True)
class Script:
    """A program with arguments, and what is asked for."""

    program: str
    arguments: tuple = ()  # after the contender
    others: tuple = (PEER,)  # the contenders beside shallownet
    times: float = 1.0  # as fast as MLPClassifier at least: the whole process...
    work_times: float = 0.0  # ...and its work
    beyond: tuple = ()  # or instead of that: a contender and the seconds that shallownet may take more than it does
    compiles: bool = True  # whether it runs kernels
    group: str = ""  # scripts with the same are searches that differ in their workers, and take turns


def search(program, name, arguments=(), trees=()):
    """Return the scripts of a search, by name: one for each kind of workers, and trees with one of them alone."""
    return {
        f"{name}, {words}": Script(
            program, workers + arguments, (PEER, *(trees if workers[0] == 1 else ())), group=name
        )
        for words, workers in WORKERS.items()
    }


SCRIPTS = {
    "digits, fit and score": Script("digits", others=(PEER, *TREES)),
    **search("grid_search", "grid search of the README"),
    **search("census", "10,000 rows with categories, 30 fits", (10_000, 30), TREES),
    "100 x partial_fit, 32 rows": Script("stream", (32,), work_times=8),
    "100 x partial_fit, 1 row": Script("stream", (1,), work_times=8),
    "1,000 x predict_proba, one row of a DataFrame": Script("serve", ("DataFrame", 1, 1_000), work_times=3),
    "4,000 x predict_proba, 1,000 rows": Script("serve", ("array", 1_000, 4_000), work_times=3),
    "a service's first request, one row": Script("serve", ("array", 1, 1), beyond=(PEER, 0.2)),
    "import": Script("imports", others=(PEER, BOTH), beyond=(BOTH, 0.05), compiles=False),
}
QUICK = {"census": (1_000, 3), "serve": 20}  # rows and epochs; by how much fewer requests


def measure(options, progress):
    entries = {}
    with tempfile.TemporaryDirectory() as folder:
        progress("scripts: filling the cache")
        prepare(folder)
        for group in dict.fromkeys(script.group or name for name, script in SCRIPTS.items()):
            members = {name: script for name, script in SCRIPTS.items() if group in (name, script.group)}
            progress(f"scripts: {group}")
            entries |= compare(members, folder, options)
    return entries


def prepare(folder):
    """Save the models of the services in a folder, and compile into it what any of the scripts needs."""
    printed_numbers("programs.save", folder, NUMBA_CACHE_DIR=str(cache_in(folder)))
    printed_numbers("parts.scripts", NUMBA_CACHE_DIR=str(cache_in(folder)))


def cache_in(folder):
    return Path(folder) / "compiled"


def run(script, contender, folder, cache=None):
    """Return the seconds of a process and of its work, and its score if it has one."""
    arguments = (*script.arguments, *([folder] if script.program == "serve" else []))
    # a search warns of fits that were too short in its workers, too
    variables = {"NUMBA_CACHE_DIR": str(cache or cache_in(folder)), "PYTHONWARNINGS": "ignore"}
    start = perf_counter()
    work, *score = printed_numbers(f"programs.{script.program}", contender, *arguments, **variables)
    return perf_counter() - start, work, *score


def compare(scripts, folder, options):
    """Return the entries of scripts, whose processes take turns with each other and with those of all contenders."""
    if options.quick:
        scripts = {name: shorter(script) for name, script in scripts.items()}
    found, runs = {}, {}
    for name, script in scripts.items():
        for contender in available(script, options):
            found[name, contender] = {}  # by the seconds of the process, as an alternation keeps but some of them
            runs[name, contender] = partial(run, script, contender, folder)

    def timed(key):
        seconds, *rest = runs[key]()
        found[key][seconds] = rest
        return seconds

    empty = {name: with_empty_cache(script, folder) for name, script in scripts.items() if wanted(script, options)}
    searching = any(script.group for script in scripts.values())
    if not searching and not options.quick:  # a first run, of which nothing counts, reads the files from the disk
        for first in runs.values():
            first()
    rounds = 1 if options.quick else min(options.rounds, SEARCH_ROUNDS if searching else options.rounds)
    entry = contest({key: key for key in runs}, rounds, timed=timed)
    entries = {}
    for name in scripts:
        seconds = {who: times for (what, who), times in entry["seconds"].items() if what == name}
        kept = {who: [found[name, who][second] for second in times] for who, times in seconds.items()}
        entries[name] = {
            "seconds": seconds,
            "work": {who: [work for work, *_ in values] for who, values in kept.items()},
            "scores": {who: values[0][1] for who, values in kept.items() if len(values[0]) > 1},
            "empty": empty.get(name),
            "bytecode": bytecode_kept(),
            "others": None if searching else entry["others"],  # the workers of a search would count as others
        }
    if searching:
        best = list(map(min, zip(*(found["seconds"][PEER] for found in entries.values()), strict=True)))
        for found_entry in entries.values():
            found_entry["seconds"][FASTEST] = best
    return entries


def available(script, options):
    """Return the contenders of a script that are installed, and note the others."""
    missing = [name for name in script.others if name == "LightGBM" and not importlib.util.find_spec("lightgbm")]
    options.skipped.update(dict.fromkeys(missing, "not installed"))
    return [OURS, *(name for name in script.others if name not in missing)]


def wanted(script, options):
    """Return whether a script is measured with an empty cache, too: with --quick only the first one is."""
    return script.compiles and (not options.quick or script.program == "digits")


def with_empty_cache(script, folder):
    with tempfile.TemporaryDirectory() as cache:
        return run(script, OURS, folder, cache)[0]


def shorter(script):
    """Return a script for a quick look."""
    arguments, others = list(script.arguments), script.others
    if script.program == "census":  # 30 fits of trees take too long for a look
        arguments[2:], others = QUICK["census"], (PEER,)
    if script.program == "serve":
        arguments[2] = -(-arguments[2] // QUICK["serve"])
    return Script(**vars(script) | {"arguments": tuple(arguments), "others": others})


def bytecode_kept():
    """Return whether the bytecode of shallownet is kept: else each process compiles the sources."""
    source = importlib.util.find_spec(OURS).origin
    return Path(importlib.util.cache_from_source(source)).exists()


def beyond(entry, name):
    """Return by how many seconds our process takes longer than another one, in each round; [] without it."""
    seconds = entry["seconds"]
    return [ours - other for ours, other in zip(seconds[OURS], seconds[name], strict=True)] if name in seconds else []


def beyond_words(entry, name):
    found = beyond(entry, name)
    return spread(found, "{:.2f}") if found else ""


def work_of(entry):
    """Return the entry with the seconds of the work instead of the whole process."""
    return {"seconds": entry["work"]}


def asked(name, entry):
    """Return what is asked for of a script's whole process, and whether it is missed."""
    script = SCRIPTS[name]
    if script.beyond:
        other, most = script.beyond
        return _goal(f"at most {most:g} s beyond {other}", median(beyond(entry, other)) <= most)
    return _goal(f"{script.times:g} x MLPClassifier", median(ratios(entry)[f"x {PEER}"]) >= script.times)


def work_asked(name, entry):
    """Return the same of its work."""
    least = SCRIPTS[name].work_times
    if not least:
        return ""
    return _goal(f"{least:g} x MLPClassifier", median(ratios(work_of(entry))[f"x {PEER}"]) >= least)


def _goal(words, met):
    return words if met else f"{words}, **missed**"


COLUMNS = [f"x {name}" for name in (PEER, FASTEST, *TREES)]


def process_table(entries, columns=COLUMNS, words=None):
    """Return the table of whole processes."""
    empty = {"empty cache, s": lambda entry: f"{entry['empty']:.1f}" if entry["empty"] is not None else ""}
    return comparison(entries, columns, "script", "{:.2f}", scale=1, unit="s", words=empty | (words or {}))


def section(entries):
    names = {id(entry): name for name, entry in entries.items()}
    words = {
        f"s beyond {PEER}": lambda entry: beyond_words(entry, PEER),
        f"s beyond {BOTH}": lambda entry: beyond_words(entry, BOTH),
        "asked": lambda entry: asked(names[id(entry)], entry),
        "scores": lambda entry: ", ".join(f"{name} {100 * score:.1f} %" for name, score in entry["scores"].items()),
    }
    bytecode = all(entry["bytecode"] for entry in entries.values())
    rows = [
        [
            name,
            spread([1e3 * seconds for seconds in entry["work"][OURS]], "{:.3g}"),
            *(figure(work_of(entry), column) for column in (f"x {PEER}", *(f"x {tree}" for tree in TREES))),
            work_asked(name, entry),
        ]
        for name, entry in entries.items()
        if name != "import"
    ]
    return "\n\n".join(
        [
            "## Whole scripts, float64",
            f"{INTRODUCTION} A search is compared with MLPClassifier's by the same workers, and with the fastest of"
            f" MLPClassifier's; {SEARCH_ROUNDS} alternations at most.",
            "The bytecode of shallownet was kept from one process to the next."
            if bytecode
            else "**The bytecode of shallownet could not be kept: each process compiled its sources.**",
            process_table(entries, words=words),
            "The same scripts without their imports and preparations: the fit and the score, the search, one call of"
            " `partial_fit` or `predict_proba` in a process at work, the loading of a model and the first prediction.",
            table(["script", "shallownet, ms", f"x {PEER}", *(f"x {tree}" for tree in TREES), "asked"], rows),
        ]
    )


def main():
    """Compile all that the scripts need."""
    from shallownet import warmup

    warmup(dtypes=["float64"], sparse=True)


if __name__ == "__main__":
    main()
