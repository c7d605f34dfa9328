"""Compare the speed of shallownet with its peers: one process, the same data, in alternation.

python bench/compare.py                      # everything, some minutes; writes bench/results/
python bench/compare.py --quick              # a look: fewer and shorter rounds, nothing written
python bench/compare.py --shapes 1797x64-100-10-200 --peers torch
"""

import argparse
import json
import sys
from pathlib import Path

import first_fit
import planar
import report
from environment import describe
from peers import OURS, PEERS, installed, quality
from shapes import SHAPES, Shape, make_problem
from timing import Peak, alternate, epochs_lasting, limited

RESULTS = Path(__file__).parent / "results"
QUALITY_EPOCHS = 10  # after which losses and accuracies are compared


def main(arguments):
    options = parsed(arguments)
    chosen = [peer for peer in PEERS if options.peers is None or peer.name.lower() in options.peers]
    missing = [peer for peer in chosen if not installed(peer)]
    for peer in missing:
        print(f"{peer.name}: not installed, skipped")
    contenders = [OURS] + [peer for peer in chosen if peer not in missing]

    with limited(options.threads):
        results = {
            "machine": describe(),
            "settings": {"dtype": options.dtype, "threads": options.threads, "rounds": options.rounds},
            "skipped": [peer.name for peer in missing],
            "shapes": [],
        }
        for shape in options.shapes:
            progress(f"{shape} ...")
            results["shapes"].append(compare_shape(shape, contenders, options))
        if not options.only_shapes:
            progress("planar flower ...")
            results["planar"] = compare_planar(options.rounds)
            progress("first fit of a process ...")
            results["start"] = [
                first_fit.start_seconds(options.dtype, options.threads) for _ in range(1 if options.quick else 3)
            ]

    previous = earlier_results(RESULTS / f"{results_name(options)}.json")
    text = report.markdown(results, previous)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / results_name(options)
        path.with_suffix(".md").write_text(text)
        path.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        progress(f"written: {path}.md and .json")


def compare_shape(shape, contenders, options):
    """Time all contenders and the machine's matrix product on one shape, and look what they have learned."""
    problem = make_problem(shape, options.dtype)
    models = {peer.name: peer(problem, options.threads) for peer in contenders}
    epochs, learned = {}, {}
    for name, model in models.items():
        epochs[name] = epochs_lasting(model.fit, options.seconds)
        loss, accuracy = quality(model.fit(QUALITY_EPOCHS), problem)
        learned[name] = {"loss": loss, "accuracy": accuracy}
    runs = {name: lambda name=name: models[name].fit(epochs[name]) for name in models}

    peak = Peak(options.dtype)
    gemm = {f"{threads} threads": lambda threads=threads: peak.run(threads) for threads in {1, options.threads}}
    for run in gemm.values():
        run()
    seconds, others = alternate(runs | gemm, options.rounds)
    return {
        "shape": str(shape),
        "operations": shape.operations,
        "epochs": epochs,
        "epoch_seconds": {name: [s / epochs[name] for s in seconds[name]] for name in models},
        "gemm_rates": {name: [peak.operations / s for s in seconds[name]] for name in gemm},
        "learned": learned,
        "others": others,
    }


def compare_planar(rounds):
    """Time the planar run against a NumPy loop, both in float64."""
    X, y = planar.flower()
    fits = {"shallownet": planar.fit_ours, "NumPy": planar.fit_numpy}
    # also the warm-up; later the rate of 1.2 makes rounding errors grow, and any two programs part
    cost = {name: fit(X, y, planar.UPDATES // 2) for name, fit in fits.items()}
    seconds, others = alternate({name: lambda fit=fit: fit(X, y) for name, fit in fits.items()}, rounds)
    return {"cost": cost, "seconds": seconds, "others": others}


def parsed(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=Shape.parse,
        metavar="SHAPE",
        help="SAMPLESxFEATURES-HIDDEN-CLASSES-BATCH; only these, without the planar run and the first fit",
    )
    parser.add_argument("--peers", nargs="+", type=str.lower, choices=[peer.name.lower() for peer in PEERS])
    parser.add_argument("--rounds", type=int, help="alternations (default: 7, with --quick 3)")
    parser.add_argument("--threads", type=int, default=2, help="for every contender (default: 2)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--output", type=Path, help="folder for the report (default: bench/results for a complete run, else none)"
    )
    options = parser.parse_args(arguments)
    options.only_shapes = options.shapes is not None
    complete = not (options.quick or options.only_shapes or options.peers)
    options.shapes = options.shapes or SHAPES
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.seconds = 0.1 if options.quick else 0.3  # of one measurement
    options.output = options.output or (RESULTS if complete else None)
    return options


def results_name(options):
    """Return the name of the results: one for each setting that makes figures incomparable."""
    name = "compare"
    if options.dtype != "float32":
        name += f"-{options.dtype}"
    if options.threads != 2:
        name += f"-{options.threads}-threads"
    return name


def earlier_results(path):
    return json.loads(path.read_text()) if path.exists() else None


def progress(message):
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
