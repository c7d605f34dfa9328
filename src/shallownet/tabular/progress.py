"""What others are told of a fit: lines that are printed, and scikit-learn's callbacks."""

from ..estimators.callbacks import Hooks, told


class Progress:
    """Follows the networks of a fit.

    Parameters
    ----------
    verbose : int
        1 prints a line for each network, more one for each epoch.
    estimator : estimator
    context : CallbackContext or None
        scikit-learn's, of the fit; None without callbacks.
    data : tuple
        X, y and sample_weight of the fit.
    attributes : callable
        Maps what is Learned to the fitted attributes of the estimator.
    """

    def __init__(self, verbose, estimator, context, data, attributes):
        self.verbose, self.name = int(verbose), type(estimator).__name__
        self.estimator, self.context, self.data, self.attributes = estimator, context, data, attributes
        self.ended = False  # whether the fit has ended, so that networks in other threads need learn no more
        self._hooks = None  # of the network that is being trained; with callbacks it is one at a time
        if context is not None:
            context.call_on_fit_task_begin(estimator=estimator, **told(*data))

    @property
    def has_callbacks(self):
        """Whether a callback of the user is told of each epoch."""
        return self.context is not None

    def begin(self, name, max_iter, history, learned):
        """Begin a network; return what is to be called after each epoch.

        ``learned`` maps coefs and intercepts to what is Learned with these weights.
        """
        if self.has_callbacks:
            context = self.context.subcontext(task_name=name.split()[0], max_subtasks=max_iter)
            self._hooks = Hooks(self.estimator, context, self.data, lambda *weights: self.attributes(learned(*weights)))

        def after_epoch(weights):
            if self.verbose > 1:
                measured = (
                    f", loss held out = {-history.validation_scores[-1]:.6f}" if history.validation_scores else ""
                )
                self._print(f"{name}, epoch {history.n_iter} of {max_iter}: loss = {history.loss:.6f}{measured}")
            return self.ended or (self._hooks is not None and self._hooks.after_epoch(weights))

        return after_epoch

    def end(self, name, learned, seconds):
        """End a network that is trained."""
        network = learned.networks[0]
        if self.verbose:
            best = f" (best: {network.best_iter_})" if network.early_stopping else ""
            self._print(f"{name}: {network.n_iter_} epochs{best}, loss = {network.loss_:.6f}, {seconds:.2f} s")
        if self._hooks is not None:
            self._hooks.end(self.attributes(learned))

    def end_fit(self, fitted):
        """End the fit with its attributes."""
        if self.has_callbacks:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=fitted, **told(*self.data)
            )

    def _print(self, line):
        print(f"[{self.name}] {line}", flush=True)  # noqa: T201
