"""The unchanged tritonclient[http] against a runtime: with_tritonclient.py HOST:PORT."""
import json
import pathlib
import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from checks import check, raises, report

DTYPES = {
    "bool": np.bool_, "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64, "uint8": np.uint8, "uint16": np.uint16,
    "uint32": np.uint32, "uint64": np.uint64, "fp16": np.float16, "fp32": np.float32, "fp64": np.float64,
}  # fmt: skip
FIRST = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), np.int32)
RELOADABLE = pathlib.Path(__file__).parents[1] / "fixtures/triton/models/reloadable/1/model.onnx"


def tensor(name, datatype, values, binary=True):
    given = triton.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def pair(binary=True, first=FIRST, second=ONES):
    return [tensor("INPUT0", "INT32", first, binary), tensor("INPUT1", "INT32", second, binary)]


def is_sum(answer):
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), FIRST + ONES)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), FIRST - ONES)


@check
def health(client):
    """health of server and models"""
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("add_sub_int32") and client.is_model_ready("two_versions", "2")
    assert not client.is_model_ready("nobody") and not client.is_model_ready("two_versions", "9")


@check
def metadata(client):
    """metadata and configuration"""
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    model = client.get_model_metadata("two_outputs")
    assert [(t["name"], t["datatype"], t["shape"]) for t in model["outputs"]] == [("ROUNDED", "INT64", [-1, 3]), ("NEGATIVE", "BOOL", [-1, 3])]
    assert client.get_model_metadata("two_versions", "2")["versions"] == ["2"]
    config = client.get_model_config("add_sub_int32")
    assert config["max_batch_size"] == 8 and config["input"][0]["dims"] in ([16], ["16"])
    raises(InferenceServerException, "Request for unknown model", lambda: client.get_model_metadata("nobody"))


@check
def binary_both_ways(client):
    """binary tensors both ways"""
    outputs = [triton.InferRequestedOutput("OUTPUT0", binary_data=True), triton.InferRequestedOutput("OUTPUT1", binary_data=True)]
    answer = client.infer("add_sub_int32", pair(), outputs=outputs, request_id="my-id")
    is_sum(answer)
    assert answer.get_response()["id"] == "my-id" and answer.get_response()["model_version"] == "1"


@check
def json_both_ways(client):
    """JSON both ways"""
    outputs = [triton.InferRequestedOutput("OUTPUT0", binary_data=False), triton.InferRequestedOutput("OUTPUT1", binary_data=False)]
    answer = client.infer("add_sub_int32", pair(binary=False), outputs=outputs)
    is_sum(answer)
    assert answer.get_output("OUTPUT0")["data"] == list(range(1, 17))


@check
def mixed(client):
    """JSON and binary mixed, and one output of two"""
    inputs = [tensor("INPUT0", "INT32", FIRST, binary=False), tensor("INPUT1", "INT32", ONES)]
    is_sum(client.infer("add_sub_int32", inputs))
    answer = client.infer("add_sub_int32", inputs, outputs=[triton.InferRequestedOutput("OUTPUT1", binary_data=False)])
    assert answer.as_numpy("OUTPUT0") is None and answer.as_numpy("OUTPUT1") is not None


@check
def every_datatype(client):
    """every datatype, to the bit"""
    for name, dtype in DTYPES.items():
        values = np.frombuffer(bytes(range(1, 97)), dtype)[:12].reshape(3, 4) if name != "bool" else np.array([[True, False], [False, True]])
        answer = client.infer(f"identity_{name}", [tensor("INPUT0", name.upper(), values)]).as_numpy("OUTPUT0")
        assert (answer.dtype, answer.shape, answer.tobytes()) == (values.dtype, values.shape, values.tobytes()), name


@check
def half_precision(client):
    """FP16 and BF16 rows of a batched model"""
    values = np.array([[1.5, -2.25], [65504, 0.0]], np.float16)
    np.testing.assert_array_equal(client.infer("half", [tensor("x", "FP16", values)]).as_numpy("y"), values)
    values = np.array([[1.5, -2.25], [3e38, 0.0]], ml_dtypes.bfloat16)
    got = client.infer("brain", [tensor("x", "BF16", values)]).as_numpy("y")
    np.testing.assert_array_equal(got.astype(np.float32), values.astype(np.float32))


@check
def strings(client):
    """BYTES, in binary and in JSON"""
    values = np.array([["plain", ""], ["zwölf Boxkämpfer", "日本語"]], np.object_)
    encoded = np.vectorize(lambda text: text.encode(), otypes=[np.object_])(values)
    for binary in (True, False):
        outputs = [triton.InferRequestedOutput("OUTPUT0", binary_data=binary)]
        answer = client.infer("identity_bytes", [tensor("INPUT0", "BYTES", encoded if binary else values, binary)], outputs=outputs)
        got = answer.as_numpy("OUTPUT0")
        assert [v if isinstance(v, bytes) else v.encode() for v in got.ravel()] == list(encoded.ravel()), got


@check
def classification(client):
    """classification with labels"""
    rows = np.array([[1, 2, 4, 1], [8, 4, 2, 2]], np.float32)
    outputs = [triton.InferRequestedOutput("PROBABILITIES", class_count=2)]
    got = client.infer("classify", [tensor("INPUT", "FP32", rows)], outputs=outputs).as_numpy("PROBABILITIES")
    assert got.tolist() == [[b"0.500000:2:cedar", b"0.250000:1:birch"], [b"0.500000:0:ash", b"0.250000:1:birch"]], got


@check
def compression(client):
    """gzip and deflate, both ways"""
    for algorithm in ("gzip", "deflate"):
        is_sum(client.infer("add_sub_int32", pair(), request_compression_algorithm=algorithm))
        is_sum(client.infer("add_sub_int32", pair(), response_compression_algorithm=algorithm))
        is_sum(client.infer("add_sub_int32", pair(binary=False), request_compression_algorithm=algorithm, response_compression_algorithm=algorithm))


@check
def sequences(client):
    """sequences by number and by string keep their state"""
    one = np.array([[1, 10]], np.float32)
    for sequence in (1042, "a sequence"):
        totals = []
        for turn in range(3):
            answer = client.infer("accumulator", [tensor("x", "FP32", one)], sequence_id=sequence, sequence_start=turn == 0, sequence_end=turn == 2)
            totals.append(answer.as_numpy("y").tolist())
        assert totals == [[[1, 10]], [[2, 20]], [[3, 30]]], totals
        raises(InferenceServerException, "sequence", lambda: client.infer("accumulator", [tensor("x", "FP32", one)], sequence_id=sequence))


@check
def parameters(client):
    """priority, timeout, headers and query parameters"""
    is_sum(client.infer("add_sub_int32", pair(), priority=1, timeout=10_000_000))
    is_sum(client.infer("add_sub_int32", pair(), headers={"X-Mine": "7"}, query_params={"a": "b c"}, parameters={"mine": 3}))


@check
def versions(client):
    """the version in the path"""
    rows = np.array([[10, 20]], np.float32)
    assert client.infer("two_versions", [tensor("INPUT", "FP32", rows)]).as_numpy("OUTPUT").tolist() == [[12, 22]]
    assert client.infer("two_versions", [tensor("INPUT", "FP32", rows)], model_version="2").as_numpy("OUTPUT").tolist() == [[12, 22]]
    raises(InferenceServerException, "Request for unknown model", lambda: client.infer("two_versions", [tensor("INPUT", "FP32", rows)], model_version="9"))


@check
def asynchronous(client):
    """many at once"""
    pending = [client.async_infer("add_sub_int32", pair()) for _ in range(20)]
    for each in pending:
        is_sum(each.get_result())


@check
def statistics(client):
    """statistics count rows and batches"""
    before = client.get_inference_statistics("classify")["model_stats"][0]
    client.infer("classify", [tensor("INPUT", "FP32", np.ones((3, 4), np.float32))])
    after = client.get_inference_statistics("classify", "1")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 3
    assert after["execution_count"] - before["execution_count"] == 1
    assert len(client.get_inference_statistics()["model_stats"]) > 10


@check
def repository(client):
    """index, unload, load, and load with another configuration"""
    states = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert states["reloadable"] == "READY" and len(states) > 10
    client.unload_model("reloadable")
    assert not client.is_model_ready("reloadable")
    raises(InferenceServerException, "", lambda: client.infer("reloadable", [tensor("INPUT", "INT32", np.ones((1, 2), np.int32))]))
    client.load_model("reloadable", config=json.dumps({"max_batch_size": "16"}))
    assert client.get_model_config("reloadable")["max_batch_size"] == 16
    client.load_model("reloadable")
    assert client.is_model_ready("reloadable")
    raises(InferenceServerException, "failed to load", lambda: client.load_model("nobody"))


@check
def load_with_file(client):
    """load with the bytes of a model"""
    # The same file again: what counts is that base64 in a parameter arrives.
    client.load_model("reloadable", config="{}", files={"file:1/model.onnx": RELOADABLE.read_bytes()})
    assert client.infer("reloadable", [tensor("INPUT", "INT32", np.array([[3, 4]], np.int32))]).as_numpy("OUTPUT").tolist() == [[-3, -4]]
    client.load_model("reloadable")


@check
def refusals(client):
    """errors carry what was wrong, and the next request works"""
    def infer(model, *inputs):
        return lambda: client.infer(model, list(inputs))

    wrong_shape = np.ones((1, 15), np.int32)
    raises(InferenceServerException, "Request for unknown model", infer("nobody", *pair()))
    raises(InferenceServerException, "[400]", infer("add_sub_int32", *pair(first=wrong_shape)))
    raises(InferenceServerException, "[400]", infer("add_sub_int32", pair()[0]))
    raises(InferenceServerException, "[400]", infer("add_sub_int32", tensor("INPUT0", "FP32", FIRST.astype(np.float32)), pair()[1]))
    is_sum(client.infer("add_sub_int32", pair()))


def main(address):
    with triton.InferenceServerClient(address, concurrency=8) as client:
        report(lambda function: function(client))


if __name__ == "__main__":
    main(sys.argv[1])
