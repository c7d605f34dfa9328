"""Fits have the same bits on every processor with fused multiply-adds: children compile for others than this one."""

from collections import Counter
from pathlib import Path

import numpy as np
import processors
import pytest
from children import finish, kill_family, start
from processors import AVX2, HERE

AVX512 = [*AVX2, *"avx512f avx512bw avx512cd avx512dq avx512vl".split()]
DTYPES = ["float64", "float32"]


def without_avx512():
    """Return the settings that let NumPy and its BLAS forget what a processor of that age has not.

    The BLAS forgets more: it chooses another order of sums only where it has no fused multiply-adds.
    """
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    late = [name for name in found if "AVX512" in name or name == "X86_V4"]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(late) or None, "OPENBLAS_CORETYPE": "Prescott"}


# What Numba compiles for, and the environment of a process on such a processor.
OTHERS = {"haswell": (AVX2, without_avx512()), "skylake-avx512": (AVX512, {})}


def child(name, features, environment):
    return start(Path(processors.__file__), *DTYPES, **processors.numba_for(name, features), **environment)


@pytest.fixture(scope="module")
def reports():
    """What a process on each processor prints, on this one too."""
    children = {"this one": start(Path(processors.__file__), *DTYPES)}
    for name, (features, environment) in OTHERS.items():
        if all(HERE.get(feature) for feature in features):
            children[name] = child(name, features, environment)
    try:
        return {name: finish(process) for name, process in children.items()}
    finally:
        for process in children.values():
            if process.poll() is None:
                kill_family(process)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OTHERS)
def test_results_are_the_same(reports, name, dtype):
    if name not in reports:
        pytest.skip(f"this processor does not run what is compiled for {name}")
    assert reports[name]["wide"] == (name == "skylake-avx512")
    here, there = reports["this one"][dtype], reports[name][dtype]
    assert len(here) > 100
    different = {case: {what for what in here[case] if here[case][what] != there[case][what]} for case in here}
    assert not any(different.values()), {case: what for case, what in different.items() if what}


def test_all_that_matters_is_met():
    met = Counter()
    for _, kind, is_sparse, shape, parameters in processors.cases():
        met.update([kind, is_sparse, shape])
        for name in ("activation", "solver", "dropout", "class_weight", "early_stopping", "learning_rate", "init"):
            met[name, parameters.get(name)] += 1
    assert {"binary", "multiclass", "multilabel", True, False, *processors.SHAPES} <= set(met)
    assert all(met["activation", name] == 12 for name in processors.ACTIVATIONS)
    names = [("dropout", 0.4), ("class_weight", "balanced"), ("early_stopping", True), ("init", "he_normal")]
    names += [("learning_rate", name) for name in ("cosine", "invscaling", "adaptive")]
    assert min(met[name] for name in [*names, ("solver", "adam"), ("solver", "sgd")]) >= 10
