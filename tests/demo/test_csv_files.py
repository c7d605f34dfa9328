"""The main job's CSV files: encodings, separators, decimal marks, and what becomes of the columns."""

import sys

import numpy as np
import pandas as pd
import pytest

from shallownet.demo.command_line import main
from shallownet.demo.csv_files import SEPARATORS, DataError, Dialect, read
from shallownet.demo.data import load

COMMA = "text that looks like numbers with a decimal comma (see --decimal): x"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(lines, **options):
    """Write a file with a column x, a y of two classes and 8 rows; return its Data."""
    header, form = lines
    rows = [form(i) for i in range(8)]
    text = "\n".join([header, *rows]) + "\n"
    with open("file.csv", "wb") as file:
        file.write(text.encode(options.pop("written_in", "utf-8")))
    return load("file.csv", "y", Dialect(**options))


@pytest.mark.parametrize(
    ("lines", "decimal", "values"),
    [
        (("x;y", lambda i: f"{i},5;{i % 2}"), ",", [i + 0.5 for i in range(8)]),
        (("x;y", lambda i: f"-1.23{i},5;{i % 2}"), ",", [-1230.5 - i for i in range(8)]),
        (("x;y", lambda i: f"{i + 1}.234.567;{i % 2}"), ",", [1234567 + 1e6 * i for i in range(8)]),
        (("x,y", lambda i: f'"{i + 1},234.5",{i % 2}'), ".", [1234.5 + 1e3 * i for i in range(8)]),
        (("x,y", lambda i: f"{f'1 23{i}' if i else ''},{i % 2}"), ".", [np.nan, *range(1231, 1238)]),
        (("x,y", lambda i: f"1\u202f23{i},{i % 2}"), ".", [1230 + i for i in range(8)]),
        (("x,y", lambda i: f"1'23{i},{i % 2}"), ".", [1230 + i for i in range(8)]),
        (("x,y", lambda i: f"\u2212{i}.5e-3,{i % 2}"), ".", [-(i + 0.5) / 1e3 for i in range(8)]),
    ],
)  # fmt: skip
def test_numbers_as_they_are_written_elsewhere(lines, decimal, values):
    data = written(lines, decimal=decimal)
    np.testing.assert_allclose(data.X["x"], values)
    assert data.about == ("columns of numbers: x; categories: none; left out: none",)
    assert not data.notes


@pytest.mark.parametrize(
    ("form", "note"),
    [
        (lambda i: f"{i // 2},5;{i % 2}", COMMA),
        (lambda i: f"0,12{i // 2};{i % 2}", COMMA),
        (lambda i: f"{'-' if i > 5 else '1,25'};{i % 2}", COMMA),
        (lambda i: f"{'?' if i > 5 else 7};{i % 2}", "text whose cells are mostly numbers: x (but for '?')"),
    ],
)  # fmt: skip
def test_text_that_should_be_numbers_gets_a_note(form, note, capsys):
    data = written(("x;y", form))
    assert data.about == ("columns of numbers: none; categories: x; left out: none",)
    assert data.notes == (note,)
    main(["--data", "file.csv", "--target", "y", "--max-iter", "2", "--no-pictures", "--no-compare"])
    assert f"note: file: {note}" in capsys.readouterr().err


def test_a_decimal_point_under_a_decimal_comma_gets_a_note():
    data = written(("x;z;y", lambda i: f"{i // 2}.5;{i},5;{i % 2}"), decimal=",")
    assert data.notes == ("text that looks like numbers with a decimal point (see --decimal): x",)
    assert data.about == ("columns of numbers: z; categories: x; left out: none",)


def test_decimal_commas_cost_accuracy_unless_they_are_named(capsys):
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(300, 3)), columns=["a", "b", "c"])
    table["y"] = table["a"] * table["b"] + table["c"] > 0
    table.to_csv("german.csv", index=False, sep=";", decimal=",")
    arguments = ["--data", "german.csv", "--target", "y", "--max-iter", "100", "--no-pictures", "--no-compare"]
    assert main([*arguments, "--learning-rate", "0.01"]) == 2  # every column is text without a value twice
    assert "numbers with a decimal comma (see --decimal): a, b, c" in capsys.readouterr().err
    assert main([*arguments, "--learning-rate", "0.01", "--decimal", ","]) == 0
    out = capsys.readouterr().out
    assert float(out.split("ShallowNetClassifier")[1].split()[0]) > 0.8


@pytest.mark.parametrize(
    ("written_in", "named"),
    [
        ("utf-8-sig", None),
        ("utf-8-sig", "utf8"),
        ("utf-16", None),
        ("utf-16", "utf-16-le" if sys.byteorder == "little" else "utf-16-be"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", None),
        ("latin-1", "latin-1"),
        ("cp1252", "windows-1252"),
    ],
)
def test_encodings(written_in, named):
    lines = "größe;y", lambda i: f"{['weiß', 'grün'][i // 2 % 2]};{i % 2}"
    data = written(lines, written_in=written_in, encoding=named)
    assert list(data.X) == ["größe"]
    assert set(data.X["größe"]) == {"weiß", "grün"}


def test_an_encoding_that_fails_late_is_named_too(folder):
    content = "x,y\n" + "1,a\n2,b\n" * 200_000  # more than the sample
    (folder / "late.csv").write_bytes(content.encode() + "3,ä\n".encode("latin-1"))
    with pytest.raises(DataError, match="late.csv is not UTF-8 .* --encoding names another"):
        load("late.csv", "y")


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (("a;x;y", lambda i: f"k, {i // 2};{i // 2},5;{i % 2}"), ["a", "x"]),
        (('"a;b";x;y', lambda i: f'"1;{i // 2}";{i};{i % 2}'), ["a;b", "x"]),
        (('x,"a;b|c",y', lambda i: f'{i},"p;q\n|{i // 2}",{i % 2}'), ["x", "a;b|c"]),
        (("a, b;x;y", lambda i: f"k, {i // 2};{i};{i % 2}"), ["a, b", "x"]),
        (("x|t|y", lambda i: f"{i}|{'a,b;c' if i % 2 else 'd'}|{i % 2}"), ["x", "t"]),
        (("x\tt\ty", lambda i: f"{i}\t{'a,b' if i % 2 else 'd;e'}\t{i % 2}"), ["x", "t"]),
    ],
)  # fmt: skip
def test_the_separator_is_found(lines, columns):
    assert list(written(lines).X) == columns


def text(random, characters, most):
    return "".join(random.choice(list(characters), random.integers(most)))


def test_tables_of_any_text_come_back_as_they_were():
    for seed in range(100):
        random = np.random.default_rng(seed)
        separator = str(random.choice(SEPARATORS))
        decimal = "," if separator != "," and random.random() < 0.5 else "."

        n = random.integers(1, 40)
        columns = {}
        for number in range(random.integers(2, 7)):
            cells = [text(random, "abc ,;|.\t0123-'\nä", 9) for _ in range(n)]
            name = f"n{text(random, 'ab ,;|', 6)}{number}"
            columns[name] = cells if random.random() < 0.5 else random.normal(size=n).round(2)
        pd.DataFrame(columns).to_csv("any.csv", sep=separator, decimal=decimal, index=False, encoding="utf-16")
        frame = read("any.csv", Dialect(decimal=decimal)).frame
        assert list(frame) == list(columns), seed
        for name, cells in columns.items():
            if not isinstance(cells, list):
                np.testing.assert_array_equal(frame[name], cells)


def test_columns_that_nothing_is_learned_from_are_left_out_and_named():
    data = written(
        (
            ",x,when,same,sure,id,k,yes,,y,",
            lambda i: (
                f"{i},{i * i},2024-0{i // 4 + 1}-1{i},{'7' if i else ''},on,u{i},{'' if i else 'q'},{i % 3 == 0},"
                f",{i % 2},"
            ),
        )
    )  # fmt: skip
    assert data.about == (
        "columns of numbers: x, when (dates, as days); categories: k, yes; left out: Unnamed: 0 (row numbers),"
        " same (one value only), sure (one value only), id (no value twice), Unnamed: 8 (no values),"
        " Unnamed: 10 (no values)",
    )
    days = data.X["when"] - data.X["when"].iloc[0]
    np.testing.assert_allclose(days, [0, 1, 2, 3, 35, 36, 37, 38])


def test_many_columns_are_named_in_part():
    names = [f"x{i}" for i in range(14)]
    data = written((",".join([*names, "y"]), lambda i: f"{','.join(str(i) for _ in names)},{i % 2}"))
    assert data.about == (f"columns of numbers: {', '.join(names[:10])} and 4 more; categories: none; left out: none",)


def test_a_name_of_several_lines_is_shown_in_one(capsys):
    data = written(('"x\n(EUR)";y', lambda i: f"{i};{i % 2}"))
    assert data.about == ("columns of numbers: x (EUR); categories: none; left out: none",)
    assert main(["--data", "file.csv", "--target", "z"]) == 2
    assert "its columns are x (EUR), y\n" in capsys.readouterr().err


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_ends_of_lines(folder, newline):
    text = newline.join(["x;y", *(f"{i};{'ab'[i % 2]}" for i in range(200_000))])  # more than the sample
    (folder / "lines.csv").write_bytes(text.encode())
    assert load("lines.csv", "y").X.shape == (200_000, 1)


@pytest.mark.parametrize("time", ["", " 12:30", "T12:30:15.25Z", "T12:30+0200"])
def test_dates_become_days(time):
    data = written(("when,y", lambda i: f"2024-01-1{i}{time},{i % 2}"))
    np.testing.assert_allclose(np.diff(data.X["when"]), 1)


def test_what_only_looks_like_a_date_stays_text():
    data = written(("when,y", lambda i: f"2024-02-3{i // 4},{i % 2}"))
    assert data.about == ("columns of numbers: none; categories: when; left out: none",)
