"""Runs named checks and says how each went, one line of JSON for each: what the Node test reads."""
import json
import traceback

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def report(call):
    """Calls `call(check)` for every check. Exits with 0 whatever they found: the lines carry the findings."""
    for function in CHECKS:
        name = function.__doc__
        try:
            call(function)
            print(json.dumps({"name": name, "ok": True}), flush=True)
        except Exception:
            print(json.dumps({"name": name, "ok": False, "why": traceback.format_exc()}), flush=True)


def raises(kind, text, call):
    try:
        call()
    except kind as error:
        assert text in str(error), f"{error!r} does not say {text!r}"
    else:
        raise AssertionError(f"nothing was raised, expected {text!r}")
