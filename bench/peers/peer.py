"""What all contenders have in common: the settings of Adam and the initial weights."""

import math
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

RATE = 1e-3
BETA_1, BETA_2 = 0.9, 0.999
EPSILON = 1e-8
ALPHA = 1e-4  # L2 penalty; divided by the batch size it is the weight decay of torch
SEED = 0


class Peer:
    @classmethod
    def obstacle(cls):
        return "" if find_spec(cls.package) else "not installed"


def initial_weights(problem):
    """Draw the uniform Glorot weights that MLPClassifier draws from the same seed."""
    random_state = np.random.RandomState(SEED)
    sizes = problem.shape.n_features, problem.shape.n_hidden, problem.shape.n_outputs
    weights = []
    for fan_in, fan_out in pairwise(sizes):
        bound = math.sqrt(6 / (fan_in + fan_out))
        weights.append(random_state.uniform(-bound, bound, (fan_in, fan_out)))
        weights.append(random_state.uniform(-bound, bound, fan_out))
    return [array.astype(problem.X.dtype) for array in weights]
