"""Kernels become machine code once, with the entry that calls them.

Numba optimizes each compiled function together with all that it calls, and makes machine code of it, before its
caller takes it in and does the same again: with a dozen levels of helpers most of the time goes into code that nobody
runs. A function that only compiled functions call needs neither; it is kept as plain code of its own, and the entry
at the top takes in all that it calls, directly or not, and is optimized as a whole. That more than halves the time of
the first fit.

This reaches into Numba's code library, so everything here is checked for being there; with a Numba where it is not,
kernels are compiled as Numba would, only more slowly.
"""

import re
import types
from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding
from llvmlite.binding import Linkage
from numba.core import codegen, compiler, config, errors

# What Numba's code libraries have, and what each of them sets for itself.
_METHODS = {
    "finalize",
    "_ensure_finalized",
    "_finalize_dynamic_globals",
    "_get_module_for_linking",
    "_optimize_final_module",
    "_optimize_functions",
}
_ATTRIBUTES = {"_codegen", "_final_module", "_linking_libraries", "_shared_module"}

# Numba's steps for what kernels do not have (expressions of whole arrays, closures, functions that Numba itself takes
# into their callers, blocks in which Python runs, literals, errors made of variables, threads) and for branches that a
# constant decides, which LLVM drops. They take an eighth of the time.
_NEEDLESS = {
    *("NopythonRewrites", "InlineClosureLikes", "InlineInlinables", "InlineOverloads", "DeadBranchPrune"),
    *("WithLifting", "FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass"),
    *("RewriteSemanticConstants", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "DumpParforDiagnostics"),
}

# What a kernel is simplified by: memory to registers, loops to their test at the end, and less of what that leaves.
_SIMPLIFYING = [
    f"add_{name}_pass"
    for name in "sroa instruction_combine simplify_cfg loop_rotate instruction_combine simplify_cfg".split()
]

# What may be in several modules of a process; of these the engine takes one for all. The second is that of what
# Numba's threads run.
_OF_MANY = {Linkage.linkonce_odr, Linkage.weak_odr}

# Names of the code that Numba makes for threads: the function that each runs, and what calls it.
_THREADS = re.compile("__numba_parfor_gufunc|parallelgufuncwrapper|_GufuncWrapper object")

_TUPLES = 24  # arguments, above which a kernel is one that gets the fields of tuples
_LARGE = 12  # blocks of instructions without a branch, above which a kernel is one with work of its own


class _NoMachineCode:
    """Stands in for the engine that runs machine code: a kernel has no environment there."""

    @staticmethod
    def set_env(name: str, environment: Any) -> None:
        pass


class _Unlinked(codegen.JITCodeLibrary):
    """The code of one kernel, to be linked into others."""

    codegen = _NoMachineCode

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # what Numba gives for a function without machine code

    def _optimize_functions(self, module: Any) -> None:
        """Simplify a kernel, by the few passes that leave an entry as fast as all of Numba's do.

        Numba keeps each variable in memory and passes tuples field by field, so that most of what it writes goes.
        """
        module.data_layout = self._codegen._data_layout
        passes = binding.newpassmanagers.ModulePassManager()
        for name in _SIMPLIFYING:
            getattr(passes, name)()
        options = binding.newpassmanagers.PipelineTuningOptions()
        passes.run(module, binding.newpassmanagers.create_pass_builder(self._codegen._tm, options))

    def finalize(self) -> None:
        self._finalize_dynamic_globals()
        for library in self._linking_libraries:
            if hasattr(library, "_reload_init"):  # not in all versions
                self._reload_init.update(library._reload_init)
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return the kernel and all that it calls, as code that may be in an entry more than once."""
        self._ensure_finalized()
        if self._shared_module is None:
            module = self._final_module.clone()
            for library in self._called():
                is_kernel = isinstance(library, _Unlinked)
                called = library._final_module if is_kernel else library._get_module_for_linking()
                module.link_in(called, preserve=True)
            for function in module.functions:
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr"
            self._shared_module = module
        return self._shared_module

    def _called(self) -> list[Any]:
        """Return the libraries that this one needs, directly or through other kernels, each once."""
        found: dict[Any, None] = {}
        waiting = [self]
        while waiting:
            for library in waiting.pop()._linking_libraries:
                if library not in found:
                    found[library] = None
                    if isinstance(library, _Unlinked):
                        waiting.append(library)
        return list(found)


class _Kernel(codegen.JITCodeLibrary):
    """The code of an entry with all the kernels that it calls."""

    def _optimize_final_module(self) -> None:
        """Let kernels become part of the entry, and optimize it.

        Numba passes each field of a tuple as an argument of its own, so that a call with all that a kernel is told
        takes as long as a small product. Kernels that get tuples are taken into their callers, before LLVM looks at
        any, as it would look at them again with each of their callers. They call the kernels with work of their own,
        which stay apart. Nobody else can call either, so each is handed what it uses; and it has to have a name of
        its own, as the engine links all code of a process by name.

        Loops are not unrolled: those that take time are written as blocks of registers, and to unroll and simplify
        the others takes 7 % of the time. Numba's step that drops counts of references is left out: in a loop
        kernels work on pointers, which have none.
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


class _OfThreads(codegen.JITCodeLibrary):
    """Stands in for Numba's code library while an entry is compiled: what threads run is linked like a kernel.

    All else has the library that it has at other times. A signal, say, may have another function compiled meanwhile.
    """

    def __new__(cls, code: Any, name: str) -> Any:
        return (_Unlinked if _THREADS.search(name) else codegen.JITCodeLibrary)(code, name)

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
    """Compiles an entry, with all that it calls, each within the compilation of its caller."""

    def compile_extra(self, function: Any) -> Any:
        if not _is_known(codegen.JITCodeLibrary):
            return _with_room(super().compile_extra, function)
        code = self.state.targetctx.codegen()
        self.state.library = (_Kernel if _can_mark() else codegen.JITCodeLibrary)(code, function.__qualname__)
        self.state.library.enable_object_caching()
        library = code._library_class
        try:
            code._library_class = _OfThreads
            return _with_room(super().compile_extra, function)
        finally:
            code._library_class = library


class _RoutineCompiler(compiler.Compiler):
    def define_pipelines(self) -> list[Any]:
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [step for step in pipeline.passes if step[0].__name__ not in _NEEDLESS]
            pipeline.finalize()
        return pipelines

    def compile_extra(self, function: Any) -> Any:
        context = self.state.targetctx
        self.state.library = _Unlinked(context.codegen(), function.__qualname__)
        compiled = super().compile_extra(function)
        returned = compiled.signature.return_type
        if not self.state.flags.nrt and context.data_model_manager[returned].contains_nrt_meminfo():
            raise errors.TypingError(
                f"{function.__qualname__} returns {returned}, which its caller would release;"
                " a kernel that returns arrays has to count who holds them (allocating_kernel)"
            )
        return compiled


def flags_of_kernels() -> dict[str, Any]:
    """Return the flags of njit for functions that Python calls."""
    return {"pipeline_class": _KernelCompiler}


def flags_of_routines(allocating: bool = False) -> dict[str, Any]:
    """Return the flags of njit for functions that only compiled functions call.

    Most kernels allocate nothing, and what they are given is held by those who called the entry: without Numba's
    runtime for memory they count no references, which takes 4 % of the time to compile.
    """
    deferred = {"pipeline_class": _RoutineCompiler} if _is_known(codegen.JITCodeLibrary) else {}
    return {"_nrt": allocating, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **deferred}


@cache
def _is_known(library: Any) -> bool:
    """Return whether Numba's code library is built as this room expects."""
    begun = [vars(kind)["__init__"] for kind in library.__mro__ if hasattr(vars(kind).get("__init__"), "__code__")]
    found = {name for init in begun for name in init.__code__.co_names}
    passes: Any = getattr(binding, "newpassmanagers", None)
    return (
        all(hasattr(library, name) for name in _METHODS)
        and found >= _ATTRIBUTES
        and hasattr(codegen.JITCPUCodegen, "_library_class")
        and all(hasattr(passes, name) for name in ("PipelineTuningOptions", "create_pass_builder", "ModulePassManager"))
        and all(hasattr(passes.ModulePassManager, name) for name in _SIMPLIFYING)
        and hasattr(passes.PipelineTuningOptions, "loop_unrolling")
        and "passes" in compiler.PassManager.__init__.__code__.co_names
    )


@cache
def _can_mark() -> bool:
    """Return whether llvmlite gives an attribute to the function, and not, as 0.45 does, to what it returns."""
    function = next(iter(binding.parse_assembly("define void @f() { ret void }").functions))
    function.add_function_attribute("noinline")
    return b"noinline" in function.attributes
