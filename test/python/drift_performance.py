"""Metrics of labelled predictions as scikit-learn computes them, and of unlabelled ones as NannyML estimates them."""

import numpy as np
from nannyml.calibration import IsotonicCalibrator
from nannyml.performance_estimation.confidence_based import metrics as cbpe
from sklearn import metrics


def binary_case(name, random, rows, digits, sharpness):
    truth = random.uniform(0, 1, rows)
    labels = (random.uniform(0, 1, rows) < truth).astype(int)
    scores = np.clip(truth**sharpness + random.normal(0, 0.08, rows), 0, 1).round(digits)
    return binary_answers(name, scores, labels)


def binary_answers(name, scores, labels):
    predictions = (scores >= 0.5).astype(int)
    both = len(np.unique(labels)) == 2
    return {
        "name": name,
        "scores": scores,
        "labels": labels,
        "auroc": metrics.roc_auc_score(labels, scores) if both else None,
        "average_precision": metrics.average_precision_score(labels, scores) if both else None,
        "log_loss": metrics.log_loss(labels, scores, labels=[0, 1]),
        "brier": metrics.brier_score_loss(labels, scores, pos_label=1),
        "accuracy": metrics.accuracy_score(labels, predictions),
        "precision": metrics.precision_score(labels, predictions, zero_division=np.nan),
        "recall": metrics.recall_score(labels, predictions, zero_division=np.nan),
        "f1": metrics.f1_score(labels, predictions, zero_division=np.nan),
    }


def binary():
    random = np.random.default_rng(7)
    return [
        binary_case("ties", random, 300, 2, 1.0),
        binary_case("skewed", random, 400, 5, 3.0),
        binary_case("tiny", random, 6, 2, 1.0),
        binary_answers("perfect", np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])),
        binary_answers("certain and wrong", np.array([0.0, 1.0, 0.3, 1.0]), np.array([1, 0, 0, 1])),
        binary_answers("one class", np.array([0.1, 0.7, 0.4]), np.array([1, 1, 1])),
        binary_answers("all equal", np.array([0.6] * 5), np.array([1, 0, 1, 1, 0])),
    ]


def averages(labels, predictions, average):
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
    return {"precision": precision, "recall": recall, "f1": f1}


def multi_class():
    random = np.random.default_rng(11)
    labels = random.choice(["a", "b", "c", "d"], 200, p=[0.5, 0.3, 0.15, 0.05])
    predictions = np.where(random.uniform(0, 1, 200) < 0.7, labels, random.choice(["a", "b", "c", "e"], 200))
    return {
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "accuracy": metrics.accuracy_score(labels, predictions),
        **{name: averages(labels, predictions, name) for name in ["macro", "micro", "weighted"]},
    }


def regression():
    random = np.random.default_rng(13)
    labels = random.normal(100, 20, 150).round(2)
    predictions = (labels + random.normal(1.5, 6, 150)).round(2)
    return {
        "labels": labels,
        "predictions": predictions,
        "rmse": metrics.root_mean_squared_error(labels, predictions),
        "mae": metrics.mean_absolute_error(labels, predictions),
        "bias": np.mean(predictions - labels),
        "r2": metrics.r2_score(labels, predictions),
    }


def estimated():
    """Calibrated on one window, estimated on another one that has shifted."""
    random = np.random.default_rng(17)
    truth = random.beta(2, 2, 600)
    labels = (random.uniform(0, 1, 600) < truth).astype(int)
    scores = (truth**1.7).round(3)
    current = np.clip(random.beta(3, 2, 500) ** 1.6 + random.normal(0, 0.03, 500), 0, 1).round(3)
    calibrator = IsotonicCalibrator()
    calibrator.fit(scores, labels)
    calibrated = calibrator.calibrate(current)
    predictions = (current >= 0.5).astype(int)
    return {
        "reference_scores": scores,
        "reference_labels": labels,
        "scores": current,
        "calibrated": calibrated,
        "accuracy": cbpe.estimate_accuracy(predictions, calibrated),
        "precision": cbpe.estimate_precision(predictions, calibrated),
        "recall": cbpe.estimate_recall(predictions, calibrated),
        "f1": cbpe.estimate_f1(predictions, calibrated),
        "auroc": cbpe.estimate_roc_auc(calibrated, current),
    }
