"""The benchmarks: what they make of seconds. The measuring itself is run by hand."""

import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCH))
    yield
    for name in set(sys.modules) - before:
        if BENCH in Path(getattr(sys.modules[name], "__file__", None) or "").parents:
            del sys.modules[name]


def entry(ours, **peers):
    run = {"date": "today", "commit": "abc", "versions": {"python": "3"}}
    return {"seconds": {"shallownet": ours} | peers, "others": 0.0, "run": run}


def results(cpu="a", **parts):
    machine = {"cpu": cpu, "system": "s", "date": "today", "commit": "abc", "versions": {"python": "3"}}
    return {"machine": machine, "settings": {"threads": 2, "rounds": 3}, "skipped": {}, "parts": parts}


def test_a_ratio_is_taken_within_each_round():
    from reporting.figures import ratios

    found = ratios(entry([1.0, 2.0], torch=[3.0, 2.0], JAX=[2.0, 8.0]))
    assert found == {"x torch": [3.0, 1.0], "x JAX": [2.0, 4.0], "x the best framework": [2.0, 1.0]}


def test_a_part_leaves_the_others_results_alone():
    from reporting.store import merged

    stored = results(training={"a": entry([1.0], MLP=[9.0]), "b": entry([2.0])}, predict={"c": entry([3.0])})
    found = merged(stored, results(training={"a": entry([1.0], MLP=[4.0])}))
    assert found["parts"]["predict"] == stored["parts"]["predict"]
    assert found["parts"]["training"]["b"] == stored["parts"]["training"]["b"]
    assert found["parts"]["training"]["a"]["seconds"]["MLP"] == [4.0]
    assert found["parts"]["training"]["a"]["earlier"] == {"x MLP": 9.0}


def test_results_of_another_processor_are_not_mixed():
    from reporting.store import merged

    assert merged(results(training={"a": entry([1.0])}), results("b", predict={}))["parts"] == {"predict": {}}


@pytest.mark.parametrize(
    ("name", "now", "before", "worse"),
    [("x torch", 3.0, 4.0, True), ("x torch", 3.1, 4.0, False), ("relu", 4.0, 3.0, True), ("relu", 3.9, 3.0, False)],
)
def test_a_figure_worse_by_a_quarter_is_marked(name, now, before, worse):
    from reporting.figures import regressed

    assert regressed(name, now, before) == worse


def test_a_mark_says_what_the_figure_was():
    from reporting.tables import figure

    slower = entry([1.0], torch=[3.0]) | {"earlier": {"x torch": 6.0}}
    assert figure(slower, "x torch") == "3.0 **was 6.0**"
    assert figure(slower, "x JAX") == ""


def test_slope_of_a_power():
    from parts.growth import slope

    sizes = [10, 30, 100]
    assert slope(sizes, [size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_results_survive_being_stored(tmp_path):
    from reporting.store import load, save

    save(tmp_path, results(training={"a": entry([1 / 3])}))
    assert load(tmp_path)["parts"]["training"]["a"]["seconds"]["shallownet"] == [0.333333]
    assert load(tmp_path / "nowhere") is None


def test_the_products_of_the_roofline_are_those_of_the_shape():
    from measuring.shapes import Shape
    from parts.roofline import work

    shape = Shape(1000, 64, 100, 10, 200)
    counts = work(shape, 4)
    products = [counts[name]["operations"] for name in ("hidden product", "output layer", "delta", "gradient")]
    intercepts = 2 * 2 * 200 * 100 + 200 * 100  # counted with the products, and the derivative's factor
    assert sum(products) - intercepts == shape.operations * 200 / 1000


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_the_parts_of_a_step_are_run(dtype):
    from measuring.shapes import Shape, make_problem
    from parts.step_parts import Parts

    parts = Parts(make_problem(Shape(300, 10, 20, 3, 100), dtype))
    seconds = parts.seconds()
    assert all(math.isfinite(value) for value in seconds.values())
    assert parts.steps == 3
    assert parts.network.finite()


def test_the_first_of_two_parallel_calls_after_the_load():
    from parts.busy import first_pair

    calls = [(1.0, True), (2.5, True), (3.0, False), (4.0, True), (5.0, True)]
    assert first_pair(calls, [2.0]) == 2.0
    assert first_pair(calls[:3], [2.0]) is None
    assert first_pair(calls, []) is None


def test_the_readme_quotes_the_stored_results(tmp_path):
    from reporting import report

    shape = entry([0.001, 0.002], MLPClassifier=[0.01, 0.02])
    training = {str(report.QUOTED[0]): shape, "5 x 4 -> 3 -> 2, 1": shape}
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.quote(results(**{"training, float32": training}), readme)
    text = readme.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n") and text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    assert "| 150 x 4 -> 10 -> 3 | 1.5 (1 .. 2) | 10.0 (10.0 .. 10.0) |" in text
    assert "5 x 4 -> 3" not in text


def test_the_readme_shows_what_is_stored():
    from reporting import report, store

    stored = store.load(report.RESULTS)
    assert len(report.quoted(stored)) == len(report.QUOTED)
    shown = (BENCH.parent / "README.md").read_text(encoding="utf-8")
    assert f"{report.BEGIN}\n{report.excerpt(stored)}\n{report.END}" in shown


def test_a_busy_machine_is_told(tmp_path):
    from reporting.report import note

    loaded = {"a": entry([1.0]) | {"others": 0.5}}
    assert "0.50 CPUs" in note(loaded, results()["machine"])
    assert "0.50 CPUs" not in note({"a": entry([1.0])}, results()["machine"])


def test_the_stored_reports_are_those_of_the_stored_results():
    from reporting import report

    found = list((BENCH / "results").rglob("results.json"))
    if not found:
        pytest.skip("nothing is stored")
    for stored in found:
        assert (stored.parent / "report.md").read_text() == report.markdown(json.loads(stored.read_text()))


def test_the_page_of_the_benchmarks_names_every_part_and_folder():
    from reporting import report

    page = (BENCH / "README.md").read_text(encoding="utf-8")
    parts = re.findall(r"^\| `([\w-]+)` \| .* \| `\w+\.py`", page, re.MULTILINE)
    assert parts == list(report.PARTS)
    folders = re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE)
    assert sorted(folders) == sorted(path.name for path in BENCH.glob("[a-z]*") if path.is_dir())


def test_a_process_at_work_has_loaded_the_parallel_kernels():
    from measuring.timing import AT_WORK_SECONDS
    from shallownet.training.thread_scheduler import WORTH_LOADING

    assert AT_WORK_SECONDS >= 2 * WORTH_LOADING


def test_a_problem_has_its_shape():
    from measuring.shapes import Shape, make_problem

    shape = Shape.parse("50x4-3-2-10")
    problem = make_problem(shape, "float64")
    assert problem.X.shape == (50, 4) and problem.X.dtype == np.float64
    assert set(np.unique(problem.y)) == {0, 1}
    with pytest.raises(ValueError, match="is no shape"):
        Shape.parse("50x4")


def test_the_pictures_are_of_the_results(tmp_path):
    from matplotlib.figure import Figure

    from parts.growth import draw
    from reporting.pictures import draw_speed

    axes = Figure().subplots()
    draw_speed({"a": entry([1.0, 1.0], MLPClassifier=[2.0, 4.0]), "b": entry([1.0], torch=[3.0], JAX=[5.0])}, axes)
    assert [patch.get_width() for patch in axes.patches] == [2.0, 2.0]  # from 1 to the medians 3 and 3
    assert {text.get_text() for text in axes.texts} == {"3.0"}

    axes = Figure().subplots()
    draw({f"samples: {size}": entry([size / 1e6]) | {"size": size} for size in (1000, 100, 10)}, axes)
    assert list(axes.lines[0].get_xdata()) == [1, 10, 100]
    assert axes.get_legend().get_texts()[0].get_text() == "samples, slope 1.00"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not tell on which CPU a thread runs")
def test_a_round_trip_between_two_cpus_takes_a_moment():
    from measuring.distance import round_trip

    before = os.sched_getaffinity(0)
    found = round_trip()
    assert os.sched_getaffinity(0) == before
    assert found is None if len(before) < 2 else 10 < found < 1e7


def test_what_was_measured_can_be_kept(tmp_path, monkeypatch):
    from measuring import timing
    from parts import variants
    from reporting import store

    monkeypatch.setattr(timing.Patience, "left", 0.0)
    entries = {"a": timing.contest({"shallownet": int, "torch": int}, 2)}
    monkeypatch.setattr(variants, "fit", lambda *arguments: None)
    options = type("Options", (), {"rounds": 2, "threads": 1})
    entries["sparse"] = variants.compare_sparse(options)
    store.save(tmp_path, results(part=entries))
    kept = store.load(tmp_path)["parts"]["part"]
    assert [len(times) for times in kept["a"]["seconds"].values()] == [2, 2]
    assert set(kept["sparse"]["seconds"]) == {"shallownet", "MLPClassifier"}


def test_the_most_that_the_machine_allows():
    from parts import predict, training

    found = entry([1.0, 2.0], MLPClassifier=[3.0, 8.0], torch=[5.0, 12.0], JAX=[4.0, 10.0]) | {"operations": 50}
    assert training.limits_of(found) == ["", "", ""]
    measured = found | {"multiply_adds": 100.0}
    assert training.limits_of(measured) == ["38 % (25 % .. 50 %)", "11.0 (6.0 .. 16.0)", "14.0 (8.0 .. 20.0)"]
    one_row = entry([1.0], MLPClassifier=[8.0])
    entries = {"one row": one_row | {"difference": 0.0}, "many rows": measured | {"difference": 0.0}}
    cells = [line.split(" | ") for line in predict.section(entries).splitlines() if "row" in line]
    assert [row[3] for row in cells] == ["x MLPClassifier at most", "", "11.0 (6.0 .. 16.0)"]


def test_a_search_tells_how_long_it_was_at_work_on_fits(monkeypatch):
    from parts import grid, search

    monkeypatch.setattr(grid, "GRID", {"alpha": [1e-4, 1e-2]})
    monkeypatch.setattr(grid, "EPOCHS", 2)
    X, y = grid.digits()
    score, fits = grid.grid_search(grid.classifiers()["MLPClassifier"], X[:99], y[:99], 1)
    assert 0 < score < 1
    assert 0 < fits < 10
    scores = {"shallownet": score, "MLPClassifier": score}
    found = entry([1.0], MLPClassifier=[8.0]) | {"scores": scores}
    text = search.section({"before": found, "now": found | {"fits": {"shallownet": 0.5, "MLPClassifier": 7.0}}})
    assert "0.50 and 7.00" in text


def test_rounds_are_told_apart_by_the_distance_between_the_cpus():
    from parts import growth, training

    found = entry([1.0, 1.0, 1.0, 1.0], MLPClassifier=[2.0, 4.0, 8.0, 3.0])
    apart = found | {"round_trips": {"shallownet": [100.0, 500.0, None, 50.0]}}
    row = training.distance_table({"a": apart}).splitlines()[-1]
    assert row == "| a | 1 | 3.0 |  | 1 | 2.0 |  | 1 | 4.0 |  |"
    assert growth.distance(apart) == "100 (50 .. 500)"
    for unknown in ({}, {"round_trips": {"shallownet": [None, None, None]}}):
        assert training.distance_table({"a": found | unknown}).splitlines()[-1] == "| a | 0 |  |  | 0 |  |  | 0 |  |  |"
        assert growth.distance(found | unknown) == ""


def test_the_worst_cell_of_predictions_is_named():
    from parts.predict_shapes import excess, section

    cells = {
        "dense, float32, 1 x 100, 10": entry([30e-6], MLPClassifier=[100e-6]) | {"memory": 1.0},
        "dense, float32, 1000 x 100, 10": entry([320e-6], MLPClassifier=[200e-6]) | {"memory": 70.0},
        "CSR, float64, 10 x 100, 10": entry([20e-6], MLPClassifier=[100e-6]) | {"memory": 2.0},
    }
    assert [round(excess(cell), 2) for cell in cells.values()] == [0.1, 1.5, 0.0]
    text = section(cells)
    assert "The worst cell is dense, float32, 1000 x 100, 10: 1.50 times" in text
    assert "1 of 3 cells take more than 1.2: dense, float32, 1000 x 100, 10." in text
    assert "70 MB, is needed by dense, float32, 1000 x 100, 10; 1 cells need more than 64 MB." in text
    assert "| 100 x 10 | 0.10 | 1.50 |" in text


@pytest.mark.parametrize("form", ["dense", "CSR"])
def test_a_cell_of_predictions_is_measured(form):
    from measuring.child import printed_numbers

    found = printed_numbers("parts.predict_shapes", form, "float32", 300, 5, 1, 2, 1, 50)
    assert len(found) == 2 * (2 * 2 + 1)
    assert all(number > 0 for number in (*found[:4], *found[5:9]))


def test_a_cell_that_does_not_fit_is_left_out():
    from parts.predict_shapes import affordable

    assert affordable("dense", "float32", 1, 1_000_000, 1_000)
    assert not affordable("dense", "float64", 100_000, 1_000_000, 1)
    assert affordable("CSR", "float64", 100_000, 1_000_000, 1)
    assert not affordable("dense", "float32", 100_000, 10_000, 1_000)


def test_regression_is_compared_with_its_peer(monkeypatch):
    from measuring import timing
    from parts import regression

    monkeypatch.setattr(timing.Patience, "left", 0.0)
    monkeypatch.setattr(regression, "SHAPES", [(442, 10, 5, 1), (90, 4, 5, 3)])
    monkeypatch.setattr(regression, "DTYPES", ["float64"])
    monkeypatch.setattr(regression, "SECONDS", 1e-3)
    monkeypatch.setattr(timing, "SETTLING_SECONDS", 0.0)
    monkeypatch.setattr(regression, "at_work", lambda *arguments: None)
    options = type("Options", (), {"rounds": 1, "threads": 1, "quick": False, "shorter": 1})
    entries = regression.measure(options, lambda words: None)
    assert len(entries) == 4
    for ours, theirs in (entry["losses"].values() for entry in entries.values()):
        assert math.isclose(ours, theirs, rel_tol=1e-12)
    assert "x MLPRegressor" in regression.section(entries)
