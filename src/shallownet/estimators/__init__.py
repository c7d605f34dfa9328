"""What scikit-learn sees: estimators, their parameters, checks of input, saving and callbacks."""
