"""Folders for code: files are read only where no other user can have written them.

Trusted are the users whose code the process runs anyway: its own, root, and the owner of these sources. A folder is
opened once for each use and its files are reached through it, so that what was checked is what is used, whoever
may rename the folders above. Systems without such users (Windows) rely on where the folder is. A folder that the user
vouches for is not checked.
"""

import hashlib
import os
import secrets
import stat
import sys
import time
from contextlib import suppress
from functools import cache
from typing import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SECONDS_OF_A_WRITE = 3600  # an unfinished file is given up after that
UNFINISHED = ".tmp"
DIGEST = hashlib.sha256().digest_size
DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class UnsafeError(PermissionError):
    """Another user can write, or has written, what was to be read."""


class StrangerError(UnsafeError):
    """It belongs to a user who is not trusted."""


def user() -> int | None:
    """Return the user of this process, None where the system does not say."""
    return os.geteuid() if hasattr(os, "geteuid") else None


@cache
def trusted_users() -> frozenset[int | None]:
    """Return the users whose code this process runs anyway."""
    if user() is None:
        return frozenset({None})
    try:
        return frozenset({user(), 0, os.stat(__file__).st_uid})
    except OSError:  # the sources are in an archive
        return frozenset({user(), 0})


def check_safe(status: os.stat_result) -> None:
    """Raise UnsafeError unless only trusted users can write what has this status."""
    if user() is not None and status.st_uid not in trusted_users():
        raise StrangerError("which belongs to another user")
    if user() is not None and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnsafeError(f"where another user can write (its mode is {stat.S_IMODE(status.st_mode):o})")


def _lock(descriptor: int) -> None:
    """Lock a file until it is closed, which the system does for a process that dies."""
    if sys.platform == "win32":
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError("another process holds the lock") from error
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Folder:
    """A folder, opened in a ``with`` block; one to be trusted whoever can write there, if the user says so.

    Raises
    ------
    UnsafeError
        If a user who is not trusted can write there.
    OSError
        If there is no such folder, or it may not be read.
    """

    def __init__(self, path: str, trusted: bool = False) -> None:
        self.path, self._trusted = path, trusted
        self._descriptor: int | None = None

    def make(self) -> bool:
        """Make the folder if it is not there, and return whether it can be written."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with suppress(FileExistsError):
                os.mkdir(self.path, 0o755)
        except OSError:
            return False
        return os.path.isdir(self.path) and os.access(self.path, os.W_OK | os.X_OK)

    def takes(self, name: str) -> bool:
        """Return whether a file of that name can be made; Windows refuses paths of more than 260 characters."""
        try:
            with self as folder:
                folder.write(name, b"")
                folder.remove(name)
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        if os.open not in os.supports_dir_fd:
            os.listdir(self.path)
            return self
        self._descriptor = os.open(self.path, os.O_RDONLY | DIRECTORY)
        try:
            self._check(self._descriptor)
        except UnsafeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _check(self, descriptor: int) -> None:
        if not self._trusted:
            check_safe(os.fstat(descriptor))

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self.path, name)

    def _open(self, path: str, flags: int) -> int:
        return os.open(path, flags | FILE, 0o644, dir_fd=self._descriptor)

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise OSError if it is missing, unsafe or damaged."""
        with open(self._at(name), "rb", opener=self._open) as file:
            self._check(file.fileno())
            digest, content = file.read(DIGEST), file.read()
        if digest != hashlib.sha256(content).digest():
            raise OSError(f"{name} is damaged")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, all of it or nothing."""
        unfinished = f"{name}.{secrets.token_hex(8)}{UNFINISHED}"
        try:
            with open(self._at(unfinished), "xb", opener=self._open) as file:
                file.write(hashlib.sha256(content).digest() + content)
            self._rename(unfinished, name)
        except BaseException:
            self.remove(unfinished)
            raise

    def _rename(self, old: str, new: str) -> None:
        try:
            os.replace(self._at(old), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except PermissionError:  # on Windows, while another process reads what is to be replaced, which is as good
            if not os.path.exists(os.path.join(self.path, new)):
                raise
            self.remove(old)

    def lock(self, name: str) -> int:
        """Take the lock of that name, which one process at a time can have, until the descriptor is closed.

        Raise BlockingIOError while another has it, OSError where there are no locks.
        """
        descriptor = self._open(self._at(name), os.O_RDWR | os.O_CREAT)
        try:
            _lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def touch(self, name: str) -> None:
        """Note that a file was used, if that is possible."""
        with suppress(OSError):
            os.utime(self._at(name), dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there and can be."""
        with suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def last_uses(self) -> dict[str, float]:
        """Return when each file was last used, and remove what was never finished."""
        uses = {}
        for name in os.listdir(self.path if self._descriptor is None else self._descriptor):
            with suppress(OSError):
                uses[name] = os.stat(self._at(name), dir_fd=self._descriptor).st_mtime
        for name in [name for name in uses if name.endswith(UNFINISHED)]:
            if time.time() - uses.pop(name) > SECONDS_OF_A_WRITE:
                self.remove(name)
        return uses
