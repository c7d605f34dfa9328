"""The cache of compiled code on disk.

An entry holds the machine code of one function for one signature and processor. Its name begins with a stamp of all
that the code depends on: the content of every compiled source, the versions of the package, of Python and of the
compiler, and the compiler's settings. So neither an edit, an upgrade nor a downgrade runs stale code, and several
versions can share a folder. (Numba's own cache looks at the one file that holds the function, and numbers its
files, so that two processes that compile at once can put one's code under the other's number.)

What cannot be read is compiled again, what cannot be written is left; neither is an error of the user's. Of several
processes that want the same entry one compiles it, and the others wait for that.
"""

import hashlib
import logging
import os
import pickle
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy
from numba.core import caching, config
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from . import linking
from .trusted_dir import Folder, StrangerError, UnsafeError, trusted_users, user

COMPILED = "jit", "kernels", "simd"  # the packages whose functions are compiled, or decide how
STATES_KEPT = 8  # states of sources and versions that share a folder: those used last
SETTINGS = "OPT LOOP_VECTORIZE SLP_VECTORIZE BOUNDSCHECK DEBUGINFO_DEFAULT LLVM_REFPRUNE_PASS".split()
STAMP = 16  # digits
PATIENCE = 60.0  # seconds in which another process has to compile an entry; else this one does it, too
POLL = 0.05  # seconds
LONGEST_NAME = 150  # characters, of an entry before it is finished
TRUSTED = "SHALLOWNET_TRUSTED_CACHE"  # the environment variable with a folder that is not checked
OF_NUMBA = "_ZN", ".numba."  # the names of what Numba has compiled, or still has to


def source_stamp(package: Any) -> str:
    """Return a digest of all that compiled code depends on, but for its signature and processor.

    ``package`` is the folder of the package, a path or a resource. The stamp is empty where sources are missing.
    """
    sources = []
    for folder in map(package.joinpath, COMPILED):
        found = [path for path in folder.iterdir() if path.name.endswith((".py", ".pyc"))] if folder.is_dir() else []
        if not found:
            return ""
        sources += sorted((folder.name, path.name, path) for path in found)
    versions = [numba.__version__, llvmlite.__version__, numpy.__version__, str(sys.implementation.cache_tag)]
    settings = [f"{name}={getattr(config, name, None)}" for name in SETTINGS] + [f"linking={linking.SUPPORTED}"]
    digest = hashlib.sha256("\0".join([*versions, getattr(sys, "abiflags", ""), *settings]).encode())
    version = package.joinpath("_version.py")
    for folder, name, path in [*sources, *([("", version.name, version)] if version.is_file() else [])]:
        content = path.read_bytes()
        digest.update(f"\0{folder}/{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:STAMP]


_logger = logging.getLogger("shallownet")
_aloud: ContextVar[bool] = ContextVar("_aloud", default=False)


@contextmanager
def announced(aloud: bool) -> Iterator[None]:
    """Print, if asked, what is compiled in the block; the log has it in any case."""
    token = _aloud.set(bool(aloud))
    try:
        yield
    finally:
        _aloud.reset(token)


def _announce(what: str) -> None:
    _logger.info(what)
    if _aloud.get():
        print(what, flush=True)  # noqa: T201


# taken when the package is imported: an edit after that is not what this process compiles
_STAMP = source_stamp(resources.files(__name__.partition(".")[0]))


class Cache(caching.NullCache):
    """The cache of one function, as Numba's dispatcher expects it."""

    def __init__(self, function: Any) -> None:
        self._function = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._name = f"{_STAMP}-{self._function}"
        self._claim: tuple[Folder, str, int] | None = None  # the lock that this process holds while it compiles
        self._waits = False  # for another process

    @property
    def cache_path(self) -> str | None:
        """The folder that new entries go to, None if there is none."""
        _, writable = places()
        return None if writable is None else writable.path

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function for a signature, None if there is no entry that can be used.

        Then this process is the one to compile it, until ``release``.
        """
        key = self._name, sig, target_context.codegen().magic_tuple()
        end = time.monotonic() + PATIENCE
        may_compile = told = False
        self._waits = True
        while True:
            found = self._loaded(key, target_context)
            if found is not None:
                return found
            if may_compile or time.monotonic() > end:
                _announce(f"Compiling {self._function}, which takes some seconds the first time.")
                return None
            may_compile = self._claimed(self._file_of(key))  # who could before may have saved it since
            if not may_compile:
                if not told:
                    _announce(f"Waiting for another process that compiles {self._function}.")
                    told = True
                time.sleep(POLL)
                if not self._waits:
                    raise InterruptedError(f"The user interrupted the wait for {self._function}.")

    def give_up(self) -> None:
        """End a wait for another process."""
        self._waits = False

    def _loaded(self, key: Any, target_context: Any) -> Any:
        name = self._file_of(key)
        for place in places()[0]:
            try:
                with place as folder:
                    content = folder.read(name)
                    with suppress(Exception):
                        found, symbols, reload_init, payload = pickle.loads(content)
                        for function in reload_init:  # it may load a library with symbols
                            function()
                        if found == key and _defined(symbols, target_context):
                            folder.touch(name)
                            return CompileResult._rebuild(target_context, *payload)
                    folder.remove(name)
            except UnsafeError as reason:
                _warn_of(place, reason)
            except OSError:
                pass
        return None

    def _claimed(self, name: str) -> bool:
        """Return whether this process may compile an entry: no other does, or none can say."""
        _, writable = places()
        if writable is not None:
            try:
                with writable as folder:
                    self._claim = folder, f"{name}.lock", folder.lock(f"{name}.lock")
            except BlockingIOError:
                return False
            except OSError:  # a folder, or a system, without locks
                pass
        return True

    def release(self) -> None:
        """Let other processes compile what this one has compiled, or could not."""
        if self._claim is not None:
            (folder, name, descriptor), self._claim = self._claim, None
            os.close(descriptor)
            with suppress(OSError), folder:  # others that wait make the file anew
                folder.remove(name)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if there is a place for it."""
        _, writable = places()
        if writable is None:
            _warn_once("found no place to keep its compiled code")
            return
        key = self._name, sig, data.codegen.magic_tuple()
        symbols = symbols_of(data.library)
        unknown = missing(symbols)
        if any(name.startswith(OF_NUMBA) for name in unknown):
            return  # only this process has what it calls
        try:
            writable.make()
            with writable as folder:
                resolved = sorted(symbols - unknown)
                folder.write(self._file_of(key), dumps((key, resolved, data.reload_init, data._reduce())))
                _remove_old_states(folder)
        except Exception as error:
            reason = getattr(error, "strerror", None) or error
            _warn_once(f"could not keep its compiled code in {writable.path} ({reason})")

    def _file_of(self, key: Any) -> str:
        return f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:STAMP]}.nbc"


def symbols_of(library: Any) -> set[str]:
    """Return the names that compiled code uses and does not define."""
    module = library._get_module_for_linking()
    declared = [thing.name for thing in (*module.functions, *module.global_variables) if thing.is_declaration]
    return {name for name in declared if not name.startswith("llvm.")}


def missing(symbols: Any) -> set[str]:
    """Return those of the names that are not defined in this process; LLVM ends a process whose code uses one."""
    return {name for name in symbols if llvmlite.binding.address_of_symbol(name) is None}


def _defined(symbols: Any, target_context: Any) -> bool:
    """Return whether this process defines all that compiled code uses, once Numba has been told that it is needed.

    What Numba needs to compile, the other half of its modules, takes half of a first fit that only loads its code.
    """
    rtsys.initialize(target_context)
    if not missing(symbols):
        return True
    target_context.refresh()
    return not missing(symbols)


def _remove_old_states(folder: Folder) -> None:
    """Remove the entries of all states but those used last; a process that still needs one compiles again."""
    uses = folder.last_uses()
    last: dict[str, float] = {}
    for name, used in uses.items():
        last[name[:STAMP]] = max(used, last.get(name[:STAMP], 0.0))
    kept = {_STAMP, *sorted(last, key=last.__getitem__)[-STATES_KEPT:]}
    for name in uses:
        if name[:STAMP] not in kept:
            folder.remove(name)


@cache
def places() -> tuple[list[Folder], Folder | None]:
    """Return the folders to read entries from, in order, and the one to write them to.

    Those that can only be read, say of an image that root has made, come before the first that can be written.
    """
    readable: list[Folder] = []
    for base in _bases() if _STAMP else []:
        own, *others = _folders_in(base)
        can_write = own.make() and (os.open in os.supports_dir_fd or own.takes("0" * LONGEST_NAME))
        for folder in [own, *others]:
            try:
                with folder:
                    readable.append(folder)
            except UnsafeError as reason:
                if folder is own or not isinstance(reason, StrangerError):
                    _warn_of(folder, reason)
            except OSError:
                if folder is own and os.path.islink(folder.path):
                    _warn_of(folder, "as links are not followed")
        if can_write and own in readable:
            return readable, own
    return readable, None


def _bases() -> list[str]:
    """Return where a folder of entries may be: what the user chose, beside the sources, the user's own cache."""
    chosen = [os.path.abspath(base) for base in (os.environ.get(TRUSTED), config.CACHE_DIR) if base]
    sources = Path(__file__).parent
    beside = [str(sources / "__pycache__")] if sources.is_dir() else []
    home = AppDirs(appname="shallownet", appauthor=False).user_cache_dir
    return [*chosen, *beside, *([home] if os.path.isabs(home) else [])]


def _folders_in(base: str) -> list[Folder]:
    """Return the folder of this user's entries and those of others whose code it runs."""
    if base == os.path.abspath(os.environ.get(TRUSTED) or os.devnull):
        return [Folder(os.path.join(base, "shallownet"), trusted=True)]
    owners = [user(), *(trusted_users() - {user()})]
    return [Folder(os.path.join(base, "shallownet" if owner is None else f"shallownet-{owner}")) for owner in owners]


_warned = False


def _warn_of(folder: Folder, reason: object) -> None:
    _warn_once(f"does not use the compiled code in {folder.path}, {reason}")


def _warn_once(what: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"shallownet {what}. Code that is not kept is compiled again in each process; set the environment"
            f" variable NUMBA_CACHE_DIR to a folder of your own that can be written, or {TRUSTED} to one that only"
            " programs write that you trust.",
            UserWarning,
            stacklevel=2,
        )
