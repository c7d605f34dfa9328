"""The docstrings: their examples give what they say, and the public class describes all that it has."""

import doctest
import importlib
import inspect
import pkgutil
import re

import matplotlib.pyplot as plt
import pandas
import pytest
import sklearn

import shallownet
import shallownet.datasets
from shallownet import (
    PiecewiseLinearEncoder,
    ShallowNetClassifier,
    ShallowNetRegressor,
    SmoothClipScaler,
    TabularNetClassifier,
    TabularNetRegressor,
)
from shallownet.dask import DaskShallowNetClassifier, DaskShallowNetRegressor
from shallownet.estimators.fitted_attributes import FITTED
from shallownet.plotting import HiddenWeightsDisplay, LossCurveDisplay

ESTIMATORS = [ShallowNetClassifier, ShallowNetRegressor]
OF_TABLES = [TabularNetClassifier, TabularNetRegressor, SmoothClipScaler, PiecewiseLinearEncoder]
ON_DASK = [DaskShallowNetClassifier, DaskShallowNetRegressor]
PUBLIC = [*ESTIMATORS, *OF_TABLES, LossCurveDisplay, HiddenWeightsDisplay]
MODULES = [
    importlib.import_module(module.name)
    for package in (shallownet, shallownet.datasets)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    if not module.name.endswith("__main__")
]
FINDER = doctest.DocTestFinder(exclude_empty=True)
FOUND = [
    *(
        test
        for public in [*ESTIMATORS, *OF_TABLES]
        for test in FINDER.find(public, f"shallownet.{public.__name__}", module=False)
    ),
    *(test for module in MODULES for test in FINDER.find(module)),
]
EXAMPLES = [test for test in FOUND if test.examples]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_an_example_gives_what_it_says(example):
    plt.switch_backend("agg")
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    with sklearn.config_context():  # an example may set it
        runner.run(example, out=said.append)
    plt.close("all")
    assert not said, "".join(said)


@pytest.mark.parametrize("public", ESTIMATORS, ids=lambda public: public.__name__)
def test_the_example_of_a_validation_set_in_a_pipeline_is_among_them(public):
    assert [test for test in EXAMPLES if test.name == f"shallownet.{public.__name__}.fit"]


@pytest.mark.parametrize("public", [*PUBLIC, *ON_DASK], ids=lambda public: public.__name__)
def test_every_public_class_has_an_example(public):
    name = f"{public.__module__}.{public.__name__}"
    assert [test for test in EXAMPLES if test.name == name]


def entries(docstring, section):
    """Return the names that a numpydoc section describes, and the text of each."""
    text = inspect.cleandoc(docstring).replace("\\\n", "")
    sections = re.split(r"^(\w[\w ]*)\n-+\n", text, flags=re.MULTILINE)
    body = sections[sections.index(section) + 1]
    _, *found = re.split(r"^(\w[^\n]*) : [^\n]*\n", body, flags=re.MULTILINE)
    return {name: text for names, text in zip(found[::2], found[1::2], strict=True) for name in names.split(", ")}


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_every_parameter_is_described_in_order(public):
    described = entries(public.__doc__, "Parameters")
    assert list(described) == [name for name in inspect.signature(public).parameters]
    assert all(text.strip() for text in described.values())


def test_every_fitted_attribute_is_described():
    public = {name for name in FITTED if not name.startswith("_")} | {"n_features_in_", "feature_names_in_"}
    assert set(entries(ShallowNetClassifier.__doc__, "Attributes")) == public
    assert set(entries(ShallowNetRegressor.__doc__, "Attributes")) == public - {"classes_"}


FITTED_ON_TABLES = {
    TabularNetClassifier: ([["a", 1.0], ["b", 2.0]], [0, 1]),
    TabularNetRegressor: ([["a", 1.0], ["b", 2.0]], [0, 1]),
    SmoothClipScaler: ([[1.0], [2.0]], None),
    PiecewiseLinearEncoder: ([[1.0], [2.0]], None),
}


@pytest.mark.parametrize("public", FITTED_ON_TABLES, ids=lambda public: public.__name__)
def test_every_fitted_attribute_of_a_table_is_described(public):
    X, y = FITTED_ON_TABLES[public]
    fitted = public().fit(pandas.DataFrame(X, columns=["a", "b"][: len(X[0])]), y)
    assert set(entries(public.__doc__, "Attributes")) == {name for name in vars(fitted) if name.endswith("_")}


@pytest.mark.parametrize("section", ["Parameters", "Attributes"])
def test_what_both_estimators_for_tables_have_is_described_alike(section):
    one, other = (
        {
            name: text.replace("Regressor", "Classifier").strip()
            for name, text in entries(public.__doc__, section).items()
        }
        for public in (TabularNetClassifier, TabularNetRegressor)
    )
    assert {name for name in one.keys() & other.keys() if one[name] != other[name]} == {
        "n_nets",
        "estimators_",
    } & one.keys()


def test_what_both_estimators_have_is_described_alike():
    differing = set()
    for section in ("Parameters", "Attributes"):
        one, other = (
            {
                name: re.sub(r"\[\d+\]_", "", text.replace("MLPRegressor", "MLPClassifier"))
                for name, text in entries(public.__doc__, section).items()
            }
            for public in ESTIMATORS
        )
        differing |= {name for name in one.keys() & other.keys() if one[name].strip() != other[name].strip()}
    assert differing == {"early_stopping", "scoring", "n_outputs_", "out_activation_"}


@pytest.mark.parametrize(
    "public",
    [*ESTIMATORS, TabularNetClassifier, SmoothClipScaler, PiecewiseLinearEncoder],
    ids=lambda public: public.__name__,
)
def test_references_are_listed_in_the_order_in_which_they_are_cited(public):
    text = public.__doc__
    described, listed = text.split("References\n")
    numbers = re.findall(r"\.\. \[(\d+)\]", listed)
    assert numbers == [str(i + 1) for i in range(len(numbers))]
    assert list(dict.fromkeys(re.findall(r"\[(\d+)\]_", described))) == numbers


@pytest.mark.parametrize("public", [*PUBLIC, *ON_DASK], ids=lambda public: public.__name__)
def test_every_public_method_describes_its_parameters_and_result(public):
    own = [vars(base) for base in public.__mro__ if base.__module__.startswith("shallownet")]
    methods = {name: method for attributes in own for name, method in attributes.items() if name[0] != "_"}
    assert methods
    for name in methods:
        method = getattr(public, name)
        taken = [taken for taken in inspect.signature(method).parameters if taken not in ("self", "cls")]
        for section in ("Parameters", "Returns") if taken else ("Returns",):
            assert re.search(rf"^\s+{section}\n\s+-+$", method.__doc__, re.MULTILINE), name
        for parameter in taken:
            assert re.search(rf"^\s+(\w+, )*\**{parameter}\b", method.__doc__, re.MULTILINE), (name, parameter)
