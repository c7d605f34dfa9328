"""The README: its examples run, and its map shows every room."""

import re
from pathlib import Path

import pytest
import sklearn

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("example", EXAMPLES, ids=["grid search", "validation set", "pictures", "textbook"])
def test_an_example_runs(example, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    with sklearn.config_context():  # an example may set it
        exec(compile(example, "README.md", "exec"), {})
    score = float(capsys.readouterr().out.split()[-1])
    assert score > 0.9


def test_the_packages_are_those_of_the_source():
    section = README.partition("## The packages")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(shown) == sorted(path.parent.name for path in (ROOT / "src/shallownet").glob("*/__init__.py"))
