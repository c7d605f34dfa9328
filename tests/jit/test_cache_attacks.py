"""Attacks on the cache of compiled code: kills, hangs, full disks, strangers; fits stay right, and the cache sound."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
from children import JOB, PACKAGE, Copy, finish, kill_family

from shallownet.jit import cache

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="made of what POSIX has"),
]
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can be another user",
)


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def check_sound(copy, result=None):
    """Check that what is in the cache gives right fits, and that a cache is complete after one more process."""
    first = copy.run("fit")
    later = copy.run("fit")
    assert later["hits"] and not later["compiled"]
    assert later["result"] == first["result"]
    assert result is None or result == first["result"]
    assert not list(copy.cache.rglob("*.lock"))
    return later["result"]


def test_twenty_processes_with_kills(copy):
    """Each is killed at a random moment, but the last few."""
    moments = random.Random(0)
    processes = [copy.start("fit") for _ in range(20)]
    for process in processes[:16]:
        time.sleep(moments.uniform(0.1, 3.0))
        kill_family(process)
        process.communicate()
    reports = [finish(process, copy.package) for process in processes[16:]]
    result = check_sound(copy)
    assert all(report["result"] == result for report in reports)
    assert not [path for path in copy.cache.rglob("*") if path.is_file() and path.suffix not in (".nbc", ".tmp")]


@pytest.mark.parametrize("number", range(10))
def test_killed_at_any_moment(copy, number):
    """A process that is killed leaves nothing that another falls over."""
    process = copy.start("fit")
    time.sleep(random.Random(number).uniform(1.0, 8.0))
    kill_family(process)
    process.communicate()
    check_sound(copy)


def test_two_versions_of_the_sources_at_once(tmp_path):
    old, new = (Copy(tmp_path / version, tmp_path / "cache") for version in ("old", "new"))
    new.edit("kernels/activations.py", "1.0 - a", "3.0 - a")  # the derivative of tanh
    processes = [(copy, copy.start("fit")) for copy in (old, new) * 3]
    results = {}
    for copy, process in processes:
        results.setdefault(copy, []).append(finish(process, copy.package)["result"])
    assert all(result == some[0] for some in results.values() for result in some)
    assert results[old][0] != results[new][0]
    for copy in (old, new):
        later = copy.run("fit")
        assert not later["compiled"]
        assert later["result"] == results[copy][0]


@pytest.mark.parametrize("size", [0, 1, 4096, 100_000, 250_000])
def test_files_that_may_not_grow(copy, size):
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
    report = copy.run("fit", before=limit)
    assert report["compiled"]
    (warning,) = [warning for warning in report["warnings"] if "joblib" not in warning]  # which has its own troubles
    assert "File too large" in warning
    assert not [path for path in copy.cache.rglob("*") if path.is_file() and path.suffix != ".nbc"]
    check_sound(copy, report["result"])


@as_root
@pytest.mark.parametrize("kilobytes", [4, 64, 200])
def test_full_disk(copy, kilobytes):
    copy.cache.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", copy.cache])
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        report = copy.run("fit")
        assert report["compiled"]
        assert not list(copy.cache.rglob("*.tmp"))
        again = copy.run("fit")
        assert again["result"] == report["result"]
    finally:
        subprocess.run(["umount", copy.cache], check=True)
    check_sound(copy, report["result"])


def as_user(user, *arguments, **environment):
    """Start a Python process as another user, who can read all that Python needs, wherever it is installed."""
    capability = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"]
    program = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *capability, sys.executable]
    variables = {name: value for name, value in (os.environ | environment).items() if value is not None}
    pipe = subprocess.PIPE
    return subprocess.Popen([*program, "-c", *arguments], env=variables, stdout=pipe, stderr=pipe, text=True)


def fit_as_victim(copy, **environment):
    settings = {"PYTHONPATH": str(copy.package.parent), "NUMBA_CACHE_DIR": str(copy.cache)} | environment
    return finish(as_user(VICTIM, JOB, "fit", "float32", PYTHONDONTWRITEBYTECODE="1", **settings), copy.package)


# Makes entries that make a folder named "evil" when they are unpickled, in the folders of the other arguments.
PLANT = """
import hashlib, json, os, pickle, sys

class Evil:
    def __reduce__(self):
        return os.mkdir, (sys.argv[1],)

content = pickle.dumps(Evil())
for folder in sys.argv[3:]:
    os.mkdir(folder, 0o755)
    for name in json.loads(sys.argv[2]):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
"""

# Swaps the folders of the first two arguments, by way of the third, all the time.
SWAP = """
import os, sys
own, planted, aside = sys.argv[1:]
print("ready", flush=True)
while True:
    for old, new in [(own, aside), (planted, own), (own, planted), (aside, own)]:
        try:
            os.rename(old, new)
        except OSError:
            pass
"""


def plant(copy, names, *folders):
    program = as_user(STRANGER, PLANT, str(copy.cache / "evil"), json.dumps(names), *map(str, folders))
    _, errors = program.communicate()
    assert program.returncode == 0, errors


STRANGER, VICTIM = 54321, 54322


@pytest.fixture
def public():
    """A copy of the package that other users can read, with an empty folder for the cache that they can write."""
    folder = Path(tempfile.mkdtemp())  # that of pytest is its user's alone
    folder.chmod(0o755)
    copy = Copy(folder)
    copy.cache.mkdir()
    copy.cache.chmod(0o1777)
    yield copy
    shutil.rmtree(folder)


@as_root
def test_no_home_and_nothing_can_be_written(public):
    public.cache.chmod(0o755)
    unset = {"XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
    for environment in ({"HOME": "/nowhere", "XDG_CACHE_HOME": None}, {"HOME": "/nowhere", **unset}):
        report = fit_as_victim(public, **environment)
        assert report["compiled"]
        assert len(report["warnings"]) == 1
        assert "no place" in report["warnings"][0]


@as_root
def test_what_a_stranger_has_planted_is_not_run(public):
    """Neither in the folder that the victim would use, nor behind a link in its place."""
    fit_as_victim(public)
    (own,) = public.cache.iterdir()
    names = [path.name for path in own.iterdir()]
    assert names
    shutil.rmtree(own)
    plant(public, names, own, public.cache / "other")
    for reason in ("belongs to another user", "links are not followed"):
        report = fit_as_victim(public)
        assert report["compiled"]
        assert len(report["warnings"]) == 1
        assert reason in report["warnings"][0]
        assert not (public.cache / "evil").exists()
        if not own.is_symlink():
            shutil.rmtree(own)
            own.symlink_to(public.cache / "other")
            os.lchown(own, STRANGER, STRANGER)


@as_root
def test_a_stranger_who_renames_folders_in_between(public):
    """The folder above is the stranger's, who swaps a folder of the victim and a planted one all the time."""
    public.cache.chmod(0o777)
    os.chown(public.cache, STRANGER, STRANGER)
    first = fit_as_victim(public)
    (own,) = public.cache.iterdir()
    planted, aside = public.cache / "planted", public.cache / "aside"
    plant(public, [path.name for path in own.iterdir()], planted)
    swapper = as_user(STRANGER, SWAP, str(own), str(planted), str(aside))
    try:
        assert swapper.stdout.readline() == "ready\n"
        for _ in range(10):
            assert fit_as_victim(public)["result"] == first["result"]
    finally:
        swapper.kill()
        swapper.communicate()
    assert not (public.cache / "evil").exists()


def test_a_stopped_process_that_compiles(copy):
    """Others wait for it, and no longer than they are patient; it goes on when it is continued."""
    stopped = copy.start("fit")
    while not list(copy.cache.rglob("*.lock")):
        time.sleep(0.02)
    stopped.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    other = copy.run("fit")
    assert other["compiled"]
    assert cache.PATIENCE <= time.monotonic() - begin
    stopped.send_signal(signal.SIGCONT)
    assert finish(stopped, copy.package)["result"] == other["result"]
    check_sound(copy, other["result"])


APPLICATION = """
import json, os, numpy as np
from shallownet import ShallowNetClassifier
from shallownet.jit.compiling import KERNELS

def application(environment, start_response):
    X, y = np.random.RandomState(0).randn(60, 4), np.arange(60) % 3
    model = ShallowNetClassifier(3, max_iter=5, tol=1, n_iter_no_change=4, n_jobs=1, random_state=0).fit(X, y)
    answer = {
        "process": os.getpid(),
        "result": model.predict_proba(X).tolist(),
        "compiled": sum(len(entry.stats.cache_misses) for entry in KERNELS),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
"""


@pytest.mark.skipif(find_spec("gunicorn") is None, reason="gunicorn is not installed")
@pytest.mark.parametrize("preload", [False, True])
def test_four_web_workers_on_an_empty_cache(tmp_path, preload):
    (tmp_path / "application.py").write_text(APPLICATION)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", address, "--timeout", "120", "application"]
    server = subprocess.Popen(
        command + ["--preload"] * preload, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )

    def asked(_):
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://{address}/", timeout=100) as answer:
                    return json.loads(answer.read())
            except OSError:
                time.sleep(0.3)
        raise AssertionError("no answer")

    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(asked, range(16)))
    finally:
        server.terminate()
        errors = server.communicate()[1]
    assert "Traceback" not in errors
    compiled = {answer["process"]: answer["compiled"] for answer in answers}
    assert len(compiled) > 1
    assert sum(compiled.values()) == len(list((tmp_path / "cache").rglob("*.nbc"))) == 2
    assert all(answer["result"] == answers[0]["result"] for answer in answers)
