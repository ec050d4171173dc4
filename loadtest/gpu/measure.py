"""Times a model in Python's ONNX Runtime: measure.py PROVIDER MODEL SECONDS BATCH... prints one JSON object a line."""
import json
import sys
import time

import numpy as np
import onnxruntime

provider, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
if provider not in onnxruntime.get_available_providers():
    sys.exit(f"this onnxruntime has no {provider}, but {', '.join(onnxruntime.get_available_providers())}")
if hasattr(onnxruntime, "preload_dlls"):
    onnxruntime.preload_dlls()
session = onnxruntime.InferenceSession(path, providers=[provider])
if session.get_providers()[0] != provider:
    sys.exit(f"the session took {session.get_providers()[0]} in place of {provider}")
feed = session.get_inputs()[0]
for batch in map(int, sys.argv[4:]):
    rows = np.random.default_rng(1).standard_normal([batch, *feed.shape[1:]]).astype(np.float32)
    for _ in range(2):
        session.run(None, {feed.name: rows})
    taken = []
    until = time.perf_counter() + seconds
    while len(taken) < 5 or time.perf_counter() < until:
        begun = time.perf_counter()
        session.run(None, {feed.name: rows})
        taken.append((time.perf_counter() - begun) * 1000)
    print(json.dumps({"batch": batch, "taken_ms": taken}))
