"""Accuracy on real data: a speed-up that costs accuracy is none."""

from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from .problems import fitted

DATA = {"digits": load_digits, "breast_cancer": load_breast_cancer, "iris": load_iris, "wine": load_wine}


class TestScore:
    params = [list(DATA)]
    param_names = ["data"]

    def setup(self, data):
        X, y = DATA[data](return_X_y=True)
        X_train, X_test, self.y_train, self.y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
        scaler = StandardScaler().fit(X_train)
        self.X_train, self.X_test = scaler.transform(X_train), scaler.transform(X_test)

    def track_test_score(self, data):
        return fitted(self.X_train, self.y_train, 32, 100).score(self.X_test, self.y_test)

    track_test_score.unit = "accuracy"

    def track_train_loss(self, data):
        return fitted(self.X_train, self.y_train, 32, 100).loss_

    track_train_loss.unit = "cross-entropy"
