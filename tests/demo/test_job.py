"""The main job: its report, its pictures, its bar, and every error of a file or an option."""

import io
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score

from shallownet import ShallowNetClassifier
from shallownet.demo.command_line import main, parser
from shallownet.demo.data import MOST_CATEGORIES, SETS, load
from shallownet.demo.progress import EpochBar, epoch_bar
from shallownet.kernels.activations import MLP_NAMES

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shop(n=120):
    """Customers with numbers and categories, and empty cells in both."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": random.integers(18, 80, n),
            "income": random.normal(3e4, 1e4, n),
            "city": random.choice(["Bonn", "Köln", "Aachen"], n),
            "member": random.choice([True, False], n),
            "empty": np.nan,
        }
    )
    table["bought"] = np.where((table["age"] > 40) | (table["city"] == "Bonn"), "yes", "no")
    table.loc[5:20, "income"] = np.nan
    table.loc[30:40, "city"] = None
    return table


def job(*arguments):
    """Run the job in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "shallownet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_digits_by_default_in_a_process_of_its_own(folder):
    done = job("--max-iter", "30")
    assert done.returncode == 0
    assert "Classifier" not in done.stderr  # no bar where no terminal is; what matplotlib says of fonts may be there
    lines = done.stdout.splitlines()
    assert lines[0] == "digits: 1,797 rows (1,347 to learn from, 450 held out), features: 64, classes: 10"
    assert lines[1].startswith("warm-up: ")
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.endswith(" s")}
    ours, theirs = rows["ShallowNetClassifier"], rows["MLPClassifier"]
    assert float(ours[0]) > 0.95
    assert ours[:3] == theirs[:3]  # accuracy, epochs, last loss
    assert any("times as fast as MLPClassifier" in line for line in lines)
    names = ["digits-loss.png", "digits-hidden.png"]
    assert lines[-2:] == [f"wrote {os.path.join('shallownet-pictures', name)}" for name in names]
    assert sorted(path.name for path in folder.glob("shallownet-pictures/*")) == sorted(names)
    assert all((folder / "shallownet-pictures" / name).read_bytes().startswith(PNG) for name in names)


def test_a_target_of_real_numbers_in_a_process_of_its_own(folder):
    done = job("--data", "diabetes", "--hidden", "8", "--max-iter", "60", "--learning-rate", "0.01")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    shown = "diabetes: 442 rows (331 to learn from, 111 held out), features: 10, target: numbers from 25 to 346"
    assert lines[0] == shown
    assert ["R2", "epochs", "last", "loss", "fit"] in map(str.split, lines)
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.endswith(" s")}
    ours, theirs = rows["ShallowNetRegressor"], rows["MLPRegressor"]
    assert float(ours[0]) > 0.2
    assert ours[:3] == theirs[:3]  # R2, epochs, last loss
    assert any("times as fast as MLPRegressor" in line for line in lines)
    names = ["diabetes-loss.png", "diabetes-predictions.png"]
    assert sorted(path.name for path in folder.glob("shallownet-pictures/*")) == names
    assert all((folder / "shallownet-pictures" / name).read_bytes().startswith(PNG) for name in names)


@pytest.mark.parametrize(("target", "arguments"), [("price", []), ("rooms", ["--regression"])])
def test_a_file_with_numbers_to_predict(capsys, target, arguments):
    random = np.random.default_rng(0)
    table = pd.DataFrame({"area": random.uniform(20, 200, 300), "city": random.choice(["Bonn", "Köln"], 300)})
    table["price"] = 3000 * table["area"] + np.where(table["city"] == "Bonn", 5e4, 0.0) + 0.5
    table["rooms"] = (table["area"] / 20).astype(int)
    table[["area", "city", target]].to_csv("flats.csv", index=False)
    usual = ["--learning-rate", "0.05", "--max-iter", "100", "--no-pictures", "--no-compare"]
    assert main(["--data", "flats.csv", "--target", target, *usual, *arguments]) == 0
    out = capsys.readouterr().out
    assert "target: numbers from " in out
    assert float(out.split("ShallowNetRegressor")[1].split()[0]) > 0.9
    if arguments:
        assert main(["--data", "flats.csv", "--target", target, *usual]) == 0
        assert "classes: 9" in capsys.readouterr().out


def test_predictions_are_drawn_in_the_units_of_the_target(monkeypatch):
    drawn = []
    monkeypatch.setattr("shallownet.demo.job.save_predictions", lambda path, name, *numbers: drawn.append(numbers))
    assert (
        main(["--data", "diabetes", "--hidden", "8", "--max-iter", "40", "--learning-rate", "0.01", "--no-compare"])
        == 0
    )
    ((true, predicted),) = drawn
    assert set(true.round(9)) <= set(load_diabetes().target)
    assert 0.2 < r2_score(true, predicted) < 0.7


def test_an_error_in_a_process_of_its_own_is_one_line():
    done = job("--data", "nothing.csv", "--target", "y")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "nothing.csv" in done.stderr


def test_points_in_a_plane_get_a_boundary(folder, capsys):
    assert main(["--data", "planar", "--activation", "sigmoid", "--max-iter", "5", "--pictures", "a/b"]) == 0
    names = ["planar-boundary.png", "planar-loss.png"]
    assert sorted(path.name for path in (folder / "a" / "b").iterdir()) == names
    assert all((folder / "a" / "b" / name).read_bytes().startswith(PNG) for name in names)
    assert "larger --max-iter" in capsys.readouterr().out


@pytest.mark.parametrize("classes", [2, 3])
def test_two_number_columns_of_a_file_get_a_boundary(folder, classes, monkeypatch):
    # a search for the best place of a legend, slow among many points, on which matplotlib warns only then
    monkeypatch.setattr("matplotlib.legend.Legend._find_best_position", lambda *_: pytest.fail("a search"))
    table = shop()[["age", "income"]]
    table["class"] = [f"c{i % classes}" for i in range(len(table))]
    table.to_csv("two.csv", index=False)
    assert main(["--data", "two.csv", "--target", "class", "--max-iter", "3", "--no-compare"]) == 0
    assert (folder / "shallownet-pictures" / "two-boundary.png").exists()


@pytest.mark.parametrize("named", [True, False], ids=["named", "found"])
@pytest.mark.parametrize("separator", [",", ";", "tab", "|"])
def test_a_file_with_numbers_and_categories(capsys, separator, named):
    shop().to_csv("shop.csv", index=False, sep="\t" if separator == "tab" else separator, encoding="utf-8-sig")
    arguments = ["--data", "shop.csv", "--target", "bought", *(["--separator", separator] if named else [])]
    arguments += ["--batch-size", "full", "--learning-rate", "0.05", "--max-iter", "60", "--no-pictures"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "features: 4, classes: 2" in out  # the empty column is left out
    assert out.splitlines()[1] == (
        "columns of numbers: age, income; categories: city, member; left out: empty (no values)"
    )
    assert float(out.split("ShallowNetClassifier")[1].split()[0]) > 0.85
    assert not os.path.exists("shallownet-pictures")


def test_columns_become_numbers():
    shop().to_csv("shop.csv", index=False)
    data = load("shop.csv", "bought")
    prepared = data.preprocessing.fit_transform(data.X)
    # two numbers; Aachen, Bonn, Köln and an empty cell; True and False
    assert prepared.shape == (120, 2 + 4 + 2)
    assert np.isfinite(prepared).all()
    np.testing.assert_allclose(prepared[:, :2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(prepared[:, 2:].sum(axis=1), 2)
    unseen = data.X.head(1).assign(city="Ulm")
    assert data.preprocessing.transform(unseen)[0, 2:6].sum() == 0


def test_many_categories_share_a_column():
    names = [f"name {i}" for i in range(3 * MOST_CATEGORIES)] * 2
    pd.DataFrame({"name": names, "y": [0, 1, 1] * 2 * MOST_CATEGORIES}).to_csv("names.csv", index=False)
    data = load("names.csv", "y")
    assert data.preprocessing.fit_transform(data.X).shape[1] == MOST_CATEGORIES
    assert not data.in_a_plane


@pytest.mark.parametrize("labels", [[True, False], [1.0, 2.0], ["a", "b"], [3, 7], ["1", "b"]])
def test_classes_of_any_kind(labels):
    pd.DataFrame({"x": range(10), "y": labels * 5}).to_csv("kinds.csv", index=False)
    assert set(load("kinds.csv", "y").y) == set(labels)


def test_a_rare_class_does_not_stop_the_job(capsys):
    pd.DataFrame({"x": range(40), "y": ["rare"] + ["a", "b", "c"] * 13}).to_csv("rare.csv", index=False)
    assert main(["--data", "rare.csv", "--target", "y", "--max-iter", "2", "--no-pictures", "--no-compare"]) == 0
    assert "classes: 4" in capsys.readouterr().out


def test_rows_without_a_class_are_left_out(capsys):
    table = shop()
    table.loc[3:8, "bought"] = None
    table.to_csv("gaps.csv", index=False)
    data = load("gaps.csv", "bought")
    assert set(data.y) == {"yes", "no"} and len(data.X) == len(data.y) == 114
    assert main(["--data", "gaps.csv", "--target", "bought", "--max-iter", "2", "--no-pictures", "--no-compare"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gaps: 114 rows")
    assert lines[1] == "rows left out, as their 'bought' is empty: 6 of 120"


@pytest.mark.parametrize("activation", MLP_NAMES)
def test_every_activation_is_compared_where_the_peer_has_it(activation, capsys):
    assert main(["--data", "iris", "--activation", activation, "--max-iter", "2", "--no-pictures"]) == 0
    out = capsys.readouterr().out
    lacking = MLP_NAMES[activation] is None
    assert (f"MLPClassifier has no {activation}" in out) == lacking
    assert ("times as fast" in out) != lacking


def test_warnings_of_a_fit_become_notes(capsys):
    assert main(["--data", "iris", "--batch-size", "500", "--max-iter", "2", "--no-pictures", "--no-compare"]) == 0
    assert capsys.readouterr().err.startswith("note: ShallowNetClassifier: Got `batch_size`")


class Interrupted(ShallowNetClassifier):
    """Somebody presses Ctrl-C in the last epoch, of every fit or of all but the warm-up."""

    in_warm_up = False

    def fit(self, X, y):
        super().fit(X, y)
        if self.in_warm_up or self.tol < 1:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        return self


def test_an_interrupted_fit_is_reported_without_its_peer(monkeypatch, capsys):
    monkeypatch.setattr("shallownet.demo.job.ShallowNetClassifier", Interrupted)
    assert main(["--data", "iris", "--max-iter", "3", "--no-pictures"]) == 0
    out, err = capsys.readouterr()
    assert err == "note: ShallowNetClassifier: Training interrupted by user.\n"
    assert "epochs" in out
    assert [line for line in out.splitlines() if "MLPClassifier" in line] == [
        "the fit was interrupted, so there is no comparison with MLPClassifier"
    ]


def test_an_interrupted_warm_up_ends_the_job(monkeypatch, capsys):
    monkeypatch.setattr(Interrupted, "in_warm_up", True)
    monkeypatch.setattr("shallownet.demo.job.ShallowNetClassifier", Interrupted)
    assert main(["--data", "iris", "--max-iter", "3", "--no-pictures"]) == 130
    assert "epochs" not in capsys.readouterr().out


def test_an_interrupt_outside_a_fit_ends_the_job(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("shallownet.demo.job.report", interrupt)
    assert main(["--data", "iris", "--max-iter", "3", "--no-pictures"]) == 130
    assert capsys.readouterr().err == ""


FILES = {
    "good.csv": "x,city,y\n1,Bonn,a\n2,Ulm,b\n3,Ulm,a\n4,Bonn,b\n",
    "empty.csv": "",
    "header.csv": "x,y\n",
    "blank.csv": "\n\n\n",
    "one.csv": "x,y\n1,a\n2,a\n",
    "gap.csv": "x,y\n1,\n2,\n3,\n",
    "long.csv": "x,y\n1,a\n2,b,3\n",
    "longer.csv": "x,y\n1,a,3\n2,b,3\n",
    "quote.csv": 'x,y\n1,"a\n2,b\n',
    "latin.csv": "x,y\n1,Köln\n2,Ulm\n".encode("latin-1"),
    "unmarked.csv": "x,y\n1,a\n2,b\n".encode("utf-16-le"),
    "words.csv": "x y\n1 a\n2 b\n",
    "useless.csv": "id,k,y\nu1,7,a\nu2,7,b\nu3,,a\n",
    "comma.csv": "x;y\n1,5;a\n2,25;b\n3,5;a\n",
    "only.csv": "y\na\nb\n",
    "nothing_else.csv": "x,y\n,a\n,b\n",
    "infinite.csv": "x,y\n1,a\ninf,b\n3,a\n",
    "huge.csv": "x,y\n" + "1e308,a\n-1e308,b\n" * 20,
    "fractions.csv": "x,y\n1,0.5\n2,0.7\n3,0.9\n",
    "tiny.csv": "x,y\n1,a\n2,b\n",
    "same.csv": "x,y\n1,7\n2,7\n",
    "binary.csv": bytes(range(256)) * 4,
}

ERRORS = [
    (["--data", "missing.csv", "--target", "y"], "no file 'missing.csv', and no data set of that name"),
    (["--data", ".", "--target", "y"], "cannot be read"),
    (["--data", "good.csv"], "needs --target, one of its columns: x, city, y"),
    (["--data", "good.csv", "--target", "z"], "has no column 'z'; its columns are x, city, y"),
    (["--data", "good.csv", "--target", "y", "--separator", ";"], "has no column 'y'; its columns are x,city,y"),
    (["--data", "good.csv", "--target", "y", "--test-size", "0.99"], "too few for --test-size 0.99"),
    (["--data", "iris", "--target", "y"], "--target belongs to a file"),
    (["--data", "empty.csv", "--target", "y"], "is empty"),
    (["--data", "header.csv", "--target", "y"], "no rows"),
    (["--data", "blank.csv", "--target", "y"], "is empty"),
    (["--data", "one.csv", "--target", "y"], "'y' has one class only, 'a'"),
    (["--data", "gap.csv", "--target", "y"], "'y' has empty cells only"),
    (["--data", "long.csv", "--target", "y"], "cannot be read as CSV"),
    (["--data", "longer.csv", "--target", "y"], "cannot be read as CSV"),
    (["--data", "quote.csv", "--target", "y"], "cannot be read as CSV"),
    (["--data", "latin.csv", "--target", "y"], "latin.csv is not UTF-8"),
    (["--data", "latin.csv", "--target", "y"], "; --encoding names another, such as cp1252, latin-1 or utf-16"),
    (["--data", "latin.csv", "--target", "y", "--encoding", "ascii"], "is not ascii, as --encoding says"),
    (["--data", "latin.csv", "--target", "y", "--encoding", "utf-16"], "is not utf-16, as --encoding says"),
    (["--data", "unmarked.csv", "--target", "y"], "unmarked.csv has zero bytes, as a text in UTF-16 has"),
    (
        ["--data", "good.csv", "--target", "y", "--separator", ",", "--decimal", ","],
        "--separator and --decimal are both",
    ),
    (["--data", "words.csv", "--target", "y"], "its columns are x y; --separator says what stands between them"),
    (["--data", "useless.csv", "--target", "y"], "left out: id (no value twice), k (one value only)"),
    (["--data", "comma.csv", "--target", "y"], "numbers with a decimal comma (see --decimal): x"),
    (["--data", "binary.csv", "--target", "y"], "binary.csv"),
    (["--data", "only.csv", "--target", "y"], "no column with values beside the target"),
    (["--data", "nothing_else.csv", "--target", "y"], "no column with values beside the target"),
    (["--data", "infinite.csv", "--target", "y"], "'x' has an infinite number"),
    (["--data", "huge.csv", "--target", "y"], "cannot be fitted: Input X contains"),
    (["--data", "fractions.csv", "--target", "y"], "too few rows: R2 needs two numbers that are held out"),
    (["--data", "fractions.csv", "--target", "y", "--test-size", "0.6"], "one number is left to learn from"),
    (["--data", "infinite.csv", "--target", "x"], "the target column 'x' has an infinite number"),
    (["--data", "good.csv", "--target", "y", "--regression"], "'y' has text, not numbers"),
    (["--data", "same.csv", "--target", "y", "--regression"], "'y' has one number only, 7"),
    (["--data", "iris", "--regression"], "--regression belongs to a file"),
    (["--data", "tiny.csv", "--target", "y"], "too few rows"),
    (["--data", "iris", "--solver", "sgd", "--learning-rate", "1e30"], "non-finite parameter weights"),
    (["--data", "iris", "--pictures", "good.csv"], "--pictures: no folder can be made at good.csv"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=[" ".join(case[0][1:]) for case in ERRORS])
def test_an_error_is_one_clear_line_and_status_2(folder, capsys, arguments, message):
    for name, content in FILES.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("python -m shallownet: error: ") and err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hidden", "0"],
        ["--hidden", "many"],
        ["--max-iter", "0"],
        ["--batch-size", "half"],
        ["--learning-rate", "nan"],
        ["--alpha", "-1"],
        ["--test-size", "1"],
        ["--seed", "-1"],
        ["--separator", "::"],
        ["--separator", "\n"],
        ["--decimal", ";"],
        ["--encoding", "klingon"],
        ["--encoding", "rot13"],
        ["--activation", "step"],
    ],
)
def test_a_wrong_option_is_named(capsys, arguments):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert f"argument {arguments[0]}" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["matplotlib", "pandas"])
def test_a_missing_extra_is_named(monkeypatch, capsys, module):
    shop().to_csv("shop.csv", index=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == module or "._main_" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["--data", "shop.csv", "--target", "bought"]) == 2
    err = capsys.readouterr().err
    assert f"{module} is not installed" in err and "shallownet[main]" in err and err.count("\n") == 1


def test_help_names_every_data_set():
    text = parser().format_help()
    assert all(name in text for name in SETS)


def test_bar_follows_the_lines_of_a_verbose_fit():
    terminal = io.StringIO()
    bar = EpochBar("fit", 40, terminal)
    bar._drawn = -1e9  # long ago, so that the next line is drawn
    print("Iteration 20, loss = 0.12345678", file=bar)
    print("Training loss did not improve", file=bar)
    bar.clear()
    assert "fit [##########..........] 20/40, loss 0.12345678" in terminal.getvalue()
    assert "improve" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_bar_is_for_terminals_only(monkeypatch, capsys):
    with epoch_bar("fit", 10) as verbose:
        assert not verbose
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with epoch_bar("fit", 10) as verbose:
        assert verbose
        sys.stdout.write("Iteration 1, loss = 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("\r\x1b[Kfit ...") and err.endswith("\r\x1b[K")


def test_a_terminal_sees_the_bar_and_the_report(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["--data", "iris", "--max-iter", "5", "--no-pictures"]) == 0
    out, err = capsys.readouterr()
    assert "Iteration" not in out + err
    assert "ShallowNetClassifier" in out
    assert "MLPClassifier ..." in err
