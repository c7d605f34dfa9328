"""Threads that give way to others wherever they meet, in fits of small steps."""

import pytest
from children import SUPPORT, Copy, finish, start

PROGRAM = SUPPORT / "stress.py"
STAGGER = """

_draw = types.ExternalFunction("rand", types.int32())


@routine
def stagger():
    \"\"\"Wait for a moment, give the CPU to another thread, or do neither, at random.\"\"\"
    drawn = _draw() >> 4 & 15
    if drawn < 3:
        _yield()
    elif drawn < 6:
        for _ in range(drawn * 100):
            pause()
"""
# where a thread is about to look at the state of its team
MEETINGS = [
    "    if threads == 1:\n        return True\n",
    '    """Wait until so many tasks of the call are done; return how often the CPU was offered to other threads."""\n',
    '    """Say that the calling thread has done a task that it claimed. INOUT team."""\n',
]


def run(tmp_path, first, count, **environment):
    """Make fits with a copy of the package whose threads stagger."""
    copy = Copy(tmp_path)
    path = copy.package / "jit" / "thread_team.py"
    source = path.read_text()
    for text in MEETINGS:
        assert source.count(text) == 1
        source = source.replace(text, text + "    stagger()\n")
    path.write_text(source + STAGGER)
    settings = {"NUMBA_CACHE_DIR": str(copy.cache), "NUMBA_NUM_THREADS": "8", **environment}
    process = start(PROGRAM, str(first), str(count), package=copy.package, **settings)
    return finish(process, copy.package, seconds=200 + 5 * count)  # a fit that hangs is ended by the program itself


def test_threads_that_stagger(tmp_path):
    report = run(tmp_path, 0, 60)
    assert report["fits"] == 60
    assert not report["failed"]


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 9000, 1000))
def test_many_threads_that_stagger(first, tmp_path):
    assert not run(tmp_path, first, 400)["failed"]
