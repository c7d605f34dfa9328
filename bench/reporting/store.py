"""The results of all runs on one machine: each part adds its own and leaves the others'."""

import json

from reporting.figures import figures
from reporting.kernels import held_back

FILE = "results.json"


def load(folder):
    path = folder / FILE
    return json.loads(path.read_text()) if path.exists() else None


def save(folder, results):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(rounded(results), indent=1) + "\n")


def merged(stored, new):
    """Return the stored results with the new entries in them, each with the figures of the entry that it replaces.

    Figures of a run in which a contender was held back are no measure for the new ones.

    Results have ``machine``, ``settings``, ``skipped`` and ``parts``: entries by part and name. Those of another
    processor or number of threads cannot stand beside the new ones, and are left out.
    """
    if stored is None or not comparable(stored, new):
        return new
    parts = {name: dict(entries) for name, entries in stored["parts"].items()}
    for part, entries in new["parts"].items():
        kept = parts.setdefault(part, {})
        for name, entry in entries.items():
            comparable_run = name in kept and not held_back(kept[name]["run"])
            kept[name] = entry | ({"earlier": figures(kept[name])} if comparable_run else {})
    return new | {"skipped": stored["skipped"] | new["skipped"], "parts": parts}


def comparable(a, b):
    return a["machine"]["cpu"] == b["machine"]["cpu"] and a["settings"]["threads"] == b["settings"]["threads"]


def rounded(value):
    """Return results with numbers of six digits: clocks know no more."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
