"""The README: its examples and commands work, its links lead somewhere, and it names every package."""

import re
import shlex
import tomllib
from pathlib import Path
from unittest.mock import create_autospec

import pytest
import sklearn

import shallownet
from shallownet.demo.command_line import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST, *RECIPES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
NAMES = ["example", "search", "early stopping", "tables", "regression", "class weights", "files", "onnx", "dask"]
SHELL = "\n".join(re.findall(r"^    (.*)$", re.sub(r"```.*?```", "", README, flags=re.DOTALL), re.MULTILINE))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("recipe", ["", *RECIPES], ids=NAMES)
def test_an_example_runs(recipe, capsys, tmp_path, monkeypatch):
    if "import onnxruntime" in recipe:  # which the extra `long` installs, and .ci/run for this recipe
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = {}
    with sklearn.config_context():  # a recipe may set it
        for example in filter(None, [FIRST, recipe]):
            exec(compile(example, "README.md", "exec"), names)
            assert 0.9 < float(capsys.readouterr().out.split()[-1]) < 1


def test_every_code_block_is_run():
    assert README.count("```") == 2 * len([FIRST, *RECIPES])


def test_what_is_installed_can_be_installed():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [name for names in re.findall(r"'\.\[(.*?)\]'", SHELL) for name in names.split(",")]
    assert {"main", "test", "bench"} <= set(named) <= set(extras)


def test_the_demo_takes_its_arguments():
    commands = re.findall(r"-m shallownet\b(.*)$", SHELL, re.MULTILINE)
    taken = [parser().parse_args(shlex.split(arguments)) for arguments in commands]
    assert [arguments.data for arguments in taken] == ["digits", "FILE.csv"]


def test_lines_of_python_in_commands_are_run(monkeypatch):
    warmup = create_autospec(shallownet.warmup)
    monkeypatch.setattr(shallownet, "warmup", warmup)
    commands = re.findall(r'python -c "(.*?)"', README)
    for command in commands:
        exec(command, {})
    assert len(commands) == len(warmup.mock_calls) == 2


def test_links_and_scripts_are_there():
    paths = re.findall(r"\]\((?!https?:)(.*?)\)", README) + re.findall(r"python (\w\S*\.py)", SHELL)
    assert len(paths) > 4
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_packages_are_those_of_the_source():
    section = README.partition("## Developing")[2]
    shown = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(shown) == sorted(path.parent.name for path in (ROOT / "src/shallownet").glob("*/__init__.py"))
