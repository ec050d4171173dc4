"""Writes a smaller model: optimize.py fp16|int8 MODEL OUTPUT ROWS. ROWS: JSON, a list of lists of tensors for calibration."""
import base64
import json
import sys

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

KINDS = {
    "FP32": np.float32, "FP64": np.float64, "FP16": np.float16, "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16,
    "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
}


class Rows(CalibrationDataReader):
    def __init__(self, runs):
        self.runs = iter(runs)

    def get_next(self):
        tensors = next(self.runs, None)
        if tensors is None:
            return None
        return {each["name"]: values_of(each) for each in tensors}


def values_of(tensor):
    return np.frombuffer(base64.b64decode(tensor["data"]), KINDS[tensor["datatype"]]).reshape(tensor["shape"])


def to_half(source, output):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), output)


def to_int8(source, output, runs):
    prepared = output + ".prepared"
    quant_pre_process(source, prepared)
    if runs:
        quantize_static(
            prepared, output, Rows(runs), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )
    else:
        quantize_dynamic(prepared, output, weight_type=QuantType.QInt8)


mode, source, output, rows = sys.argv[1:5]
with open(rows, encoding="utf-8") as file:
    calibration = json.load(file)
if mode == "fp16":
    to_half(source, output)
else:
    to_int8(source, output, calibration)
