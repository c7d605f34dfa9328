"""Many Python threads, and processes that they start, fit and predict at once; run as a program, it reports as JSON.

    python crowd.py WHAT SECONDS THREADS N_JOBS

A fit or a prediction that leaves other bits than one thread is told of. What takes too long ends the process.
"""

import faulthandler
import json
import multiprocessing
import os
import random
import sys
import threading
import time
import warnings

import numba
import numpy as np
from scipy import sparse

import shallownet
from shallownet import ShallowNetClassifier

PATIENCE = 60  # seconds that calls may go on for when they should have ended


def fit(n_jobs=4):
    random = np.random.default_rng(7)
    X, y = random.normal(size=(600, 10)), random.integers(0, 2, 600)
    model = ShallowNetClassifier(20, max_iter=10, batch_size=150, random_state=0, n_jobs=n_jobs, dropout=0.1).fit(X, y)
    return model.coefs_[0].tobytes()


def cases(n_jobs):
    """Return fitted models and X in several layouts."""
    random, found = np.random.default_rng(0), []
    for dtype in ("f4", "f8"):
        X = random.normal(size=(2000, 40)).astype(dtype)
        for y in (random.integers(0, 3, 2000), random.integers(0, 2, (2000, 3))):
            model = ShallowNetClassifier(20, max_iter=2, random_state=0, n_jobs=n_jobs).fit(X, y)
            layouts = X, np.asfortranarray(X), X[::-2], X[:1], sparse.csr_array(X * (X > 1))
            found += [(model, X) for X in layouts]
    return found


class Crowd:
    """Threads that work until a time, each either on its fits or with models that all of them share."""

    def __init__(self, seconds, count, n_jobs):
        self.n_jobs, self.calls, self.failed = n_jobs, 0, []
        self.cases = cases(n_jobs)
        self.expected, self.bits = [model.predict_proba(X).tobytes() for model, X in self.cases], fit(1)
        self.end = time.monotonic() + seconds
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(count)]

    def work(self, number):
        try:
            draw = random.Random(number)
            while time.monotonic() < self.end:
                if number % 2:
                    self.check("fit", fit(self.n_jobs) == self.bits)
                else:
                    case = draw.randrange(len(self.cases))
                    model, X = self.cases[case]
                    self.check(f"prediction {case}", model.predict_proba(X).tobytes() == self.expected[case])
        except BaseException as error:
            self.failed.append(repr(error))
            raise

    def check(self, what, holds):
        self.calls += 1
        if not holds:
            self.failed.append(what)


def fork(crowd, draw):
    """Fork a process that leaves at once, after a fit, or in the middle of one, and wait for it."""
    way, later = draw.randrange(3), draw.random() / 20
    child = os.fork()
    if child == 0:
        status = 4
        try:
            if way == 1:
                status = 0 if fit() == crowd.bits else 3
            elif way == 2:
                threading.Timer(later, os._exit, [0]).start()
                while True:
                    fit()
            else:
                status = 0
        finally:
            os._exit(status)
    deadline, done, status = time.monotonic() + PATIENCE / 2, 0, None
    while not done and time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.001)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
    crowd.check(f"child that leaves by way {way}: {status}", done and status == 0)


def spawn(crowd, draw):
    """Let a pool of processes fit."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        crowd.check("pool", set(pool.map(fit, [4] * 4)) == {crowd.bits})


def alone(crowd, draw):
    """Fit in the main thread, the one that may use any threading layer."""
    crowd.check("fit of the main thread", fit(crowd.n_jobs) == crowd.bits)


def main(what, seconds, count, n_jobs):
    warnings.simplefilter("ignore")
    n_jobs = None if n_jobs == "None" else int(n_jobs)
    os.environ["SHALLOWNET_PARALLEL"] = "never"
    crowd, draw = Crowd(float(seconds), int(count), n_jobs), random.Random(0)
    os.environ["SHALLOWNET_PARALLEL"] = "always"
    faulthandler.dump_traceback_later(float(seconds) + PATIENCE, exit=True)
    for thread in crowd.threads:
        thread.start()
    while time.monotonic() < crowd.end:
        {"fork": fork, "spawn": spawn, "alone": alone}[what](crowd, draw)
    for thread in crowd.threads:
        thread.join()
    faulthandler.cancel_dump_traceback_later()
    report = {"file": shallownet.__file__, "layer": numba.threading_layer(), "calls": crowd.calls}
    print(json.dumps({**report, "failed": crowd.failed}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
