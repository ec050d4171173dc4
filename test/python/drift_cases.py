"""The columns that drift is compared on: real ones, and those at which formulas break."""

import json
import math

import numpy as np

NAN = math.nan
INF = math.inf


def case(name, kind, reference, current, integer=False):
    return {"name": name, "kind": kind, "integer": integer, "reference": reference, "current": current}


def edge_cases():
    random = np.random.default_rng(20260101)
    normal = random.normal(0, 1, 300).round(3).tolist()
    shifted = random.normal(0.3, 1.2, 280).round(3).tolist()
    skewed = random.gamma(1.5, 2.0, 400).round(3).tolist()
    grown = random.gamma(1.9, 2.2, 350).round(3).tolist()
    gap = [float(v) for v in random.normal(0, 1, 150).round(2)] + [float(v) for v in random.normal(40, 1, 150).round(2)]
    return [
        case("normal", "numeric", normal, shifted),
        case("skewed", "numeric", skewed, grown),
        case("empty bins", "numeric", gap, [float(v) for v in random.normal(20, 8, 200).round(2)]),
        case("integer dtype", "numeric", random.poisson(14, 400).tolist(), random.poisson(17, 300).tolist(), True),
        case("narrow integers", "numeric", random.integers(0, 24, 2000).tolist(), random.integers(0, 22, 900).tolist(), True),
        case("ties", "numeric", random.integers(0, 9, 200).astype(float).tolist(), random.integers(1, 10, 150).astype(float).tolist()),
        case("constant", "numeric", [4.0] * 60, [4.0] * 45),
        case("two constants", "numeric", [4.0] * 60, [5.0] * 45),
        case("two values", "numeric", [0.0] * 40 + [1.0] * 60, [0.0] * 60 + [1.0] * 40),
        case("four values", "numeric", [0.0, 1.0, 2.0, 3.0] * 30, [0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 3.0] * 12),
        case("nulls and infinities", "numeric", normal[:80] + [NAN] * 7 + [INF, -INF], shifted[:70] + [NAN] * 20 + [INF]),
        case("tiny samples", "numeric", [1.0, 2.0, 4.0], [1.5, 2.0]),
        case("tiny and far", "numeric", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [9.0, 9.1, 9.2, 9.3, 9.4, 9.5]),
        case("one value each", "numeric", [1.0], [2.0]),
        case("all null", "numeric", normal[:50], [NAN] * 30),
        case("tiny spread", "numeric", (np.array(normal[:100]) * 1e-6).tolist(), (np.array(shifted[:90]) * 1e-6).tolist()),
        case("very small share", "numeric", random.normal(0, 1, 30000).round(1).tolist()[:12000], random.normal(0, 1, 9000).round(1).tolist()),
        case("yates", "categorical", ["a"] * 30 + ["b"] * 20, ["a"] * 18 + ["b"] * 27),
        case("yates, nearly equal", "categorical", ["a"] * 30 + ["b"] * 20, ["a"] * 29 + ["b"] * 20),
        case("three categories", "categorical", ["a"] * 50 + ["b"] * 30 + ["c"] * 20, ["a"] * 20 + ["b"] * 25 + ["c"] * 35),
        case("unseen category", "categorical", ["a"] * 50 + ["b"] * 30, ["a"] * 40 + ["b"] * 20 + ["new"] * 3 + ["newer"] * 2),
        case("lost category", "categorical", ["a"] * 50 + ["b"] * 30 + ["c"] * 4, ["a"] * 40 + ["b"] * 20),
        case("no category in both", "categorical", ["a"] * 50 + ["b"] * 30, ["c"] * 40 + ["d"] * 20),
        case("one category", "categorical", ["a"] * 50, ["a"] * 40),
        case("nulls among categories", "categorical", ["a"] * 50 + ["b"] * 30 + [None] * 9, ["a"] * 30 + ["b"] * 30 + [None] * 15),
        case("all null categories", "categorical", ["a"] * 50 + ["b"] * 30, [None] * 15),
        case("many rows", "categorical", ["a"] * 900 + ["b"] * 700, ["a"] * 500 + ["b"] * 300 + ["c"] * 1),
    ]


def plain(value):
    """Numbers as JSON: NaN is null, infinities are text."""
    if isinstance(value, (float, np.floating)):
        value = float(value)
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return value
    if isinstance(value, (np.integer,)):
        return int(value)
    if isinstance(value, (np.bool_,)):
        return bool(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(each) for each in value]
    return value


def write(path, value):
    """One element of a list on a line: a difference shows what differs."""
    with open(path, "w", encoding="utf-8") as file:
        if isinstance(value, list):
            lines = ",\n".join(json.dumps(plain(each), separators=(",", ":")) for each in value)
            file.write(f"[\n{lines}\n]\n")
        else:
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(plain(each), separators=(',', ':'))}" for key, each in value.items())
            file.write(f"{{\n{lines}\n}}\n")
