"""The command line of ``python -m shallownet``: its options and exit status; ``job`` does the work."""

import argparse
import sys
from collections.abc import Sequence

from ..kernels.activations import ACTIVATIONS

EXTRAS = {"matplotlib", "pandas"}
INTERRUPTED = 130  # the exit status after Ctrl-C, by the convention of shells


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shallownet",
        description="Train a network with one hidden layer on real data, in a scikit-learn pipeline; print its"
        " accuracy, or R2 for a target of real numbers, on held-out rows and the time of the fit beside that of"
        " scikit-learn's network, and draw pictures.",
    )
    add = parser.add_argument
    add(
        "--data",
        default="digits",
        metavar="NAME|FILE.csv",
        help="digits (default), breast_cancer, iris, wine, diabetes (of scikit-learn), planar, circles, moons, blobs,"
        " quantiles (two features), or a CSV file with a header",
    )
    add("--target", metavar="COLUMN", help="the column of the CSV file with the classes or numbers to predict")
    add(
        "--regression",
        action="store_true",
        help="take whole numbers in that column as numbers to predict (default: as classes, unless there are fractions"
        " among them)",
    )
    add(
        "--separator",
        type=_separator,
        metavar="CHARACTER",
        help="the separator of the file's columns, or the word tab (default: comma, semicolon, tab or |, whichever the"
        " file has)",
    )
    add("--decimal", default=".", choices=[".", ","], help="the decimal mark of the file's numbers (default: .)")
    add(
        "--encoding",
        type=_encoding,
        metavar="NAME",
        help="the encoding of the file, such as cp1252 or latin-1 (default: that of its byte order mark, or UTF-8)",
    )
    add("--hidden", type=_positive, default=100, metavar="UNITS", help="units in the hidden layer (default: 100)")
    add(
        "--activation",
        default="relu",
        choices=list(ACTIVATIONS),
        help="activation of the hidden layer (default: relu)",
    )
    add("--solver", default="adam", choices=["sgd", "adam"], help="(default: adam)")
    add(
        "--learning-rate",
        type=_above_zero,
        default=0.001,
        metavar="RATE",
        help="initial learning rate (default: %(default)s)",
    )
    add(
        "--alpha",
        type=_at_least_zero,
        default=0.0001,
        metavar="PENALTY",
        help="strength of the L2 penalty (default: %(default)s)",
    )
    add(
        "--batch-size",
        type=_batch_size,
        default="auto",
        metavar="ROWS",
        help="rows in a batch: a number, full, or auto for at most 200 (default: auto)",
    )
    add(
        "--max-iter",
        type=_positive,
        default=200,
        metavar="EPOCHS",
        help="maximum number of epochs (default: %(default)s)",
    )
    add(
        "--seed",
        type=_seed,
        default=0,
        metavar="NUMBER",
        help="seed of the split and of both networks (default: %(default)s)",
    )
    add(
        "--test-size",
        type=_share,
        default=0.25,
        metavar="SHARE",
        help="fraction of the rows that are held out (default: %(default)s)",
    )
    add(
        "--pictures",
        default="shallownet-pictures",
        metavar="FOLDER",
        help="where the pictures go (default: %(default)s)",
    )
    add("--no-pictures", dest="pictures", action="store_const", const=None, help="draw no pictures")
    add("--no-compare", dest="compare", action="store_false", help="leave scikit-learn's network out")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and return the exit status: 0, or 2 after an error message of one line."""
    options = parser().parse_args(arguments)
    try:
        # only here, so that help and wrong options need not wait for pandas and matplotlib
        from .csv_files import DataError
        from .job import JobError, run

        try:
            run(options)
        except (DataError, JobError) as error:
            return _fail(str(error))
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        return _fail(f"{module} is not installed; it comes with the extra: pip install 'shallownet[main]'")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _fail(message: str) -> int:
    print(f"python -m shallownet: error: {message}", file=sys.stderr)  # noqa: T201
    return 2


def _number(text: str, kind: type, accepts, wanted: str):
    try:
        number = kind(text)
    except ValueError:
        number = None
    if number is None or not accepts(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return number


def _positive(text: str) -> int:
    return _number(text, int, lambda number: number >= 1, "a whole number above 0")


def _seed(text: str) -> int:
    return _number(text, int, lambda number: 0 <= number < 2**32, "a whole number from 0 to 2**32 - 1")


def _above_zero(text: str) -> float:
    return _number(text, float, lambda number: 0 < number < float("inf"), "a number above 0")


def _at_least_zero(text: str) -> float:
    return _number(text, float, lambda number: 0 <= number < float("inf"), "a number of 0 or more")


def _share(text: str) -> float:
    return _number(text, float, lambda number: 0 < number < 1, "a number between 0 and 1")


def _separator(text: str) -> str:
    if text != "tab" and (len(text) != 1 or text in "\r\n"):
        raise argparse.ArgumentTypeError(f"{text!r} is not one character within a line")
    return "\t" if text == "tab" else text


def _encoding(text: str) -> str:
    try:
        b"x".decode(text)
    except UnicodeError:  # a known encoding, in which one byte is not a text
        return text
    except (LookupError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a text encoding that Python knows") from error
    return text


def _batch_size(text: str) -> int | str:
    return text if text in ("auto", "full") else _positive(text)
