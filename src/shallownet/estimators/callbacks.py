"""scikit-learn's callbacks: called around a fit and around each of its epochs, from scikit-learn 1.9 on."""

import functools

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ModuleNotFoundError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator without callbacks: it has no ``set_callbacks``."""

    def with_callbacks(method):
        """Return the method, called through one more frame, as it is where there are callbacks."""

        @functools.wraps(method)
        def same_method(estimator, *args, **kwargs):
            return method(estimator, *args, **kwargs)

        return same_method


def told(X, y, sample_weight):
    """Return the data of a fit as callbacks are told of them."""
    return {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}


class Hooks:
    """Calls the callbacks of an estimator.

    Parameters
    ----------
    estimator : estimator
    context : CallbackContext
        scikit-learn's, of the fit.
    data : tuple
        X, y and sample_weight of the fit.
    attributes : callable
        Maps coefs and intercepts to the fitted attributes; called only if a callback asks for them.
    """

    def __init__(self, estimator, context, data, attributes):
        self.estimator, self.context, self.attributes = estimator, context, attributes
        self.data = told(*data)
        context.call_on_fit_task_begin(estimator=estimator, **self.data)
        self.n_begun = 0
        self._begin_epoch()

    def _begin_epoch(self):
        self.n_begun += 1
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def after_epoch(self, weights):
        """End an epoch and begin the next; return whether a callback asks to stop.

        ``weights`` is a function that returns coefs and intercepts.
        """
        stops = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=lambda: self.attributes(*weights()), **self.data
        )
        self.epoch = None
        if not stops and self.n_begun < self.context.max_subtasks:
            self._begin_epoch()
        return stops

    def end(self, fitted):
        """End the fit with its attributes, and an epoch that was begun but not trained, as training had converged."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.estimator)
        self.context.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes=fitted, **self.data)
