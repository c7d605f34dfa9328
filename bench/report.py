"""The report of all stored results, its pictures, and what the README quotes of it.

python bench/report.py writes them anew from what is stored, without measuring anything.
"""

from pathlib import Path

import busy
import first_fit
import growth
import pictures
import planar
import predict
import predict_shapes
import roofline
import search
import store
import training
import variants
from figures import marked
from load import QUIET

PARTS = {
    "training": training,
    "planar": planar,
    "start": first_fit,
    "predict": predict,
    "predict-shapes": predict_shapes,
    "search": search,
    "variants": variants,
    "growth": growth,
    "busy": busy,
    "roofline": roofline,
}
BY_DTYPE = {"training", "start"}  # stored by dtype

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"


def markdown(results, only=None):
    """Return the report as Markdown, of all parts or of those named."""
    settings, machine = results["settings"], results["machine"]
    parts = {name: entries for name, entries in results["parts"].items() if only is None or name in only}
    text = [
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
    """Return when a part was measured, and whether the machine was quiet."""
    runs = sorted({f"{run['date']}, commit {run['commit']}" for run in (entry["run"] for entry in entries.values())})
    words = "Measured " + "; ".join(runs) + "."
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


def quote(results, readme=README):
    """Put the training table and the picture between the two marks in the README."""
    entries = results["parts"].get("training, float32")
    if not entries:
        return
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{excerpt(results, entries)}\n{END}{after}", encoding="utf-8")


def excerpt(results, entries):
    """Return what the README shows."""
    settings, machine = results["settings"], results["machine"]
    return "\n\n".join(
        [
            "How many times faster than each peer, per epoch, in float32 on two threads of"
            f" {machine['cpu']}: the median (and range) of {settings['rounds']} alternations,\n"
            "from [bench/results/report.md](bench/results/report.md), which `python bench/compare.py` writes.",
            training.speed_table(entries),
            "![The same as bars](bench/results/speed.png)",
        ]
    )


if __name__ == "__main__":
    for path in RESULTS.rglob(store.FILE):  # of the machine that the README quotes, and of others below
        write(store.load(path.parent), path.parent)
    quote(store.load(RESULTS))
