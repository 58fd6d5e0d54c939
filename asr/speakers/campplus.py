"""CAM++ speaker network: its weights → an ONNX graph that onnxruntime runs, so that no PyTorch is needed.

Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking",
Interspeech 2023 (arXiv 2303.00332); weights `speech_campplus_sv_zh_en_16k-common_advanced` of 3D-Speaker.
In: `feats` float32 (batch, frames, 80). Out: `embedding` float32 (batch, 192), not normalised.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import EngineFailed

BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each dense block; all kernels are 3 wide."""
LONGEST = 200
"""Frames. Behind the first layer a frame is 20 ms and the network pools its context over 100 of those; up to
here that is the mean over everything, which is how the graph is built."""
_EPSILON = 1e-5


def onnx_model(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The network as a serialised ONNX model. Raises `EngineFailed` when a weight is missing."""
    from onnx import TensorProto, helper

    build = _Graph(weights)
    try:
        result = build.network("feats")
    except KeyError as error:
        raise EngineFailed(f"CAM++: no weight {error} in the checkpoint") from error
    graph = helper.make_graph(
        build.nodes,
        "campplus",
        [helper.make_tensor_value_info("feats", TensorProto.FLOAT, ["batch", "frames", 80])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["batch", 192])],
        build.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants as they are added; every method gives the name of its output."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._w = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def network(self, feats: str) -> str:
        """The whole of it: 2-D convolutions over the spectrum, dense blocks, statistics, projection."""
        spectrum = self._op("Transpose", feats, perm=[0, 2, 1])
        at = self._op("Unsqueeze", spectrum, self._constant(np.array([1], np.int64)))
        at = self._relu(self._conv2(at, "head.conv1", "head.bn1", 1))
        for layer in ("head.layer1", "head.layer2"):
            at = self._residual(self._residual(at, f"{layer}.0", 2), f"{layer}.1", 1)
        at = self._relu(self._conv2(at, "head.conv2", "head.bn2", 2))
        at = self._op("Reshape", at, self._constant(np.array([0, 320, -1], np.int64)))
        weight = self._w["xvector.tdnn.linear.weight"]
        at = self._op("Conv", at, self._constant(weight), strides=[2], pads=[2, 2])
        at = self._relu(self._norm(at, "xvector.tdnn.nonlinear.batchnorm"))
        for number, (layers, dilation) in enumerate(BLOCKS, 1):
            for n in range(1, layers + 1):
                at = self._dense(at, f"xvector.block{number}.tdnnd{n}", dilation)
            at = self._relu(self._norm(at, f"xvector.transit{number}.nonlinear.batchnorm"))
            at = self._op("Conv", at, self._constant(self._w[f"xvector.transit{number}.linear.weight"]))
        at = self._statistics(self._relu(self._norm(at, "xvector.out_nonlinear.batchnorm")))
        at = self._op("Conv", at, self._constant(self._w["xvector.dense.linear.weight"]))
        at = self._norm(at, "xvector.dense.nonlinear.batchnorm")
        return self._op("Squeeze", at, self._constant(np.array([2], np.int64)), output="embedding")

    def _residual(self, x: str, name: str, stride: int) -> str:
        """Two convolutions beside a shortcut; the stride is along frequency only."""
        y = self._relu(self._conv2(x, f"{name}.conv1", f"{name}.bn1", stride))
        y = self._conv2(y, f"{name}.conv2", f"{name}.bn2", 1)
        if f"{name}.shortcut.0.weight" in self._w:
            x = self._conv2(x, f"{name}.shortcut.0", f"{name}.shortcut.1", stride)
        return self._relu(self._op("Add", y, x))

    def _dense(self, x: str, name: str, dilation: int) -> str:
        """A narrow layer with a context mask; what it finds is put behind its input."""
        y = self._relu(self._norm(x, f"{name}.nonlinear1.batchnorm"))
        y = self._op("Conv", y, self._constant(self._w[f"{name}.linear1.weight"]))
        y = self._relu(self._norm(y, f"{name}.nonlinear2.batchnorm"))
        local = self._constant(self._w[f"{name}.cam_layer.linear_local.weight"])
        out = self._op("Conv", y, local, pads=[dilation] * 2, dilations=[dilation])
        mean = self._op("ReduceMean", y, axes=[2], keepdims=1)
        context = self._op(
            "Add", mean, mean
        )  # the mean over all, and over the segment: the same up to LONGEST
        mask = self._relu(self._affine(context, f"{name}.cam_layer.linear1"))
        mask = self._op("Sigmoid", self._affine(mask, f"{name}.cam_layer.linear2"))
        return self._op("Concat", x, self._op("Mul", out, mask), axis=1)

    def _statistics(self, x: str) -> str:
        """Mean and unbiased standard deviation over time, one behind the other."""
        mean = self._op("ReduceMean", x, axes=[2], keepdims=1)
        off = self._op("Sub", x, mean)
        total = self._op("ReduceSumSquare", off, axes=[2], keepdims=1)
        shape = self._op("Shape", x)
        frames = self._op("Gather", shape, self._constant(np.array([2], np.int64)), axis=0)
        less = self._op("Sub", frames, self._constant(np.array([1], np.int64)))
        deviation = self._op("Sqrt", self._op("Div", total, self._op("Cast", less, to=1)))
        return self._op("Concat", mean, deviation, axis=1)

    def _conv2(self, x: str, conv: str, norm: str, stride: int) -> str:
        """A 2-D convolution with its batch normalisation folded in."""
        scale, shift = self._scale(norm)
        weight = self._w[f"{conv}.weight"] * scale[:, None, None, None]
        wide = weight.shape[-1] // 2
        kernel = self._constant(weight.astype(np.float32))
        return self._op("Conv", x, kernel, self._constant(shift), strides=[stride, 1], pads=[wide] * 4)

    def _affine(self, x: str, name: str) -> str:
        weight, bias = self._constant(self._w[f"{name}.weight"]), self._constant(self._w[f"{name}.bias"])
        return self._op("Conv", x, weight, bias)

    def _norm(self, x: str, name: str) -> str:
        scale, shift = (self._constant(each[:, None]) for each in self._scale(name))
        return self._op("Add", self._op("Mul", x, scale), shift)

    def _scale(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A batch normalisation as factor and summand; some have no weights of their own."""
        mean, variance = self._w[f"{name}.running_mean"], self._w[f"{name}.running_var"]
        weight = self._w.get(f"{name}.weight", np.ones_like(mean))
        scale = weight / np.sqrt(variance + _EPSILON)
        shift = self._w.get(f"{name}.bias", np.zeros_like(mean)) - mean * scale
        return scale.astype(np.float32), shift.astype(np.float32)

    def _relu(self, x: str) -> str:
        return self._op("Relu", x)

    def _constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name
