"""Where River's detectors find changes in streams, and statsmodels' corrections for many tests."""

import numpy as np
from river import drift
from statsmodels.stats.multitest import multipletests


def streams():
    random = np.random.default_rng(23)
    step = np.concatenate([random.normal(0, 1, 700), random.normal(1.2, 1, 600), random.normal(1.2, 1, 400)])
    ramp = random.normal(0, 0.5, 1500) + np.linspace(0, 3, 1500)
    calm = random.normal(5, 1, 1200)
    spikes = np.where(random.uniform(0, 1, 900) < 0.01, 40, random.normal(0, 1, 900))
    down = np.concatenate([random.normal(9, 2, 500), random.normal(3, 2, 500)])
    bits = np.concatenate([random.uniform(0, 1, 900) < 0.1, random.uniform(0, 1, 600) < 0.35, random.uniform(0, 1, 500) < 0.12])
    rounded = {name: values.round(2) for name, values in {"step": step, "ramp": ramp, "calm": calm, "spikes": spikes, "down": down}.items()}
    return {**rounded, "errors": bits.astype(int), "constant": np.full(400, 2.0), "few": np.array([0.0, 9.0, 0.0, 9.0])}


def watch(detector, values):
    found, warned = [], []
    for i, value in enumerate(values):
        detector.update(float(value))
        if detector.drift_detected:
            found.append(i)
        if getattr(detector, "warning_detected", False):
            warned.append(i)
    return found, warned


def detections():
    rows = []
    for name, values in streams().items():
        row = {"name": name, "values": values}
        row["adwin"] = watch(drift.ADWIN(), values)[0]
        row["adwin_eager"] = watch(drift.ADWIN(delta=0.05, clock=1, max_buckets=3, min_window_length=2, grace_period=5), values)[0]
        detector = drift.ADWIN()
        for value in values:
            detector.update(float(value))
        row["adwin_width"] = detector.width
        row["adwin_mean"] = detector.estimation
        row["adwin_variance"] = detector.variance
        for mode in ["both", "up", "down"]:
            row[f"page_hinkley_{mode}"] = watch(drift.PageHinkley(mode=mode), values)[0]
        row["page_hinkley_low"] = watch(drift.PageHinkley(threshold=12, min_instances=10, delta=0.05), values)[0]
        if name in ("errors", "constant_bits"):
            found, warned = watch(drift.binary.DDM(), values)
            row["ddm"], row["ddm_warned"] = found, warned
        rows.append(row)
    return rows


def corrections():
    random = np.random.default_rng(29)
    lists = [
        [0.01, 0.04, 0.03, 0.005, 0.2],
        [0.05],
        [0.0, 1.0, 0.5, 0.5],
        (random.uniform(0, 1, 100) ** 3).round(6).tolist(),
    ]
    return [
        {"p": p, "holm": multipletests(p, method="holm")[1], "bh": multipletests(p, method="fdr_bh")[1]}
        for p in lists
    ]
