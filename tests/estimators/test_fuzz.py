"""Generated calls, good and bad: an error of the user's is ValueError or TypeError, and nothing dies or changes."""

import json
import os
import subprocess
import sys

import pytest
from children import SUPPORT

METHODS = ["fit", "partial_fit", "predict", "predict_proba", "predict_log_proba", "score", "hidden_activations"]
FUZZING = SUPPORT / "fuzzing.py"


def run(begin, end, folder):
    """Make the cases of these seeds in a process of their own; return its counts."""
    journal = folder / "journal"
    done = subprocess.run(
        [sys.executable, FUZZING, str(begin), str(end), str(journal)],
        capture_output=True,
        text=True,
        timeout=3000,
        # what is allocated and what is freed is filled with noise, so that no use of either stays unnoticed
        env={**os.environ, "MALLOC_PERTURB_": "173", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, (
        f"the process ended with {done.returncode} in seed {journal.read_text()}\n{done.stderr}"
    )
    found = json.loads(done.stdout)
    assert not found["failures"], "\n".join(f"seed {seed}: {text}" for seed, text in found["failures"].items())
    return found["counts"]


def check_mixture(counts):
    """Each method is called, and returns in a good share of the calls, so that the cases are no mere nonsense."""
    for method in (
        "fit",
        "partial_fit",
        "predict",
        "predict_proba",
        "predict_log_proba",
        "score",
        "hidden_activations",
    ):
        assert counts[f"{method} done"] > 0.1 * counts[method] > 1
    assert counts["errors"] > 0.2 * counts["calls"]


def test_some_hundred_calls(tmp_path):
    counts = run(0, 300, tmp_path)
    assert counts["calls"] > 1000
    check_mixture(counts)


@pytest.mark.long
def test_ten_thousand_calls(tmp_path):
    counts = run(300, 3000, tmp_path)
    assert counts["calls"] >= 10_000
    check_mixture(counts)
