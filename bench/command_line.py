"""The command line of compare.py: what to measure, and where to keep it."""

import argparse
import sys
from pathlib import Path
from time import perf_counter

from measuring.environment import describe
from measuring.libraries import cpu_bits, libraries
from measuring.shapes import SHAPES, Shape
from measuring.timing import Patience, limited
from peers import PEERS
from reporting import report, store
from reporting.report import PARTS, RESULTS


def main(arguments, description):
    options = parsed(arguments, description)
    if options.report:
        return report.write_all()
    machine, start = describe(), perf_counter()
    results = store.load(options.output or RESULTS)
    done = set()
    Patience.left = 0.0 if options.quick else Patience.left
    with limited(options.threads):
        for part in options.parts:
            skipped = options.skipped = {}
            name, entries = measured(part, options, machine)
            settings = {"threads": options.threads, "rounds": options.rounds}
            new = {"machine": machine, "settings": settings, "skipped": {name: skipped}, "parts": {name: entries}}
            results = store.merged(results, new)
            done.add(name)
            if options.output:
                store.save(options.output, results)
    progress(f"{perf_counter() - start:.0f} s in all")
    print(report.markdown(results, only=done))
    if options.output:
        stored = store.load(options.output)  # its numbers are rounded: what is shown must be of them, too
        report.write(stored, options.output)
        progress(f"written: {options.output}")
        if options.output == RESULTS:
            report.quote(stored)


def measured(part, options, machine):
    """Return the name under which a part is stored, and its entries, each with the run that it comes from."""
    start = perf_counter()
    entries = PARTS[part].measure(options, progress)
    progress(f"{part}: {perf_counter() - start:.0f} s")
    run = {key: machine[key] for key in ("date", "commit", "versions")}
    run |= {"cpu_bits": cpu_bits(), "libraries": libraries(options.threads)}  # loaded by now
    name = f"{part}, {options.dtype}" if part in report.BY_DTYPE else part
    return name, {key: entry | {"run": run} for key, entry in entries.items()}


def parsed(arguments, description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--parts", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=Shape.parse,
        metavar="SHAPE",
        help="SAMPLESxFEATURES-HIDDEN-CLASSES-BATCH; the training of only these",
    )
    parser.add_argument(
        "--peers", nargs="+", type=str.lower, choices=[peer.name.lower() for peer in PEERS], help="in the part training"
    )
    parser.add_argument(
        "--tables", type=Path, metavar="FOLDER", help="of the part tables (default: small ones of scikit-learn's)"
    )
    parser.add_argument("--rounds", type=int, help="alternations (default: 7, with --quick 3)")
    parser.add_argument("--threads", type=int, default=2, help="for every contender (default: 2)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="of training and first fit")
    parser.add_argument("--report", action="store_true", help="measure nothing, only write the reports")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--output", type=Path, help="folder of the results (default: bench/results, but none for a partial training)"
    )
    options = parser.parse_args(arguments)
    if options.shapes:
        options.parts = ["training"]
    partial = options.quick or options.shapes or options.peers or options.threads != 2
    options.output = options.output or (None if partial else RESULTS)
    options.shapes = options.shapes or SHAPES
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.shorter = 1 / 3 if options.quick else 1  # than usual: the time of one measurement
    return options


def progress(message):
    print(message, file=sys.stderr, flush=True)
