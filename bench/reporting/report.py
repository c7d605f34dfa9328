"""The report of all stored results, its pictures, and what the README quotes of it.

``python bench/compare.py --report`` writes them from what is stored, without measuring anything.
"""

from pathlib import Path

from measuring.load import QUIET
from measuring.shapes import Shape
from parts import (
    busy,
    first_fit,
    growth,
    on_dask,
    planar,
    predict,
    predict_shapes,
    regression,
    roofline,
    scripts,
    search,
    tables,
    training,
    variants,
)
from reporting import pictures, store
from reporting.figures import OURS, figures, marked
from reporting.kernels import held_back, warning, words_of
from reporting.tables import figure, spread, table

PARTS = {
    "training": training,
    "regression": regression,
    "planar": planar,
    "start": first_fit,
    "predict": predict,
    "predict-shapes": predict_shapes,
    "search": search,
    "variants": variants,
    "growth": growth,
    "busy": busy,
    "scripts": scripts,
    "tables": tables,
    "on-dask": on_dask,
    "roofline": roofline,
}
BY_DTYPE = {"training", "start"}  # stored by dtype

RESULTS = Path(__file__).parents[1] / "results"
README = Path(__file__).parents[2] / "README.md"
QUOTED_SCRIPTS = [
    "digits, fit and score",
    "grid search of the README, n_jobs=1",
    "grid search of the README, two threads",
    "10,000 rows with categories, 30 fits, two threads",
    "100 x partial_fit, 32 rows",
    "a service's first request, one row",
]
QUOTED = [
    Shape(150, 4, 10, 3, 150),
    Shape(1797, 64, 100, 10, 200),
    Shape(50000, 54, 100, 7, 200),
    Shape(20000, 784, 256, 10, 256),
]  # from where it gains most to where it gains least


def markdown(results, only=None):
    """Return the report as Markdown, of all parts or of those named."""
    settings, machine = results["settings"], results["machine"]
    parts = {name: entries for name, entries in results["parts"].items() if only is None or name in only}
    text = [
        *filter(None, [warning(parts)]),
        f"# Speed, {settings['threads']} threads",
        f"{machine['cpu']}, {machine['system']}. {versions(machine)}. {settings['rounds']} alternations, of which each"
        " figure is the median (minimum .. maximum), or fewer where one takes seconds.",
    ]
    for part in sorted(parts, key=lambda name: list(PARTS).index(name.partition(", ")[0])):
        text += [section(part, parts[part]), note(parts[part], machine)]
        text += [f"{name} is skipped: {reason}." for name, reason in results["skipped"].get(part, {}).items()]
    found = [
        f"{part}, {name}: {figure}" for part in parts for name in parts[part] for figure in marked(parts[part][name])
    ]
    if found:
        text.append("**Regressed by a quarter or more since the run before:** " + "; ".join(found) + ".")
    return "\n\n".join(text) + "\n"


def section(part, entries):
    name, _, dtype = part.partition(", ")
    return PARTS[name].section(entries, *([dtype] if dtype else []))


def note(entries, machine):
    """Return when a part was measured, with which libraries, and whether the machine was quiet."""
    runs = sorted({f"{run['date']}, commit {run['commit']}" for run in (entry["run"] for entry in entries.values())})
    words = "Measured " + "; ".join(runs) + "."
    words += "".join(f" {found}." for found in sorted({words_of(entry["run"]) for entry in entries.values()} - {""}))
    changed = {versions(entry["run"]) for entry in entries.values()} - {versions(machine)}
    words += "".join(f" With {other}." for other in sorted(changed))
    loaded = {name: entry["others"] for name, entry in entries.items() if (entry.get("others") or 0) >= QUIET}
    if loaded:
        which = "this part is" if len(loaded) == len(entries) else f"these are ({'; '.join(loaded)})"
        words += f" **Other processes used up to {max(loaded.values()):.2f} CPUs: {which} not to be relied on.**"
    return words


def versions(holder):
    return ", ".join(f"{name} {number}" for name, number in holder["versions"].items())


def write(results, folder):
    """Write the report and the pictures into a folder."""
    (folder / "report.md").write_text(markdown(results))
    pictures.draw_all(results, folder)


def write_all():
    """Write the reports of all stored results, and quote them in the README."""
    for path in RESULTS.rglob(store.FILE):
        write(store.load(path.parent), path.parent)
    quote(store.load(RESULTS))


def quote(results, readme=README):
    """Put the quotations of these results between their marks in the README."""
    text = readme.read_text(encoding="utf-8")
    for name, quotation in quotations(results).items():
        begin, end = marks(name)
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{quotation}\n{end}{after}"
    readme.write_text(text, encoding="utf-8")


def quotations(results):
    """Return what the README shows by name: of training and whole scripts, and of tables if they are stored."""
    entries = results["parts"].get("tables") if results else None
    of_tables = {"tables": tables.excerpt(entries, results["machine"]["cpu"])} if entries else {}
    return {"speed": excerpt(results)} | of_tables


def marks(name):
    """Return the lines around a quotation."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def quoted(results):
    """Return the entries of the training table that the README shows; {} without results."""
    entries = results["parts"].get("training, float32", {}) if results else {}
    return {shape: entries[str(shape)] for shape in QUOTED if str(shape) in entries}


def quoted_scripts(results):
    """Return the entries of whole scripts that the README shows."""
    entries = results["parts"].get("scripts", {})
    return {name: entries[name] for name in QUOTED_SCRIPTS if name in entries}


def excerpt(results):
    """Return what the README shows: the rows of these results, and how those of other processors differ.

    No figure of a contender that was held back is shown.
    """
    if not quoted(results):
        return "There are no figures here yet. Measure your own with `python bench/compare.py`."
    if problem := next(filter(None, (held_back(entry["run"]) for entry in quoted(results).values())), ""):
        return (
            f"There are no figures here, as those that are stored do not hold:\n{problem}.\nMeasure your own with"
            " `python bench/compare.py`."
        )
    double = results["parts"].get("training, float64", {})
    rows = [
        [
            f"{shape.n_samples:,} x {shape.n_features} -> {shape.n_hidden} -> {shape.n_classes}",
            spread([1e3 * seconds for seconds in entry["seconds"][OURS]], "{:.3g}"),
            *(figure(entry, name) for name in ("x MLPClassifier", "x the best framework")),
            figure(double[str(shape)], "x MLPClassifier") if reliable(double.get(str(shape))) else "",
        ]
        for shape, entry in quoted(results).items()
    ]
    header = ["samples x features -> hidden units -> classes", "ms per epoch", "x MLPClassifier", "x best framework"]
    return "\n\n".join(
        [
            f"The time per epoch in float32 on {results['settings']['threads']} threads of {results['machine']['cpu']},"
            " and how many times as long MLPClassifier and\nthe fastest of torch, torch.compile and JAX take: the"
            f" median (range) of {results['settings']['rounds']} alternations.",
            table([*header, "float64: x MLPClassifier"], rows),
            *whole_scripts(quoted_scripts(results)),
            *map(on_another_processor, others()),
        ]
    )


def reliable(*entries):
    """Return whether all these entries are there, and no contender of theirs was held back."""
    return bool(entries) and all(entry and not held_back(entry["run"]) for entry in entries)


def whole_scripts(entries):
    """Return the paragraph and the table of whole scripts, if they are stored."""
    if not reliable(*entries.values()):
        return []
    return [scripts.INTRODUCTION, scripts.process_table(entries)]


def others():
    """Return the folders of further processors whose rows hold."""
    folders = [path.parent for path in sorted(RESULTS.glob(f"*/{store.FILE}"))]
    return [folder for folder in folders if reliable(*quoted(store.load(folder)).values())]


def on_another_processor(folder):
    """Return a sentence with the ratios of the same rows that are stored in a folder."""
    results = store.load(folder)
    ratios = [figures(entry)["x MLPClassifier"] for entry in quoted(results).values()]
    link = (folder / "report.md").relative_to(README.parent).as_posix()
    return f"On {results['machine']['cpu']}, MLPClassifier takes [{listed(ratios)} times as long]({link})."


def listed(numbers):
    """Return numbers as words would list them: a, b and c."""
    texts = [f"{number:.1f}" for number in numbers]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))
