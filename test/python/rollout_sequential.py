"""What scipy says of sequential tests: writes sequential.json into the folder that is named."""

import json
import sys
from math import e, log, sqrt
from pathlib import Path

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import beta, multivariate_normal, norm


def spent(kind, alpha, t):
    if kind == "pocock":
        return alpha * log(1 + (e - 1) * t)
    return 2 * norm.sf(norm.isf(alpha / 2) / sqrt(t))


def within(bounds, times):
    """P(no |Z| beyond its bound), by the integral over the joint normal distribution of all looks."""
    if len(times) == 1:
        return norm.cdf(bounds[0]) - norm.cdf(-bounds[0])
    cov = np.array([[sqrt(min(a, b) / max(a, b)) for b in times] for a in times])
    low = [-b for b in bounds]
    joint = multivariate_normal(cov=cov, abseps=1e-8, releps=1e-8, maxpts=2_000_000, seed=1)
    return float(joint.cdf(bounds, lower_limit=low))


def boundaries(kind, alpha, times):
    found = []
    for k in range(len(times)):
        allowed = 1 - 2 * spent(kind, alpha / 2, times[k])
        here = times[: k + 1]
        found.append(brentq(lambda z: within([*found, z], here) - allowed, 0.5, 7.5, xtol=1e-7))
    return found


def ratio(by, variance, mixture):
    def weighed(effect):
        return norm.pdf(by, effect, sqrt(variance)) * norm.pdf(effect, 0, sqrt(mixture))

    total, _ = quad(weighed, -10 * sqrt(mixture), 10 * sqrt(mixture), points=[0, by], limit=500)
    return total / norm.pdf(by, 0, sqrt(variance))


def better(a, b):
    """P(rate of a > rate of b) after (successes, failures) of both."""
    def part(x):
        return beta.pdf(x, a[0] + 1, a[1] + 1) * beta.cdf(x, b[0] + 1, b[1] + 1)

    return quad(part, 0, 1, limit=500)[0]


plans = [
    (kind, alpha, times)
    for kind in ("obrien-fleming", "pocock")
    for alpha, times in ((0.05, [0.5, 1]), (0.05, [0.3, 0.45, 1]), (0.01, [0.25, 0.5, 0.75]))
]
effects = [(0.01, 0.0001, 0.0001), (-0.03, 0.0002, 0.0005), (0.0, 0.001, 0.0001), (0.2, 0.01, 0.04)]
pairs = [((30, 70), (20, 80)), ((5, 5), (500, 400)), ((0, 3), (0, 0))]
kept = {
    "boundaries": [
        {"kind": kind, "alpha": alpha, "times": times, "z": boundaries(kind, alpha, times)} for kind, alpha, times in plans
    ],
    "ratios": [{"by": b, "variance": v, "mixture": m, "ratio": ratio(b, v, m)} for b, v, m in effects],
    "better": [{"candidate": a, "champion": b, "probability": better(a, b)} for a, b in pairs],
}
Path(sys.argv[1], "sequential.json").write_text(json.dumps(kept, indent=2) + "\n")
