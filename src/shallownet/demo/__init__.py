"""What ``python -m shallownet`` runs.

It trains on the digits of scikit-learn or on other data, prints the accuracy on held-out rows and the time of the fit
beside MLPClassifier's with the same parameters and seed, and draws the loss curves and the weights of the hidden units
into ``shallownet-pictures/``; for two numeric features, the decision boundary as well. Where the target is a real
number, it prints R2, compares with MLPRegressor, and draws predicted against true numbers; networks learn such targets
scaled to mean 0 and standard deviation 1. ``--help`` lists all options::

    python -m shallownet --data breast_cancer --hidden 32 --activation tanh
    python -m shallownet --data planar --learning-rate 0.02
    python -m shallownet --data diabetes
    python -m shallownet --data FILE.csv --target COLUMN

The columns of a CSV file may hold numbers, whose empty cells become the median; dates (2024-12-31), which become days;
and categories, which become one column for each of at most the 100 most frequent values. One line says which columns
are taken as what and which are left out because nothing can be learned from them, such as names that occur once;
another, how many rows have no target and are left out. The separator is detected, and a byte order mark is respected;
``--separator``, ``--decimal ,`` and ``--encoding cp1252`` describe other files.
"""
