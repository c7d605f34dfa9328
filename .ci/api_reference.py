"""Write the pages of the API reference: ``python .ci/api_reference.py FOLDER`` (default ./pages), with the extra docs.

pdoc renders the docstrings. What it does not know of numpydoc is done before: literal blocks, and formulas, which
become MathML and so need no script. Then every link on the pages is followed; a broken one is an error.
"""

# ruff: noqa: T201  (this script reports by printing)

import importlib
import inspect
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pdoc
import pdoc.doc
import pdoc.render
from jinja2 import pass_context
from latex2mathml.converter import convert

import shallownet

MODULES = [
    "shallownet",
    "shallownet.dask",
    "shallownet.plotting",
    "shallownet.onnx",
    "shallownet.datasets",
    "shallownet.datasets.textbook",
]
SCIKIT_LEARN = "https://scikit-learn.org/stable/modules/generated/"
STYLE = """<style>
math[display=block] { margin: .6em 0 }
.pdoc-code { overflow-x: auto }
.docstring h6 { font-size: 1.1rem; font-weight: 600; margin: 1.2rem 0 .4rem }
.docstring li > p { margin: 0 0 .3em }
.docstring .footnotes { font-size: .9em }
.docstring table, .docstring pre { max-width: 100%; overflow-x: auto }
</style>"""


class Links(HTMLParser):
    """The targets and the links of a page."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note the id and the link of an element."""
        found = dict(attributes)
        self.targets |= {found.get("id")}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


def typeset(docstring):
    """Return a docstring whose formulas are MathML and whose literal blocks are Markdown's."""
    docstring = docstring.replace("\\\n", "")  # a line of a raw docstring that goes on in the next
    docstring = re.sub(r"^( *)\.\. math::\n\n((?:\1 +.*\n|\n)+)", _display, docstring + "\n", flags=re.MULTILINE)
    docstring = re.sub(r":math:`(.+?)`", lambda found: convert(found[1]), docstring, flags=re.DOTALL)
    docstring = re.sub(r"::(\n\n)(?= +\S)", r":\1", docstring)
    docstring = re.sub(r":\w+:`~?(sklearn[\w.]+)`", _of_scikit_learn, docstring)
    return re.sub(r":\w+:`(\w[\w.]*)`", r"`\1`", docstring)


def _display(found):
    lines = inspect.cleandoc(found[2]).splitlines()
    formulas = "\n".join(f"{found[1]}{convert(line, display='block')}" for line in lines if line.strip())
    return f"{formulas}\n\n"


def _of_scikit_learn(found):
    """Return a link to scikit-learn's pages, once the name is known to exist."""
    module, _, name = found[1].rpartition(".")
    getattr(importlib.import_module(module), name)
    return f"[`{found[1]}`]({SCIKIT_LEARN}{found[1]}.html)"


def show_inherited(module):
    """Let a class show as its own what it has from the private modules of the package, but not these modules."""
    for documented in module.flattened_own_members:
        if isinstance(documented, pdoc.doc.Class):
            documented.bases = [base for base in documented.bases if not base[0].startswith("shallownet.")]
            for name, member in list(documented.members.items()):
                if member.taken_from[0].startswith("sklearn."):  # described on scikit-learn's pages
                    del documented.members[name]
                if member.taken_from[0].startswith("shallownet."):
                    member.taken_from = documented.taken_from[0], f"{documented.taken_from[1]}.{member.name}"
            documented.__dict__.pop("_members_by_origin", None)  # both are kept once computed
            documented.__dict__.pop("own_members", None)


def write_pages(folder):
    """Write the pages to a folder."""
    to_markdown = pdoc.render.env.filters["to_markdown"]

    @pass_context
    def to_typeset_markdown(context, docstring):
        return to_markdown(context, typeset(docstring))

    pdoc.render.env.filters["to_markdown"] = to_typeset_markdown
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text=f"shallownet {shallownet.__version__}")
    modules = {name: pdoc.doc.Module.from_name(name) for name in MODULES}
    for name, module in modules.items():
        show_inherited(module)
        path = folder / f"{name.replace('.', '/')}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pdoc.render.html_module(module, modules).replace("</head>", f"{STYLE}</head>", 1))
    (folder / "index.html").write_text(pdoc.render.html_index(modules))
    (folder / "search.js").write_text(pdoc.render.search_index(modules))


def broken_references(folder):
    """Return what is wrong on the pages: links that lead nowhere, and marks of reStructuredText that are left."""
    pages = {path: path.read_text() for path in sorted(folder.rglob("*.html"))}
    parsed = {path: Links(text) for path, text in pages.items()}
    broken = []
    for path, page in parsed.items():
        for link in page.links:
            address, _, target = unquote(link).partition("#")
            if re.match(r"https?:", address):
                continue
            other = (path.parent / address).resolve() if address else path
            if not other.is_file() or (target and target not in parsed[other].targets):
                broken.append(f"{path.relative_to(folder)}: link to {link}")
        docstrings = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", pages[path], flags=re.DOTALL)
        for left in re.findall(r":\w+:`[^`<]*`|\.\. \w+::[^\n<]*|\[\d+\]_", docstrings):
            broken.append(f"{path.relative_to(folder)}: {left} was not understood")
    return broken


def main():
    """Write the pages and follow their links."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pages").resolve()
    write_pages(folder)
    broken = broken_references(folder)
    print("\n".join(broken) or f"The pages begin at {folder / 'index.html'}.")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
