"""shallownet and MLPClassifier, which take the same parameters."""

import math
import warnings

from sklearn.exceptions import ConvergenceWarning

from peers.peer import ALPHA, RATE, SEED, Peer


class _ScikitLearnPeer(Peer):
    """A classifier with the parameters of MLPClassifier; it draws the initial weights by itself."""

    def __init__(self, problem, threads):
        self.X, self.y = problem.X, problem.y
        self.parameters = {
            "hidden_layer_sizes": (problem.shape.n_hidden,),
            "batch_size": problem.shape.batch_size,
            "alpha": ALPHA,
            "learning_rate_init": RATE,
            "tol": 0,
            "n_iter_no_change": math.inf,
        }

    def fit(self, epochs, seed=SEED):
        model = self.classifier(max_iter=epochs, **self.parameters | {"random_state": seed})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.X, self.y)
        (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
        return W1, b1, W2, b2


class ShallowNet(_ScikitLearnPeer):
    name = "shallownet"
    package = "shallownet"

    def __init__(self, problem, threads):
        from shallownet import ShallowNetClassifier

        super().__init__(problem, threads)
        self.classifier = ShallowNetClassifier
        self.parameters["n_jobs"] = threads


class MLP(_ScikitLearnPeer):
    name = "MLPClassifier"
    package = "sklearn"

    def __init__(self, problem, threads):
        from sklearn.neural_network import MLPClassifier

        super().__init__(problem, threads)
        self.classifier = MLPClassifier
