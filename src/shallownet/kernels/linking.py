"""Kernels become machine code once, with the entry that calls them.

Numba optimizes each compiled function together with all that it calls, and makes machine code of it, before its
caller takes it in and does the same again: with a dozen levels of helpers most of the time goes into code that nobody
runs. A function that only compiled functions call needs neither; its plain code is linked into its callers, and
the entry at the top is optimized as a whole. That halves the time of the first fit.

This reaches into Numba's code library, so everything here is checked for being there; with a Numba where it is not,
kernels are compiled as Numba would, only more slowly.
"""

import weakref
from typing import Any

from numba.core import codegen, compiler

_NEEDED = "_finalize_dynamic_globals", "_verify_declare_only_symbols", "_optimize_final_module", "_ensure_finalized"


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

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._final_module.__library = weakref.proxy(self)
        self._finalized = True


class _KernelCompiler(compiler.Compiler):
    def compile_extra(self, function: Any) -> Any:
        self.state.library = _Unlinked(self.state.targetctx.codegen(), function.__qualname__)
        return super().compile_extra(function)


def flags_of_kernels() -> dict[str, Any]:
    """Return the flags of njit for functions that only compiled functions call."""
    known = all(hasattr(codegen.JITCodeLibrary, name) for name in _NEEDED)
    deferred = {"pipeline_class": _KernelCompiler} if known else {}
    return {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **deferred}
