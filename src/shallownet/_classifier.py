"""Where version 0.1.0.dev kept the classifier: models that it saved name this module."""

from .estimators.classifier import ShallowNetClassifier

__all__ = ["ShallowNetClassifier"]
