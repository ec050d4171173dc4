"""Converts a SavedModel or a Keras model to ONNX: convert.py SOURCE OUTPUT REFERENCE SIGNATURE OPSET batch|single.

REFERENCE is written as JSON: rows made up by a generator, and what TensorFlow answers for them.
"""
import base64
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf2onnx

ROWS = 3
DATATYPES = {
    "float32": "FP32", "float64": "FP64", "float16": "FP16", "bool": "BOOL", "int8": "INT8", "int16": "INT16",
    "int32": "INT32", "int64": "INT64", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
}


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def load(source, name):
    if os.path.isdir(source):
        model = tf.saved_model.load(source)
        signatures = model.signatures
        names = sorted(signatures)
        if not name:
            name = "serving_default" if "serving_default" in names or len(names) != 1 else names[0]
        if name not in names:
            fail(f"the SavedModel has no signature '{name}'; it has {', '.join(names) or 'none'}: name one with --signature")
        return model, signatures[name]
    model = tf.keras.models.load_model(source, compile=False)
    inputs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name.split(":")[0]) for tensor in model.inputs]
    names = list(getattr(model, "output_names", None) or [tensor.name.split(":")[0] for tensor in model.outputs])

    # Keras gives lists without names; the ONNX model is to have those of its layers.
    def call(**given):
        results = model([given[spec.name] for spec in inputs] if len(inputs) > 1 else given[inputs[0].name], training=False)
        results = results if isinstance(results, (list, tuple)) else [results]
        outputs = names if len(set(names)) == len(results) == len(names) else [f"output_{at}" for at in range(len(results))]
        return dict(zip(outputs, results))

    return model, tf.function(call).get_concrete_function(**{spec.name: spec for spec in inputs})


def rows_for(spec):
    shape = [ROWS if at == 0 and size is None else (size or 1) for at, size in enumerate(spec.shape)]
    kind = spec.dtype.as_numpy_dtype
    if spec.dtype == tf.string:
        fail(f"input '{spec.name}' is text: ONNX Runtime has no operators for most of what TensorFlow does with it")
    generator = np.random.default_rng(7)
    if spec.dtype.is_floating:
        return generator.uniform(-1, 1, shape).astype(kind)
    return generator.integers(0, 2, shape).astype(kind)


def described(name, values):
    values = np.ascontiguousarray(values)
    datatype = DATATYPES.get(values.dtype.name)
    if datatype is None:
        fail(f"'{name}' has type {values.dtype.name}, which the comparison does not know")
    return {"name": name, "datatype": datatype, "shape": list(values.shape), "data": base64.b64encode(values.tobytes()).decode()}


def main(source, output, reference, signature, opset, batch):
    model, function = load(source, signature)
    specs = function.structured_input_signature[1]
    given = {name: rows_for(spec) for name, spec in specs.items()}
    answers = function(**{name: tf.constant(values) for name, values in given.items()})
    specs_in_order = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()]
    converted = tf.function(lambda **feeds: function(**feeds))

    # A list of arguments with names of their own is what the converter wants.
    def call(*feeds):
        return converted(**dict(zip(specs, feeds)))

    tf2onnx.convert.from_function(
        tf.function(call, input_signature=specs_in_order), input_signature=specs_in_order, opset=opset, output_path=output
    )
    rename_outputs(output, list(answers))
    if batch:
        name_batch(output)
    with open(reference, "w", encoding="utf-8") as file:
        json.dump(
            {
                "inputs": [described(name, values) for name, values in given.items()],
                "outputs": [described(name, answers[name].numpy()) for name in answers],
            },
            file,
        )


def name_batch(path):
    """Where the first dimension is open everywhere it is the batch; the converter gives each a name of its own."""
    import onnx

    model = onnx.load(path)
    values = [*model.graph.input, *model.graph.output]
    shapes = [value.type.tensor_type.shape.dim for value in values]
    if all(len(dims) > 0 and not dims[0].HasField("dim_value") for dims in shapes):
        for dims in shapes:
            dims[0].dim_param = "batch"
        onnx.save(model, path)


def rename_outputs(path, wanted):
    """The converter numbers outputs; structured results come sorted by their names."""
    import onnx

    model = onnx.load(path)
    names = [value.name for value in model.graph.output]
    wanted = sorted(wanted)
    if names != wanted and len(names) == len(wanted):
        for value, old, new in zip(model.graph.output, names, wanted):
            model.graph.node.append(onnx.helper.make_node("Identity", [old], [new]))
            value.name = new
        onnx.save(model, path)


main(*sys.argv[1:5], int(sys.argv[5]), sys.argv[6] == "batch")
