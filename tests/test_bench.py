"""The benchmarks: what they make of seconds. The measuring itself is run by hand."""

import dataclasses
import json
import math
import os
import re
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
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
    return {"seconds": {"shallownet": ours} | peers, "others": 0.0, "run": run_with("SkylakeX", 512)}


def run_with(kernel, bits):
    """Return the record of a run in which MLPClassifier computed with this kernel, on a processor with AVX-512."""
    library = {"library": "OpenBLAS 1", "kernel": kernel, "bits": bits, "threads": 2}
    run = {"date": "today", "commit": "abc", "versions": {"python": "3"}}
    return run | {"cpu_bits": 512, "libraries": {"MLPClassifier": library}}


def older(found):
    """Return an entry as it was stored before runs told their libraries."""
    return found | {"run": {name: found["run"][name] for name in ("date", "commit", "versions")}}


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


def test_a_figure_of_a_peer_that_was_held_back_is_no_measure():
    from reporting.store import merged

    slow = entry([1.0], MLPClassifier=[9.0])
    for stored in (slow | {"run": run_with("Haswell", 256)}, older(slow)):
        found = merged(results(training={"a": stored}), results(training={"a": entry([1.0], MLPClassifier=[4.0])}))
        assert "earlier" not in found["parts"]["training"]["a"]


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
    begin, end = report.marks("speed")
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    report.quote(results(**{"training, float32": training}), readme)
    text = readme.read_text()
    assert text.startswith(f"before\n{begin}\n") and text.endswith(f"{end}\nafter\n")
    assert "old" not in text
    assert "| 150 x 4 -> 10 -> 3 | 1.5 (1 .. 2) | 10.0 (10.0 .. 10.0) |" in text
    assert "5 x 4 -> 3" not in text


def test_the_readme_shows_what_is_stored():
    from reporting import report, store

    stored = store.load(report.RESULTS)
    assert stored is None or len(report.quoted(stored)) == len(report.QUOTED)
    shown = (BENCH.parent / "README.md").read_text(encoding="utf-8")
    for name, quotation in report.quotations(stored).items():
        assert "\n".join([report.marks(name)[0], quotation, report.marks(name)[1]]) in shown


@pytest.mark.parametrize("kernel", ["Haswell", "unknown"])
def test_figures_of_a_peer_that_was_held_back_are_not_in_the_readme(tmp_path, kernel):
    from reporting import report

    found = entry([0.001], MLPClassifier=[0.01])
    found = older(found) if kernel == "unknown" else found | {"run": run_with(kernel, 256)}
    stored = results(**{"training, float32": {str(report.QUOTED[0]): found}})
    readme = tmp_path / "README.md"
    readme.write_text("\n".join(report.marks("speed")))
    report.quote(stored, readme)
    text = readme.read_text()
    assert "150 x 4" not in text and "do not hold" in text
    first = report.warning(stored["parts"])
    assert first.startswith("**Not to be relied on") and kernel in first and "(training, float32)" in first
    assert report.warning({"part": {"a": entry([1.0])}}) == ""


def test_the_readme_shows_whole_scripts_and_double_precision():
    from parts.scripts import SCRIPTS
    from reporting import report

    name, shape = next(iter(SCRIPTS)), str(report.QUOTED[0])
    script = entry([0.5], MLPClassifier=[1.0]) | {"empty": 6.25}
    parts = {
        "training, float32": {shape: entry([0.001], MLPClassifier=[0.01])},
        "training, float64": {shape: entry([0.001], MLPClassifier=[0.007])},
        "scripts": {name: script},
    }
    text = report.excerpt(results(**parts))
    assert "| 150 x 4 -> 10 -> 3 | 1 | 10.0 |  | 7.0 |" in text
    assert f"| {name} | 0.50 | 2.0 | 6.2 |" in text
    parts["scripts"][name] = older(script)
    assert name not in report.excerpt(results(**parts))


def test_the_kernels_of_the_blas_are_told():
    """In a process whose BLAS was told to use those of an older processor."""
    program = "import json\nfrom measuring.libraries import *\nprint(json.dumps([cpu_bits(), libraries(2)]))"
    environment = os.environ | {"PYTHONPATH": str(BENCH), "OPENBLAS_CORETYPE": "Haswell"}
    child = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    most, found = json.loads(child.stdout)
    blas = found["MLPClassifier"]
    if most is None or not blas["library"].startswith("OpenBLAS"):
        pytest.skip("the kernels of this BLAS have no known names")
    from reporting.kernels import held_back, words_of

    if most < 256:
        pytest.skip("this processor cannot run them")
    run = {"cpu_bits": most, "libraries": found}
    assert "Haswell (256 bits)" in words_of(run)
    assert ("MLPClassifier computed with Haswell's kernels" in held_back(run)) == (most > 256)
    blas |= {"kernel": "SkylakeX", "bits": 512}
    assert "MLPClassifier" not in held_back(run)


def test_the_owner_of_a_blas():
    from measuring.libraries import kernel_bits, owner

    assert owner("/env/site-packages/numpy.libs/libscipy_openblas64_.so") == "MLPClassifier"
    assert owner("/env/site-packages/scipy.libs/libscipy_openblas.so") == "SciPy"
    assert owner("/usr/lib/libopenblas.so.0") == "MLPClassifier"
    assert [kernel_bits(name) for name in ("Zen", "SKX", "neoversen1", None)] == [256, 512, None, None]


def test_a_comparison_starts_without_settings_of_the_shell():
    """It starts anew, and says which settings it does not use."""
    from measuring.settings import without_settings

    left = {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = without_settings(os.environ) | left
    assert without_settings(environment) == without_settings(os.environ)
    assert "PATH" in without_settings(environment)
    program = (
        "import os\nfrom measuring.settings import *\n"
        "restart_without_settings()\nprint(settings(os.environ), os.getpid())"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": str(BENCH)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = child.communicate(timeout=60)
    assert out.split() == ["[]", str(child.pid)]
    assert err == "not used: OMP_NUM_THREADS, OPENBLAS_CORETYPE, PYTHONDONTWRITEBYTECODE\n"


def test_settings_are_removed_before_numpy_is_loaded(monkeypatch):
    from measuring.settings import remove_settings

    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with pytest.raises(RuntimeError, match="start anew with env -u .*OPENBLAS_CORETYPE"):
        remove_settings()
    monkeypatch.setattr(os, "environ", {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_NUM_THREADS": "1", "HOME": "/"})
    remove_settings()
    assert os.environ == {"HOME": "/"}
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.setattr(os, "environ", {"OPENBLAS_CORETYPE": "Haswell", "HOME": "/"})
    remove_settings()
    assert os.environ == {"HOME": "/"}


def test_goals_are_shares_of_the_matrix_product():
    from measuring.shapes import SHAPES
    from parts import training

    goals = [training.goal(shape) for shape in SHAPES]
    assert goals == [75, 75, 85, None, 75, None, 85, 85, 85, None]
    name = str(SHAPES[0])
    found = entry([1.0, 1.0, 1.0], MLPClassifier=[0.5, 0.9, 3.0], torch=[2.0, 2.0, 2.0]) | {"operations": 80}
    reached = found | {"peaks": {"gemm": [100.0, 110.0, 100.0], "gemm, one thread": [50.0] * 3}}
    assert "| 80 % (73 % .. 80 %) | 75 % |" in training.rate_table({name: reached}, "float32")
    missed = reached | {"operations": 70}
    assert "75 %, **missed**" in training.rate_table({name: missed}, "float64")
    assert training.behind({name: found}) == [f"{name} (x MLPClassifier)"]


def test_the_roofline_of_two_threads_has_their_waiting():
    from parts.roofline import KERNELS, PYTHON, rows

    counts = {"operations": 1000, "bytes": 100, "among": 100, "writing": False}
    found = {
        "seconds": {"update": [2e-6], PYTHON: [1e-6], KERNELS: [2e-6]},
        "work": {"update": counts},
        "least": {"update": 1e-6},
    }
    assert len(list(rows(found))) == 4
    team = {"threads": 2, "seconds": 2e-6, "waiting": 1e-7, "least": 6e-7}
    waiting, step = list(rows(found | {"team": team}))[4:]
    assert waiting == ["waiting, 2 threads", "", "", "", "0.10", ""]
    assert step == ["a step within a fit, 2 threads", "2.00", "", "", "0.60", "30 %"]


def test_a_script_is_run_and_reported(tmp_path, monkeypatch):
    """The import is the shortest script; the others differ in what they do, not in how they are measured."""
    from measuring import timing
    from parts import scripts

    monkeypatch.setattr(timing.Patience, "left", 0.0)
    options = type("Options", (), {"rounds": 1, "quick": True, "skipped": {}})
    script = dataclasses.replace(scripts.SCRIPTS["import"], others=(scripts.BOTH,))  # without MLPClassifier, for time
    entries = scripts.compare({"import": script}, tmp_path, options)
    seconds = entries["import"]["seconds"]
    assert list(seconds) == ["shallownet", "scikit-learn and Numba"]
    assert all(0 < entries["import"]["work"][name][0] < seconds[name][0] for name in seconds)
    text = scripts.section(entries)
    assert "at most 0.05 s beyond scikit-learn and Numba" in text


def test_searches_are_compared_with_the_fastest_of_the_peer(monkeypatch):
    from measuring import timing
    from parts import scripts

    took = {("shallownet", 1): 2.0, ("shallownet", 2): 4.0, ("MLPClassifier", 1): 6.0, ("MLPClassifier", 2): 3.0}
    monkeypatch.setattr(timing.Patience, "left", 0.0)
    monkeypatch.setattr(scripts, "run", lambda script, name, *_: (took[name, script.arguments[0]], 1.0, 0.5))
    searches = {name: script for name, script in scripts.SCRIPTS.items() if script.program == "grid_search"}
    found = scripts.compare(searches, "", type("Options", (), {"rounds": 2, "quick": True, "skipped": {}}))
    fastest = {name: entry["seconds"][scripts.FASTEST] for name, entry in found.items()}
    assert list(fastest.values()) == [[3.0]] * 3
    rows = scripts.process_table(found).splitlines()[2:]
    assert "| 2.00 | 3.0 | 1.5 |" in rows[0] and "| 4.00 | 0.8 | 0.8 |" in rows[1]
    assert [scripts.asked(name, entry) for name, entry in found.items()] == [
        "1 x MLPClassifier",
        "1 x MLPClassifier, **missed**",
        "1 x MLPClassifier, **missed**",
    ]


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("stream", ["1"]), ("digits", []), ("census", ["1", "threads", "100", "2"]), ("grid_search", ["1", "threads"])],
)
def test_a_program_does_its_work(program, arguments, monkeypatch, capsys):
    from importlib import import_module

    warnings.simplefilter("ignore")
    if program == "grid_search":  # fewer epochs
        from programs import contenders

        module = import_module("programs.grid_search")
        monkeypatch.setattr(module, "classifier", lambda name, **given: contenders.classifier(name, max_iter=2))
    import_module(f"programs.{program}").main("shallownet", *arguments)
    seconds, score = map(float, capsys.readouterr().out.split())
    assert seconds > 0 and 0.1 < score <= 1


def test_both_services_answer_alike(tmp_path, capsys):
    from programs import save, serve

    save.main(tmp_path)
    for name in save.NETWORKS:
        for kind in ("array", "DataFrame"):
            serve.main(name, kind, 300, 2, tmp_path)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 4 and len({score for _, score in printed}) == 1
    assert float(printed[0][1]) > 0.8


def test_the_grid_search_is_the_one_of_the_readme():
    readme = (BENCH.parent / "README.md").read_text(encoding="utf-8")
    program = (BENCH / "programs" / "grid_search.py").read_text(encoding="utf-8")
    parameters, grid = "(max_iter=300, tol=1e-3, random_state=0)", ("[16, 64]", "[1e-4, 1.0]")
    assert f"make_pipeline(StandardScaler(), ShallowNetClassifier{parameters})" in readme
    assert f"make_pipeline(StandardScaler(), classifier(name, {parameters[1:]})" in program
    for values, name in zip(grid, ("hidden_layer_sizes", "alpha"), strict=True):
        assert f'"shallownetclassifier__{name}": {values}' in readme
        assert f'f"{{network}}__{name}": {values}' in program


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


def test_reports_and_readme_show_the_numbers_as_they_are_stored(tmp_path, monkeypatch):
    import command_line
    from reporting import store

    shown = []
    found = results(variants={"a": entry([1.23456789], MLPClassifier=[2.3456789])})
    monkeypatch.setattr(command_line, "RESULTS", tmp_path)
    options = command_line.parsed(["--parts", "variants"], "")
    options.output = tmp_path
    monkeypatch.setattr(command_line, "parsed", lambda *arguments: options)
    monkeypatch.setattr(command_line, "measured", lambda *arguments: ("variants", found["parts"]["variants"]))
    monkeypatch.setattr(command_line.report, "markdown", lambda *arguments, **options: "")
    monkeypatch.setattr(command_line.report, "write", lambda results, folder: shown.append(results))
    monkeypatch.setattr(command_line.report, "quote", shown.append)
    command_line.main([], "")
    assert shown == [store.load(tmp_path)] * 2
    assert shown[0]["parts"]["variants"]["a"]["seconds"]["shallownet"] == [1.23457]


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


def test_tables_are_compared_by_error_and_log_loss(tmp_path, monkeypatch):
    """Also that a folder's tables have their categories and missing values, and that nothing is compared to itself."""
    from measuring import tables as data
    from parts import tables
    from peers.tables import MLP, TABULAR

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"kind": rng.integers(3, size=90), "size": rng.standard_normal(90).round(3), "town": "a"})
    frame.loc[::2, "town"], frame.loc[::7, "size"] = "b", np.nan
    frame.to_csv(tmp_path / "towns.csv.gz", index=False)
    (tmp_path / "index.json").write_text(json.dumps({"towns": {"categories": ["town"]}}))
    loaded = data.load("towns", tmp_path)
    assert loaded.X.dtypes["town"] == "category"
    assert loaded.X["size"].isna().sum() == 13
    assert data.names_in(None) == ["breast_cancer", "digits", "iris", "wine"]

    monkeypatch.setattr(tables, "TABULAR", {name: TABULAR[name] for name in ("shallownet", MLP)})
    monkeypatch.setattr(tables, "ROWS", {})
    options = type("Options", (), {"rounds": 1, "quick": True, "skipped": {}, "tables": tmp_path})
    entries = tables.measure(options, lambda words: None)
    assert len(entries["towns"]["errors"]["shallownet"]) == 3
    assert tables.score(entries, MLP) == pytest.approx(1)
    assert 0.5 < tables.score(entries, "shallownet") < 1.5  # labels drawn at random
    text = tables.section(entries)
    assert tables.summary(entries) in text and tables.summary(entries) in tables.excerpt(entries, "a processor")
    assert "| TabularNetClassifier |" in text
    assert "StandardScaler + MLPClassifier | " in text


def test_the_fit_of_a_growing_table(capsys):
    from programs import table_fit

    table_fit.main("LightGBM" if find_spec("lightgbm") else "HistGradientBoosting", "300")
    seconds, error, peak = map(float, capsys.readouterr().out.split())
    assert seconds > 0
    assert 0 < error < 0.5
    assert peak >= -1


def test_blocks_of_data_on_a_cluster_can_be_learned():
    from parts.on_dask import BLOCKS, CLASSES, WORKERS, block, in_one_process, section

    X, y = block(3, 50, 30)
    assert (X.shape, set(y) <= set(range(CLASSES))) == ((50, 30), True)
    assert (block(3, 50, 30)[0] == X).all() and not (block(4, 50, 30)[0] == X).any()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        *seconds, megabytes = in_one_process("adam", 20, 30, 1, 2)
    assert len(seconds) == 2 and 0 < max(seconds) < 60 and megabytes > 10
    found = {"a way": {"seconds": {"fit": [2.0, 4.0], "memory": [500.0]}, "others": 0.0}}
    assert section(found).splitlines()[-1] == "| a way | 3 (2 .. 4) | 500 |"
    assert (BLOCKS, WORKERS) == (16, 2)
