"""Reading CSV files: encodings, separators, and numbers and dates in various notations."""

import codecs
import csv
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

SEPARATORS = [",", ";", "\t", "|"]  # those that are detected
NAMES = {"\t": "tab", ",": "comma", ".": "point"}
MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
SHOWN = 10  # maximum number of column names in a line
SAMPLE_BYTES, SAMPLE_RECORDS = 2**20, 200  # of a file, from which the separator is detected
_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"


class DataError(Exception):
    """The data cannot be used, for a reason that the message gives in one line."""


class Dialect(NamedTuple):
    """The notation of a file; None is detected."""

    separator: str | None = None
    decimal: str = "."
    encoding: str | None = None


class Table(NamedTuple):
    """The rows of a file."""

    frame: Any  # DataFrame
    dates: list  # names of the columns of dates, which have become numbers
    notes: list[str]  # lines about likely mistakes


def read(path: str, dialect: Dialect) -> Table:
    """Return the rows of a CSV file.

    Raises
    ------
    DataError
        If the file has no rows or cannot be read.
    """
    frame = _parsed(path, dialect)
    if frame.empty:
        raise DataError(f"{path} has no rows below its header")
    dates, otherwise, mixed = [], [], []
    for name in frame:
        if is_number(frame[name].dtype) or frame[name].dtype == bool:
            continue
        cells = frame[name].dropna().map(str).astype(object).str.strip()
        if cells.empty:
            continue
        if cells.str.fullmatch(_number(dialect.decimal)).all():
            frame[name] = _numbers(cells, dialect.decimal).reindex(frame.index)
        elif cells.str.fullmatch(_DATE).all() and (days := _days(cells)) is not None:
            frame[name] = days.reindex(frame.index)
            dates.append(name)
        else:
            fitting = cells.str.fullmatch(_number(dialect.decimal))
            other = cells.str.fullmatch(_number(_other(dialect.decimal))).mean()
            if other > max(0.5, fitting.mean()):
                otherwise.append(name)
            elif fitting.mean() > 0.5:
                mixed.append(f"{name} (but for {cells[~fitting].iloc[0]!r})")
    return Table(frame, dates, _notes(otherwise, mixed, _other(dialect.decimal)))


def is_number(dtype: Any) -> bool:
    """Return whether a column of that dtype holds numbers."""
    return getattr(dtype, "kind", "O") in "iuf"


def _parsed(path: str, dialect: Dialect) -> Any:
    """Return the DataFrame that pandas reads."""
    import pandas as pd

    separator = dialect.separator
    try:
        encoding, sample = _sample(path, dialect.encoding)
        separator = separator or _separator(sample, dialect.decimal)
        if separator == dialect.decimal:
            raise DataError(f"--separator and --decimal are both {separator!r}")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            return pd.read_csv(
                path,
                sep=separator,
                decimal=dialect.decimal,
                index_col=False,  # a row longer than the header is an error, not a hidden index
                skipinitialspace=True,
                low_memory=False,
                compression=None,
                encoding=encoding,
            )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        wrong = f"not {dialect.encoding}, as --encoding says" if dialect.encoding else "not UTF-8"
        raise DataError(
            f"{path} is {wrong} ({error}); --encoding names another, such as cp1252, latin-1 or utf-16"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty") from error
    except (ValueError, pd.errors.ParserWarning) as error:
        shown = "" if separator is None else f" with the separator {NAMES.get(separator, separator)}"
        raise DataError(f"{path} cannot be read as CSV{shown}: {_first_line(error)}") from error


def _sample(path: str, encoding: str | None) -> tuple[str, str]:
    """Return the encoding of a file, that of its byte order mark if none is given, and its first lines."""
    with open(path, "rb") as file:
        content = file.read(SAMPLE_BYTES)
        whole = not file.read(1)
    marked = next((name for mark, name in MARKS if content.startswith(mark)), None)
    if encoding is None:
        encoding = marked or "utf-8"
    elif marked and codecs.lookup(encoding).name.startswith(marked.removesuffix("-sig")):
        encoding = marked  # this variant removes the mark
    text = codecs.getincrementaldecoder(encoding)().decode(content, whole)
    if "\0" in text:
        raise DataError(f"{path} has zero bytes, as a text in UTF-16 has that is not read by --encoding utf-16")
    return encoding, text if whole else text[: text.rfind("\n") + 1 or None]


def _separator(sample: str, decimal: str) -> str:
    """Return the separator that splits most records into as many fields as the header, and then into most fields."""
    ranks = {}
    for separator in SEPARATORS:
        if separator != decimal:
            header, *lengths = list(islice(_lengths(sample, separator), SAMPLE_RECORDS)) or [0]
            fitting = sum(length == header for length in lengths) / max(1, len(lengths))
            ranks[separator] = header > 1, fitting, header
    return max(ranks, key=ranks.__getitem__)  # the first, if several are equal


def _lengths(sample: str, separator: str) -> Iterator[int]:
    """Yield the number of fields of each record that is not empty."""
    try:
        for record in csv.reader(sample.splitlines(keepends=True), delimiter=separator, skipinitialspace=True):
            if record:
                yield len(record)
    except csv.Error:  # a quote that is not closed
        return


def _number(decimal: str) -> str:
    """Return the pattern of numbers, with or without thousands separators."""
    thousands = rf"[1-9]\d{{0,2}}(?:[{_other(decimal)}' \u00a0\u2009\u202f]\d{{3}})+"
    return rf"[+\u2212-]?(?:{thousands}|\d+|(?=[{decimal}]\d))(?:[{decimal}]\d*)?(?:[eE][+-]?\d+)?"


def _other(decimal: str) -> str:
    return "," if decimal == "." else "."


def _numbers(cells: Any, decimal: str) -> Any:
    """Return the numbers that are written in that pattern."""
    plain = cells.str.replace("\u2212", "-").str.replace(rf"[^\d{decimal}eE+-]", "", regex=True)
    return plain.str.replace(decimal, ".").astype(float)


def _days(cells: Any) -> Any:
    """Return dates as numbers of days, or None if one does not exist in the calendar."""
    import pandas as pd

    try:
        since = pd.to_datetime(cells, format="ISO8601", utc=True) - pd.Timestamp(0, tz="UTC")
    except ValueError:
        return None
    return since / pd.Timedelta(days=1)


def _notes(otherwise: list, mixed: list, mark: str) -> list[str]:
    """Return notes on columns of text that are probably numbers: with another decimal mark or a few exceptions."""
    notes = []
    if otherwise:
        name = NAMES[mark]
        notes.append(f"text that looks like numbers with a decimal {name} (see --decimal): {listed(otherwise)}")
    if mixed:
        notes.append(f"text whose cells are mostly numbers: {listed(mixed)}")
    return notes


def listed(names: Any) -> str:
    """Return the first names, in one line."""
    shown = ", ".join(" ".join(str(name).split()) for name in names[:SHOWN])  # spreadsheets break long names
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _first_line(error: Exception | Warning) -> str:
    return str(error).strip().partition("\n")[0]
