"""Writes what scipy, Evidently, NannyML, River, scikit-learn and statsmodels answer, for Tidegate to be compared with.

usage: drift_parity.py COLUMNS_JSON OUTPUT_FOLDER
"""

import json
import os
import sys

# Evidently adds up over sets: their order, and so the last digit, would differ from run to run.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})

# NannyML would report its use to its makers.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
os.environ["DO_NOT_TRACK"] = "1"

from drift_cases import edge_cases, write
from drift_detectors import corrections, detections
from drift_multivariate import classifier, reconstruction
from drift_performance import binary, estimated, multi_class, regression
from drift_univariate import kolmogorov, univariate


def main():
    columns_path, folder = sys.argv[1:]
    with open(columns_path, encoding="utf-8") as file:
        columns = json.load(file)
    edges = edge_cases()
    write(os.path.join(folder, "edge-columns.json"), edges)
    write(os.path.join(folder, "univariate.json"), univariate(columns + edges))
    write(os.path.join(folder, "kolmogorov.json"), kolmogorov())
    write(os.path.join(folder, "corrections.json"), corrections())
    write(os.path.join(folder, "detectors.json"), detections())
    write(os.path.join(folder, "reconstruction.json"), reconstruction())
    write(os.path.join(folder, "classifier.json"), classifier())
    write(os.path.join(folder, "binary.json"), binary())
    performance = {"multi_class": multi_class(), "regression": regression(), "estimated": estimated()}
    write(os.path.join(folder, "performance.json"), performance)


main()
