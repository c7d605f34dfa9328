"""The first example of the README: fit the digits in float64, and score."""

import sys
from time import perf_counter

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from programs.contenders import classifier


def main(name):
    X_train, X_test, y_train, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    model = classifier(name, random_state=0)
    start = perf_counter()
    score = model.fit(X_train, y_train).score(X_test, y_test)
    print(perf_counter() - start, score)


if __name__ == "__main__":
    main(*sys.argv[1:])
