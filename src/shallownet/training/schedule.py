"""Learning rate schedules."""

import math

SMALLEST_ADAPTIVE_RATE = 1e-6


class LearningRate:
    """The learning rate of each epoch.

    Parameters
    ----------
    schedule : {'constant', 'invscaling', 'adaptive', 'cosine'}
        constant: the initial rate throughout. invscaling: initial / (t + 1)**power_t after t examples, from one epoch
        to the next. adaptive: divided by 5 whenever training stops improving, until it is 1e-6 or less. cosine:
        initial * (1 + cos(pi e / max_iter)) / 2 in epoch e = 0, 1, ...
    initial : float
    power_t : float
        Exponent of 'invscaling'.
    max_iter : int
        Number of epochs after which 'cosine' reaches 0.

    Attributes
    ----------
    rate : float
        The current learning rate.
    """

    def __init__(self, schedule, initial, power_t, max_iter=1):
        self.schedule = schedule
        self.initial = self.rate = float(initial)
        self.power_t = float(power_t)
        self.max_iter = max_iter

    @property
    def runs_ahead(self):
        """Whether the rate stays the same while training improves, so that epochs need no ``end_epoch`` between."""
        return self.schedule in ("constant", "adaptive")

    def end_epoch(self, n_iter, t):
        """Set the rate of the next epoch, when ``n_iter`` epochs are done and t examples have been seen."""
        if self.schedule == "invscaling":
            try:
                self.rate = self.initial / (t + 1) ** self.power_t
            except OverflowError:
                self.rate = 0.0
        elif self.schedule == "cosine":
            self.rate = self.initial * (1 + math.cos(math.pi * min(1, n_iter / self.max_iter))) / 2

    def on_plateau(self):
        """Decide what follows when training no longer improves: return whether it stops, and a message."""
        if self.schedule != "adaptive":
            return True, "Stopping."
        if self.rate <= SMALLEST_ADAPTIVE_RATE:
            return True, "Learning rate too small. Stopping."
        self.rate /= 5.0
        return False, f"Setting learning rate to {self.rate:f}"
