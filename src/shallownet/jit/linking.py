"""Routines become machine code once, with the kernel that calls them.

Numba optimizes each compiled function together with all that it calls, and makes machine code of it, before its
caller takes it in and does the same again: with a dozen levels of helpers most of the time goes into code that nobody
runs. A routine, which only compiled functions call, needs neither. Its code is kept as it is, and the kernel at the
top takes in all that it calls, directly or not, and is optimized as a whole. The first fit takes a third of the time.

This module is the only one that changes how Numba compiles. It relies on these internals of Numba and llvmlite:

- ``codegen.JITCodeLibrary``, which holds the code of a function: ``_METHODS`` and ``_ATTRIBUTES`` of it;
- ``JITCPUCodegen._library_class``, the kind of library that a compilation begins with;
- ``compiler.Compiler``, which takes a function through the passes of ``define_pipelines`` into ``state.library``;
- ``llvmlite.binding.newpassmanagers``, with which a whole kernel is optimized;
- the names that Numba gives to the functions that its threads run.

``SUPPORTED`` says whether they are there. With a Numba that is built otherwise, or where the environment variable
SHALLOWNET_LINKING is "off", Numba compiles everything as it does by itself: only more slowly, with the same results.
"""

import os
import re
import types
from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding
from llvmlite.binding import Linkage
from numba.core import codegen, compiler, config

_METHODS = {
    "finalize",
    "_ensure_finalized",
    "_finalize_dynamic_globals",
    "_get_module_for_linking",
    "_optimize_final_module",
    "_optimize_functions",
}
_ATTRIBUTES = {"_codegen", "_final_module", "_linking_libraries", "_shared_module"}


def _supported() -> bool:
    """Return whether Numba is built as this module expects, and the user does not turn the module off."""
    if os.environ.get("SHALLOWNET_LINKING") == "off":
        return False
    library, managers = codegen.JITCodeLibrary, getattr(binding, "newpassmanagers", None)
    begun = [vars(kind)["__init__"] for kind in library.__mro__ if hasattr(vars(kind).get("__init__"), "__code__")]
    return (
        all(hasattr(library, name) for name in _METHODS)
        and {name for init in begun for name in init.__code__.co_names} >= _ATTRIBUTES
        and hasattr(codegen.JITCPUCodegen, "_library_class")
        and "passes" in compiler.PassManager.__init__.__code__.co_names
        and hasattr(managers, "create_pass_builder")
        and hasattr(getattr(managers, "PipelineTuningOptions", None), "loop_unrolling")
    )


SUPPORTED = _supported()


def flags_of_kernels() -> dict[str, Any]:
    """Return the flags of njit for functions that Python calls."""
    return {"pipeline_class": _KernelCompiler} if SUPPORTED else {}


def flags_of_routines() -> dict[str, Any]:
    """Return the flags of njit for functions that only compiled functions call."""
    deferred = {"pipeline_class": _RoutineCompiler} if SUPPORTED else {}
    return {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **deferred}


# --- routines -------------------------------------------------------------------------------------------


class _NoMachineCode:
    """Stands in for the engine that runs machine code: a routine has no environment there."""

    @staticmethod
    def set_env(name: str, environment: Any) -> None:
        pass


class _RoutineLibrary(codegen.JITCodeLibrary):
    """The code of one routine, to be linked into kernels."""

    codegen = _NoMachineCode

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # what Numba gives for a function without machine code

    def finalize(self) -> None:
        self._finalize_dynamic_globals()
        for library in self._linking_libraries:
            if hasattr(library, "_reload_init"):  # not in all versions
                self._reload_init.update(library._reload_init)
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return the routine and all that it calls, as code that may be in a kernel more than once."""
        self._ensure_finalized()
        if self._shared_module is None:
            module = self._final_module.clone()
            for library in self._called():
                is_routine = isinstance(library, _RoutineLibrary)
                called = library._final_module if is_routine else library._get_module_for_linking()
                module.link_in(called, preserve=True)
            for function in module.functions:
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr"
            self._shared_module = module
        return self._shared_module

    def _called(self) -> list[Any]:
        """Return the libraries that this one needs, directly or through other routines, each once."""
        found: dict[Any, None] = {}
        waiting = [self]
        while waiting:
            for library in waiting.pop()._linking_libraries:
                if library not in found:
                    found[library] = None
                    if isinstance(library, _RoutineLibrary):
                        waiting.append(library)
        return list(found)


# Numba's passes for what routines do not have (expressions of whole arrays, closures, functions that Numba itself
# inlines, blocks in which Python runs, literals, errors made of variables, threads) and for branches that a constant
# decides, which LLVM drops. They take 8 % of the first fit.
_NEEDLESS = {
    *("NopythonRewrites", "InlineClosureLikes", "InlineInlinables", "InlineOverloads", "DeadBranchPrune"),
    *("WithLifting", "FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass"),
    *("RewriteSemanticConstants", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "DumpParforDiagnostics"),
}


class _RoutineCompiler(compiler.Compiler):
    """Compiles a routine, within the compilation of its caller."""

    def define_pipelines(self) -> list[Any]:
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [step for step in pipeline.passes if step[0].__name__ not in _NEEDLESS]
            pipeline.finalize()
        return pipelines

    def compile_extra(self, function: Any) -> Any:
        self.state.library = _RoutineLibrary(self.state.targetctx.codegen(), function.__qualname__)
        return super().compile_extra(function)


# --- kernels --------------------------------------------------------------------------------------------


# What may be in several modules of a process; of these the engine takes one for all. The second is that of what
# Numba's threads run.
_OF_MANY = {Linkage.linkonce_odr, Linkage.weak_odr}

_TUPLES = 24  # arguments, above which a routine is one that gets the fields of tuples
_LARGE = 12  # blocks of instructions without a branch, above which a routine is one with work of its own


@cache
def _can_mark() -> bool:
    """Return whether llvmlite gives an attribute to the function, and not, as 0.45 does, to what it returns."""
    function = next(iter(binding.parse_assembly("define void @f() { ret void }").functions))
    function.add_function_attribute("noinline")
    return b"noinline" in function.attributes


class _KernelLibrary(codegen.JITCodeLibrary):
    """The code of a kernel with all the routines that it calls."""

    def _optimize_final_module(self) -> None:
        """Let routines become part of the kernel, and optimize it, but unroll no loops.

        Numba passes each field of a tuple as an argument of its own, so that a call with all that a routine is told
        takes as long as a small product: 8 % of the smallest steps. Routines that get tuples are taken into their
        callers, before LLVM looks at any, as it would look at them again with each of their callers. They call the
        routines with work of their own, which stay apart. Nobody else can call either, so each is handed what it uses;
        and it has to have a name of its own, as the engine links all code of a process by name.

        Loops that take time are written as blocks of registers, and to unroll the others takes a fifth of the first
        fit. Numba's pass that drops counts of references is left out: in a loop routines work on pointers, which have
        none.
        """
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage in _OF_MANY:
                function.linkage = "internal"
                function.name += ".linked"
                if sum(1 for _ in function.arguments) > _TUPLES:
                    function.add_function_attribute("alwaysinline")
                elif sum(1 for _ in function.blocks) > _LARGE:
                    function.add_function_attribute("noinline")
        options = binding.newpassmanagers.PipelineTuningOptions(speed_level=int(config.OPT))
        options.loop_unrolling = False
        passes = binding.newpassmanagers.create_pass_builder(self._codegen._tm, options)
        passes.getModulePassManager().run(self._final_module, passes)


# Names of the code that Numba makes for threads: the function that each runs, and what calls it.
_THREADS = re.compile("__numba_parfor_gufunc|parallelgufuncwrapper|_GufuncWrapper object")


class _LibraryMeanwhile(codegen.JITCodeLibrary):
    """Stands in for Numba's code library while a kernel is compiled: what threads run is linked like a routine.

    All else has the library that it has at other times. A signal, say, may have another function compiled meanwhile.
    """

    def __new__(cls, code: Any, name: str) -> Any:
        return (_RoutineLibrary if _THREADS.search(name) else codegen.JITCodeLibrary)(code, name)

    @classmethod
    def _unserialize(cls, code: Any, state: Any) -> Any:
        return codegen.JITCodeLibrary._unserialize(code, state)


def _call(function: Callable, *arguments: Any) -> Any:
    return function(*arguments)


# Python keeps the frames of its calls in chunks of 16 KiB, which it gets from the system and gives back one by one. A
# call that is made again and again at the end of a chunk costs two system calls and page faults each time, and among
# the many levels of a compilation there always are some: a sixth of its time. This call's frame is so large that Python
# gets twice as much at once, and all that it calls has room in the other half.
_ROOM = 2**16  # objects on its frame
_with_room = types.FunctionType(_call.__code__.replace(co_stacksize=_ROOM), globals())


class _KernelCompiler(compiler.Compiler):
    """Compiles a kernel, with all that it calls, each within the compilation of its caller."""

    def compile_extra(self, function: Any) -> Any:
        code = self.state.targetctx.codegen()
        self.state.library = (_KernelLibrary if _can_mark() else codegen.JITCodeLibrary)(code, function.__qualname__)
        self.state.library.enable_object_caching()
        library = code._library_class
        try:
            code._library_class = _LibraryMeanwhile
            return _with_room(super().compile_extra, function)
        finally:
            code._library_class = library
