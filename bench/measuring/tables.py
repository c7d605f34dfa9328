"""Real tables with categories and missing values, from a folder, or the small ones that scikit-learn brings.

A folder has ``index.json``, an object that holds for each table its ``categories``, the names of the columns that are
not numbers, and for each a file ``NAME.csv.gz``: the first column is the class, an empty cell is a missing value.
"""

import json
from dataclasses import dataclass

import pandas as pd
from sklearn import datasets

BUNDLED = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}


@dataclass
class Table:
    """A problem of classification: X is a DataFrame whose categories have the dtype ``category``."""

    X: pd.DataFrame
    y: object  # Series or array of class labels


def names_in(folder):
    """Return the names of the tables in a folder, or of scikit-learn's where that is None."""
    return sorted(BUNDLED if folder is None else _index(folder))


def load(name, folder):
    """Return the table of this name."""
    if folder is None:
        bunch = BUNDLED[name](as_frame=True)
        return Table(bunch.data, bunch.target)
    categories = _index(folder)[name]["categories"]
    frame = pd.read_csv(folder / f"{name}.csv.gz", dtype=dict.fromkeys(categories, "category"))
    return Table(frame.iloc[:, 1:], frame.iloc[:, 0])


def _index(folder):
    return json.loads((folder / "index.json").read_text())
