"""Distances and tests of one column, as scipy, Evidently and NannyML compute them."""

import warnings

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats._stats_py import _attempt_exact_2kssamp

from evidently.legacy.calculations import stattests
from evidently.legacy.calculations.stattests.registry import _get_default_stattest
from evidently.legacy.core import ColumnType
from nannyml.chunk import SizeBasedChunker
from nannyml.drift.univariate.methods import FeatureType, MethodFactory
from nannyml.thresholds import ConstantThreshold

TESTS = {
    "psi": stattests.psi_stat_test,
    "jensenshannon": stattests.jensenshannon_stat_test,
    "hellinger": stattests.hellinger_stat_test,
    "wasserstein": stattests.wasserstein_stat_test,
    "ks": stattests.ks_stat_test,
    "z": stattests.z_stat_test,
    "chisquare": stattests.chi_stat_test,
}
EVIDENTLY = {
    "numeric": ["psi", "jensenshannon", "hellinger", "wasserstein", "ks", "z", "chisquare"],
    "categorical": ["psi", "jensenshannon", "hellinger", "z", "chisquare"],
}
NANNYML = {
    "numeric": ["jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein"],
    "categorical": ["jensen_shannon", "hellinger", "chi2", "l_infinity"],
}


def series(values, kind, integer):
    if kind == "categorical":
        return pd.Series(values, dtype=object, name="column")
    return pd.Series(values, dtype="int64" if integer else "float64", name="column")


def cleaned(column):
    """What Evidently does to a column before any test."""
    if column.dtype == object:
        return column.dropna()
    return column.replace([np.inf, -np.inf], np.nan).dropna() if column.dtype == "float64" else column


def of_evidently(kind, reference, current):
    """Empty where a side has no values."""
    column = ColumnType.Numerical if kind == "numeric" else ColumnType.Categorical
    reference, current = cleaned(reference), cleaned(current)
    if len(reference) == 0 or len(current) == 0:
        return {}
    distinct = pd.concat([reference, current]).nunique()
    out = {"choice": _get_default_stattest(reference, current, column).name}
    for name in EVIDENTLY[kind]:
        if (name == "z" and distinct > 2) or (name == "chisquare" and kind == "numeric" and distinct > 5):
            continue
        try:
            out[name] = TESTS[name].func(reference.copy(), current.copy(), column, 0.05)[0]
        except (ValueError, KeyError, ZeroDivisionError) as error:
            out[name] = f"error: {type(error).__name__}"
    return out


def of_nannyml(kind, reference, current):
    feature = FeatureType.CONTINUOUS if kind == "numeric" else FeatureType.CATEGORICAL
    reference, current = cleaned(reference), cleaned(current)
    if len(reference) == 0 or len(current) == 0 or (kind == "numeric" and len(reference) >= 10_000):
        return {}
    out = {}
    for name in NANNYML[kind]:
        method = MethodFactory.create(
            name,
            feature,
            chunker=SizeBasedChunker(chunk_size=max(1, len(reference))),
            threshold=ConstantThreshold(lower=None, upper=1),
        )
        method.fit(reference)
        out[name] = method.calculate(current)
        if name == "chi2":
            out["chi2_p"] = method._p_value
    return out


def of_scipy(kind, reference, current):
    reference, current = cleaned(reference), cleaned(current)
    if kind != "numeric" or len(reference) == 0 or len(current) == 0:
        return {}
    ks = stats.ks_2samp(reference, current)
    return {"ks": ks.statistic, "ks_p": ks.pvalue, "wasserstein": stats.wasserstein_distance(reference, current)}


def univariate(cases):
    warnings.simplefilter("ignore")
    results = []
    for each in cases:
        reference = series(each["reference"], each["kind"], each["integer"])
        current = series(each["current"], each["kind"], each["integer"])
        results.append(
            {
                "name": each["name"],
                "scipy": of_scipy(each["kind"], reference, current),
                "evidently": of_evidently(each["kind"], reference, current),
                "nannyml": of_nannyml(each["kind"], reference, current),
            }
        )
    return results


def kolmogorov():
    """p-values over a grid: counted paths up to 10,000, the distribution of one sample beyond."""
    rows = []
    for n, m in [(1, 1), (3, 2), (7, 7), (20, 31), (100, 100), (700, 500), (1800, 1500), (4000, 9000)]:
        for scaled in [0.3, 0.6, 0.9, 1.3, 1.8, 2.6, 4.0]:
            # A value that D of such samples can have.
            lcm = int(np.lcm(n, m))
            d = min(1.0, round(scaled / np.sqrt(n * m / (n + m)) * lcm) / lcm)
            ok, _, p = _attempt_exact_2kssamp(n, m, int(np.gcd(n, m)), d, "two-sided")
            if ok and d > 0:
                rows.append({"n": n, "m": m, "d": d, "p": p})
    for n, m in [(5, 20_000), (50, 20_000), (900, 12_000), (3000, 20_000), (12_000, 9000), (40_000, 20_000), (300_000, 200_000), (5_000_000, 9_000_000)]:
        for scaled in [0.2, 0.5, 0.7, 0.9, 1.2, 1.6, 2.4, 5.0]:
            d = min(1.0, scaled / np.sqrt(n * m / (n + m)))
            rows.append({"n": n, "m": m, "d": d, "p": stats.kstwo.sf(d, np.round(n * m / (n + m)))})
    return rows
