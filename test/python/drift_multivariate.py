"""NannyML's reconstruction error: principal components of the reference, and how badly they describe other rows."""

import numpy as np
import pandas as pd
from nannyml.drift.multivariate.data_reconstruction import DataReconstructionDriftCalculator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score


def rows_of(random, rows, angle):
    hidden = random.normal(0, 1, (rows, 2))
    turned = hidden @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    numbers = np.column_stack([hidden[:, 0], hidden[:, 1], turned[:, 0] + 0.2 * random.normal(size=rows), turned.sum(axis=1)])
    numbers = (numbers + 0.1 * random.normal(size=numbers.shape)).round(3)
    frame = pd.DataFrame(numbers * [1, 10, 100, 1] + [0, 5, -3, 1000], columns=["w", "x", "y", "z"]).round(3)
    frame["category"] = np.where(hidden[:, 0] > 0.5, "high", np.where(hidden[:, 1] > 0, "mid", "low"))
    return frame


def reconstruction():
    random = np.random.default_rng(31)
    reference = rows_of(random, 400, 0.4)
    current = pd.concat([rows_of(random, 100, 0.4), rows_of(random, 100, 2.2)], ignore_index=True)
    current.loc[3, "x"] = np.nan
    # NaN, as pandas reads an empty cell: the imputer does not see None.
    current.loc[7, "category"] = np.nan
    # Not in the reference: its share there is 0.
    current.loc[11, "category"] = "new"
    names = ["w", "x", "y", "z", "category"]
    out = {"numeric": names[:4]}
    for label, columns in [("numeric_only", names[:4]), ("mixed", names)]:
        calculator = DataReconstructionDriftCalculator(column_names=columns, chunk_size=100)
        calculator.fit(reference[columns].copy())
        frame = calculator.calculate(current[columns].copy()).to_df()
        out[label] = {
            "components": int(calculator._pca.n_components_),
            "values": frame[("reconstruction_error", "value")].tolist(),
            "upper": frame[("reconstruction_error", "upper_threshold")].iloc[0],
            "lower": frame[("reconstruction_error", "lower_threshold")].iloc[0],
            "alert": [bool(each) for each in frame[("reconstruction_error", "alert")]],
        }
    out["reference"] = reference.astype(object).where(reference.notna(), None).values.tolist()
    out["current"] = current.astype(object).where(current.notna(), None).values.tolist()
    return out


def classifier():
    """scikit-learn's logistic regression: its weights, and its AUROC over folds of every fifth row."""
    random = np.random.default_rng(47)
    rows = np.column_stack([random.normal(size=(300, 2)), random.integers(0, 2, 300)]).round(3)
    labels = (rows[:, 0] - 0.5 * rows[:, 2] + random.normal(0, 1.5, 300) > 0).astype(int)
    whole = fitted(rows, labels)
    folds = np.arange(300) % 5
    out = {"rows": rows.tolist(), "labels": labels.tolist(), "weights": whole.coef_[0].tolist(), "intercept": float(whole.intercept_[0])}
    out["auroc"] = []
    for fold in range(5):
        inside = folds == fold
        scores = fitted(rows[~inside], labels[~inside]).decision_function(rows[inside])
        out["auroc"].append(float(roc_auc_score(labels[inside], scores)))
    return out


def fitted(rows, labels):
    return LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(rows, labels)
