"""Routines are linked into the kernels that call them, and only these become machine code."""

import gc
import sys

import numpy as np
import pytest
from children import finish, start
from llvmlite.binding import Linkage
from numba import njit
from numba.core import compiler, registry
from numba.np.unsafe.ndarray import to_fixed_tuple

from shallownet.jit import linking
from shallownet.jit.compiling import kernel, routine

links_kernels = pytest.mark.skipif(not linking._can_mark(), reason="this llvmlite cannot mark functions")


@routine
def square(x):
    return x * x


@routine
def sum_of_squares(a):
    total = 0.0
    for x in a:
        total += square(x)
    return total


@kernel
def norm(a):
    return np.sqrt(sum_of_squares(a))


@routine
def itself(a):
    return a


@routine
def doubled(a):
    return a * 2


def machine_code_of(dispatcher):
    """Return whether a compiled function has machine code."""
    (overload,) = dispatcher.overloads.values()
    return not isinstance(overload.library, linking._RoutineLibrary)


def compiled_anew():
    """Return ``norm`` compiled without the cache, which has machine code only."""
    compiled = njit(**linking.flags_of_kernels())(norm.py_func)
    assert compiled(np.arange(5.0)) == np.sqrt(30.0)
    return compiled


def functions_of(dispatcher):
    """Return the functions that the code of a compiled function consists of."""
    (overload,) = dispatcher.overloads.values()
    return [function for function in overload.library._final_module.functions if not function.is_declaration]


def nothing():
    pass


def call_at(depth, function):
    """Call a function so many levels further down."""
    return call_at(depth - 1, function) if depth else function()


def page_faults_of_calls():
    """Return how many page faults a thousand calls cost at worst, on any of so many levels."""
    resource = pytest.importorskip("resource")

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(1000):
            nothing()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    return max(call_at(depth, faults) for depth in range(300))


def test_on_no_level_of_a_compilation_does_a_call_ask_the_system_for_memory(monkeypatch):
    compile_extra, faults = compiler.Compiler.compile_extra, []

    def and_count(*arguments):
        faults.append(page_faults_of_calls())
        return compile_extra(*arguments)

    monkeypatch.setattr(compiler.Compiler, "compile_extra", and_count)
    compiled_anew()
    assert max(faults) < 500


def test_routines_have_no_machine_code_of_their_own():
    assert machine_code_of(compiled_anew())
    assert not machine_code_of(sum_of_squares)
    assert not machine_code_of(square)


@links_kernels
def test_what_a_kernel_has_taken_in_is_its_own():
    compiled = compiled_anew()
    (overload,) = compiled.overloads.values()
    assert isinstance(overload.library, linking._KernelLibrary)
    linkages = {function.linkage for function in functions_of(compiled)}
    assert Linkage.external in linkages
    assert Linkage.linkonce_odr not in linkages


def test_routines_may_return_arrays_and_references_are_counted():
    compiled = njit(**linking.flags_of_kernels())(lambda a: sum_of_squares(doubled(a)) + sum_of_squares(itself(a)))
    a = np.arange(5.0)
    held = sys.getrefcount(a)
    assert compiled(a) == 5 * 30.0
    assert sys.getrefcount(a) == held


FEW, MANY = 6, linking._TUPLES


@routine
def branches(x, told):
    while x < 1000:
        if x % told[0] == 0:
            x += told[1]
        elif x % told[1] == 0:
            x += told[2]
        elif x % told[2] == 0:
            x += told[3]
        elif x % told[3] == 0:
            x += told[4]
        elif x % told[4] == 0:
            x += told[5]
        elif x % told[5] == 0:
            x += told[0]
        x += 1
    return x


@kernel
def sum_of_branches(a):
    few, many = to_fixed_tuple(a, FEW), to_fixed_tuple(a, MANY)
    return branches(7, many) + branches(8, many) + branches(9, few)


@links_kernels
def test_routines_with_tuples_become_part_of_the_kernel_and_others_with_work_stay_apart():
    compiled = njit(**linking.flags_of_kernels())(sum_of_branches.py_func)
    a = np.arange(3, 3 + MANY)
    assert compiled(a) == sum(branches.py_func(x, a) for x in (7, 8, 9))
    (apart,) = [function for function in functions_of(compiled) if "8branches" in function.name]
    assert sum(1 for _ in apart.arguments) < MANY


def test_others_call_the_same_routines():
    @njit
    def another(a):
        return sum_of_squares(a)

    a = np.arange(5.0)
    assert another(a) == norm(a) ** 2 == pytest.approx(30.0)


# A fit and predictions; with an argument, with another Numba, whose internals are not as expected.
WHOLE_FIT = """
import json, sys, warnings
import numpy as np
from llvmlite.binding import newpassmanagers
if len(sys.argv) > 1:
    del newpassmanagers.PipelineTuningOptions.loop_unrolling
import shallownet
from shallownet.jit import compiling, linking
warnings.simplefilter("ignore")
X, y = np.random.RandomState(0).randn(60, 4), np.arange(60) % 3
model = shallownet.ShallowNetClassifier(3, max_iter=2, dropout=0.1, random_state=0, n_jobs=1).fit(X, y)
print(json.dumps({
    "file": shallownet.__file__,
    "result": [model.loss_curve_, model.predict_proba(X).tolist(), model.hidden_activations(X).tolist()],
    "supported": linking.SUPPORTED,
    "compiled": sum(len(kernel.stats.cache_misses) for kernel in compiling.KERNELS),
}))
"""


def test_a_whole_fit_as_numba_compiles_it_has_the_same_bits(tmp_path):
    usual = finish(start(WHOLE_FIT, NUMBA_CACHE_DIR=str(tmp_path)))
    assert (usual["supported"], usual["compiled"]) == (True, 2)
    # nothing is taken from the usual cache; the others load what the first of them has kept
    for arguments, switch, compiled in ((["another"], "on", 2), (["another"], "on", 0), ([], "off", 0)):
        settings = {"NUMBA_CACHE_DIR": str(tmp_path), "SHALLOWNET_LINKING": switch}
        other = finish(start(WHOLE_FIT, *arguments, **settings))
        assert (other["supported"], other["compiled"]) == (False, compiled)
        assert other["result"] == usual["result"]


class LibraryOfAnotherVersion:
    """Has the methods, but keeps what it links elsewhere."""

    def __init__(self):
        self._codegen = self._final_module = self._shared_module = self._linked = None


for _name in linking._METHODS:
    setattr(LibraryOfAnotherVersion, _name, None)


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (linking.codegen, "JITCodeLibrary", LibraryOfAnotherVersion),
        (linking.codegen, "JITCodeLibrary", object),
        (linking.codegen, "JITCPUCodegen", object),
        (linking.binding, "newpassmanagers", None),
        (compiler, "PassManager", LibraryOfAnotherVersion),
    ],
)
def test_what_another_numba_lacks_is_noticed(owner, name, value, monkeypatch):
    assert linking._supported()
    monkeypatch.setattr(owner, name, value)
    assert not linking._supported()


@pytest.mark.parametrize("supported", [True, False])
def test_where_it_is_not_supported_numba_compiles_by_itself(supported, monkeypatch):
    monkeypatch.setattr(linking, "SUPPORTED", supported)
    for flags in (linking.flags_of_kernels(), linking.flags_of_routines()):
        assert ("pipeline_class" in flags) == supported


def test_an_llvmlite_that_marks_what_functions_return_optimizes_kernels_as_ever(monkeypatch):
    monkeypatch.setattr(linking, "_can_mark", lambda: False)
    (overload,) = compiled_anew().overloads.values()
    assert not isinstance(overload.library, linking._KernelLibrary)


FIRST_FIT = """
import importlib, json, pkgutil, warnings
import numpy as np
from numba.core import types
from numba.core.dispatcher import Dispatcher
from scipy import sparse
import shallownet
from shallownet import jit, kernels, simd
warnings.simplefilter("ignore")
X, y = np.random.RandomState(0).randn(300, 3), np.arange(300) % 3
for data in (X, sparse.csr_array(X)):
    shallownet.ShallowNetClassifier(5, max_iter=2, dropout=0.1, n_jobs=1).fit(data, y).predict(data)
compiled = {}
for package in (jit, kernels, simd):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for name, thing in vars(importlib.import_module(module.name)).items():
            if isinstance(thing, Dispatcher):
                compiled[name] = [[isinstance(kind, types.Literal) for kind in kinds] for kinds in thing.signatures]
print(json.dumps({"file": shallownet.__file__, "compiled": compiled}))
"""


def test_no_kernel_is_compiled_anew_for_a_constant(tmp_path):
    compiled = finish(start(FIRST_FIT, NUMBA_CACHE_DIR=str(tmp_path)))["compiled"]
    assert sum(map(len, compiled.values())) > 50
    assert [name for name, all_kinds in compiled.items() if any(map(any, all_kinds))] == []


PARALLEL = """
import json
import numpy as np
from numba import njit, prange
from numba.core import codegen
import shallownet
from shallownet.jit import linking

made, finalize = [], codegen.JITCodeLibrary._finalize_final_module
codegen.JITCodeLibrary._finalize_final_module = lambda library: (made.append(type(library).__name__), finalize(library))

def doubled(a):
    for i in prange(len(a)):
        a[i] = 2 * a[i]

a = np.arange(4)
njit(lambda: 0)()  # with what Numba itself compiles once for a process
made.clear()
njit(parallel=True, **linking.flags_of_kernels())(doubled)(a)
print(json.dumps({"file": shallownet.__file__, "made": made, "doubled": a.tolist()}))
"""


@links_kernels
def test_what_threads_run_has_no_machine_code_of_its_own(tmp_path):
    answer = finish(start(PARALLEL, NUMBA_CACHE_DIR=str(tmp_path)))
    assert (answer["made"], answer["doubled"]) == (["_KernelLibrary"], [0, 2, 4, 6])


@links_kernels
def test_what_is_compiled_meanwhile_can_be_called(monkeypatch):
    optimize, answers = linking._KernelLibrary._optimize_final_module, []

    def after_another(library):
        answers.append(njit(lambda x: x + 1)(2))
        optimize(library)

    monkeypatch.setattr(linking._KernelLibrary, "_optimize_final_module", after_another)
    compiled_anew()
    assert answers == [3]


def test_numba_compiles_as_before_after_an_entry(monkeypatch):
    before = gc.get_threshold(), registry.cpu_target.target_context.codegen()._library_class
    seen = []
    compile_extra = compiler.Compiler.compile_extra
    monkeypatch.setattr(
        compiler.Compiler, "compile_extra", lambda *args: (seen.append(gc.get_threshold()), compile_extra(*args))[1]
    )

    def failing(a):
        return a.nothing

    with pytest.raises(Exception, match="nothing"):
        kernel(failing)(np.ones(1))
    assert (gc.get_threshold(), registry.cpu_target.target_context.codegen()._library_class) == before
    assert [thresholds[0] for thresholds in seen] == [0]
