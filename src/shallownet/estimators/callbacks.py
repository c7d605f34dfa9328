"""scikit-learn's callbacks: around a fit and around each of its epochs."""


class Hooks:
    """Calls scikit-learn's callbacks: around the fit, and around each epoch."""

    def __init__(self, estimator, context, X, y, sample_weight):
        self.estimator, self.context = estimator, context
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        context.call_on_fit_task_begin(estimator=estimator, **self.data)
        self.begun = 0
        self._begin_epoch()

    def _begin_epoch(self):
        self.begun += 1
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def after_epoch(self, attributes):
        """End an epoch and begin the next; return whether a callback asks to stop."""
        stops = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes, **self.data
        )
        self.epoch = None
        if not stops and self.begun < self.context.max_subtasks:
            self._begin_epoch()
        return stops

    def end(self, attributes):
        """End the fit; an epoch that was begun but never came, as the fit had converged, ends without data."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.estimator)
        self.context.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes=attributes, **self.data)
