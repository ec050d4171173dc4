"""The unchanged REST client of kserve against a runtime: with_kserve.py HOST:PORT."""
import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from checks import check, report

FIRST = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), np.int32)


def request(binary, binary_outputs=None, outputs=None):
    inputs = [InferInput("INPUT0", [1, 16], "INT32"), InferInput("INPUT1", [1, 16], "INT32")]
    inputs[0].set_data_from_numpy(FIRST, binary_data=binary)
    inputs[1].set_data_from_numpy(ONES, binary_data=binary)
    parameters = None if binary_outputs is None else {"binary_data_output": binary_outputs}
    return InferRequest("add_sub_int32", inputs, request_id="of-kserve", parameters=parameters, request_outputs=outputs)


def is_sum(answer):
    assert (answer.model_name, answer.id) == ("add_sub_int32", "of-kserve")
    np.testing.assert_array_equal(answer.get_output_by_name("OUTPUT0").as_numpy(), FIRST + ONES)
    np.testing.assert_array_equal(answer.get_output_by_name("OUTPUT1").as_numpy(), FIRST - ONES)


@check
async def health(client, url):
    """health of server and models"""
    assert await client.is_server_live(url) is True
    assert await client.is_server_ready(url) is True
    assert await client.is_model_ready(url, "add_sub_int32") is True
    assert await client.is_model_ready(url, "nobody") is False


@check
async def json_both_ways(client, url):
    """JSON both ways"""
    is_sum(await client.infer(url, request(binary=False), model_name="add_sub_int32"))


@check
async def binary_in(client, url):
    """binary tensors in, JSON out"""
    is_sum(await client.infer(url, request(binary=True), model_name="add_sub_int32"))


@check
async def binary_both_ways(client, url):
    """binary tensors both ways"""
    is_sum(await client.infer(url, request(binary=True, binary_outputs=True), model_name="add_sub_int32"))
    is_sum(await client.infer(url, request(binary=False, binary_outputs=True), model_name="add_sub_int32"))


@check
async def requested_outputs(client, url):
    """outputs by name, one of them binary"""
    outputs = [RequestedOutput("OUTPUT0", {"binary_data": True}), RequestedOutput("OUTPUT1")]
    is_sum(await client.infer(url, request(binary=True, outputs=outputs), model_name="add_sub_int32"))


@check
async def half_precision(client, url):
    """FP16 in binary"""
    values = np.array([[1.5, -2.25], [65504, 0.0]], np.float16)
    given = InferInput("x", [2, 2], "FP16")
    given.set_data_from_numpy(values, binary_data=True)
    answer = await client.infer(url, InferRequest("half", [given], parameters={"binary_data_output": True}), model_name="half")
    np.testing.assert_array_equal(answer.get_output_by_name("y").as_numpy(), values)


@check
async def strings(client, url):
    """BYTES, in binary and in JSON"""
    values = np.array([["plain", "zwölf"]], np.object_)
    for binary in (True, False):
        given = InferInput("INPUT0", [1, 2], "BYTES")
        given.set_data_from_numpy(values, binary_data=binary)
        answer = await client.infer(url, InferRequest("identity_bytes", [given]), model_name="identity_bytes")
        got = answer.get_output_by_name("OUTPUT0").as_numpy().ravel()
        assert [v.decode() if isinstance(v, bytes) else v for v in got] == ["plain", "zwölf"], got


@check
async def dictionary(client, url):
    """a request as a plain dictionary"""
    data = {"inputs": [{"name": "INPUT", "shape": [1, 2], "datatype": "FP32", "data": [[10, 20]]}]}
    answer = await client.infer(url, data, model_name="two_versions")
    assert answer.get_output_by_name("OUTPUT").data == [12, 22]


@check
async def refusals(client, url):
    """errors carry what was wrong, and the next request works"""
    for model, status in (("nobody", 404), ("two_versions", 400)):
        try:
            await client.infer(url, request(binary=False), model_name=model)
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == status and isinstance(error.response.json()["error"], str)
        else:
            raise AssertionError("nothing was raised")
    is_sum(await client.infer(url, request(binary=False), model_name="add_sub_int32"))


def main(address):
    loop = asyncio.new_event_loop()
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    report(lambda function: loop.run_until_complete(function(client, f"http://{address}")))
    loop.run_until_complete(client.close())


if __name__ == "__main__":
    main(sys.argv[1])
