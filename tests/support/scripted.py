"""A network whose losses the test decides."""

import itertools

from shallownet import ShallowNetClassifier
from shallownet.training.loop import Training


class ScriptedNetwork:
    """Gives the losses it is told, and notes how it was called; an exception among them is raised."""

    n_samples, batch_size = 10, 4

    def __init__(self, losses, is_finite=True, at_once=1):
        self.at_once = at_once
        self.most, self.done = [], []
        self.losses = iter(losses)
        self.is_finite = is_finite
        self.orders, self.rates, self.steps, self.lent = [], [], [], []

    def train_epochs(self, most, order, generator, rate, step, seen):
        self.most.append(most)
        self.orders.append(None if order is None else order.copy())
        self.rates.append(rate)
        self.steps.append(step)
        self.lent.append(generator is not None)
        self.done, loss = [], next(self.losses)
        if isinstance(loss, BaseException):
            raise loss
        self.done = [loss, *itertools.islice(self.losses, min(most, self.at_once) - 1)]
        if KeyboardInterrupt in self.done:
            self.done.remove(KeyboardInterrupt)
            raise KeyboardInterrupt
        return self.done

    def losses_so_far(self):
        return self.done

    @property
    def updates(self):
        return (self.steps[-1] if self.steps else 0) + 3 * len(self.done)

    def forget_losses(self):
        self.done = []

    def finite(self):
        return self.is_finite

    def weights(self):
        return [], []


def training(
    network, learning_rate, order, history, validation=None, incremental=False, after_epoch=None, **parameters
):
    """Return a Training with the classifier's parameters."""
    return Training(
        network=network,
        hyperparameters=ShallowNetClassifier(**parameters)._hyperparameters(incremental),
        learning_rate=learning_rate,
        order=order,
        history=history,
        validation=validation,
        incremental=incremental,
        after_epoch=after_epoch,
    )
