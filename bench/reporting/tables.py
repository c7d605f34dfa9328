"""Tables in Markdown, of figures with their spread."""

from reporting.figures import at_most, figures, marked, ratios, summary


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values, template="{:.1f}"):
    """Return the median with the smallest and the largest, if there are several."""
    median, low, high = (template.format(number) for number in summary(values).values())
    return f"{median} ({low} .. {high})" if len(values) > 1 else median


def figure(entry, name, template="{:.1f}", scale=1.0):
    """Return a figure of an entry with its spread, and what it was if it has regressed; "" if it was not measured."""
    values = (ratios(entry) or entry["seconds"]).get(name)
    if values is None:
        return ""
    text = spread([value * scale for value in values], template)
    before = marked(entry).get(name)
    return text if before is None else f"{text} **was {template.format(before * scale)}**"


def limit(entry, name):
    """Return what a ratio can be at most, with its spread; "" if that is unknown."""
    values = at_most(entry, name)
    return spread(values) if values else ""


def comparison(entries, columns, first="", template="{:.2f}", scale=1e3, unit="ms", words=None):
    """Return a table of entries: name, our time, and the figures named by ``columns`` as far as there are any.

    ``words`` gives further columns: a heading and a function of the entry each; those that say nothing are left out.
    """
    columns = [column for column in columns if any(column in figures(entry) for entry in entries.values())]
    words = {name: word for name, word in (words or {}).items() if any(map(word, entries.values()))}
    rows = [
        [name, spread([s * scale for s in entry["seconds"]["shallownet"]], template)]
        + [figure(entry, column) for column in columns]
        + [word(entry) for word in words.values()]
        for name, entry in entries.items()
    ]
    return table([first, f"shallownet, {unit}", *columns, *words], rows)
