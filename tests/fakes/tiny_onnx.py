"""Tiny ONNX models with the inputs, outputs and metadata that sherpa-onnx asks of the big ones.

They hear nothing but loudness: about every 180 ms of sound gives the next character of `SAID`, silence gives
none. That is enough to hold an engine against the contract with the real library underneath.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SAID = "老板拖欠工资"
TOKENS = ("<blk>", "<s>", "</s>", "<unk>", *SAID, "<|zh|>", "<|NEUTRAL|>", "<|Speech|>", "<|woitn|>")
SIZE = len(TOKENS)
FIRST = 4
"""Number of the first character."""
LOUD_WIDE, LOUD_NARROW = 6.0, -10.0
"""Mean log mel energy of sound: of samples up to 32768, and of samples up to 1."""


class Graph:
    """Nodes as they are added; `add` gives the name of a node's output."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._arrays = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self._arrays.from_array(np.asarray(value, kind), name))
        return name

    def loud(self, features: str, threshold: float) -> str:
        """(N, T, dim) → (N, T): 1 where there is sound."""
        energy = self.add("ReduceMean", features, axes=[2], keepdims=0)
        return self.add("Cast", self.add("Greater", energy, self.constant(threshold)), to=7)

    def count(self, loud: str) -> str:
        """(N, T): how many frames with sound so far."""
        return self.add("CumSum", loud, self.constant(1, np.int64))

    def characters(self, loud: str, every: int) -> str:
        """(N, T) numbers of tokens: the next character at every n-th frame with sound, else blank."""
        seen = self.count(loud)
        step = self.constant(every, np.int64)
        turn = self.add("Equal", self.add("Mod", seen, step), self.constant(0, np.int64))
        fires = self.add("And", turn, self.add("Cast", loud, to=9))
        which = self.add("Mod", self.add("Div", seen, step), self.constant(len(SAID), np.int64))
        token = self.add("Add", which, self.constant(FIRST, np.int64))
        return self.add("Where", fires, token, self.constant(0, np.int64))

    def scores(self, tokens: str, name: str = "") -> str:
        """(…) numbers → (…, SIZE) log probabilities."""
        return self.add(
            "OneHot", tokens, self.constant(SIZE, np.int64), self.constant([-8.0, -0.1]), name=name
        )

    def save(
        self,
        path: Path,
        inputs: Mapping[str, tuple[int, Sequence[Any]]],
        outputs: Mapping[str, tuple[int, Sequence[Any]]],
        metadata: Mapping[str, Any],
    ) -> None:
        import onnx

        def values(of: Mapping[str, tuple[int, Sequence[Any]]]) -> list[Any]:
            return [
                self._helper.make_tensor_value_info(n, kind, list(shape)) for n, (kind, shape) in of.items()
            ]

        graph = self._helper.make_graph(self.nodes, "tiny", values(inputs), values(outputs), self.constants)
        model = self._helper.make_model(
            graph, opset_imports=[self._helper.make_opsetid("", 13)], ir_version=8
        )
        for key, value in metadata.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, str(value)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))


FLOAT, INT32, INT64 = 1, 6, 7
Shapes = dict[str, tuple[int, Sequence[Any]]]


def tokens_file(folder: Path) -> None:
    lines = [f"{token} {number}\n" for number, token in enumerate(TOKENS)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


def vector(value: float, count: int) -> str:
    return ",".join([str(value)] * count)


STACKED = {
    "vocab_size": SIZE,
    "lfr_window_size": 7,
    "lfr_window_shift": 6,
    "neg_mean": vector(0.0, 560),
    "inv_stddev": vector(1.0, 560),
}
"""Paraformer and SenseVoice see seven 10 ms frames at a time, every sixth (60 ms)."""


def sense_voice(folder: Path, **changes: Any) -> Path:
    """`model.onnx`: a SenseVoice, which puts four tags before its text."""
    graph = Graph()
    said = graph.characters(graph.loud("x", LOUD_WIDE), 3)
    tags = graph.constant([[SIZE - 4, SIZE - 3, SIZE - 2, SIZE - 1]], np.int64)
    rows = graph.add("Slice", graph.add("Shape", "x"), *(graph.constant([n], np.int64) for n in (0, 1)))
    shape = graph.add("Concat", rows, graph.constant([4], np.int64), axis=0)
    graph.scores(graph.add("Concat", graph.add("Expand", tags, shape), said, axis=1), name="logits")
    inputs: Shapes = {"x": (FLOAT, ("N", "T", 560))}
    inputs |= dict.fromkeys(("x_length", "language", "text_norm"), (INT32, ("N",)))
    languages = {f"lang_{name}": n for n, name in enumerate(("auto", "zh", "en", "yue", "ja", "ko"))}
    metadata = STACKED | {"normalize_samples": 0, "with_itn": 14, "without_itn": 15, "blank_id": 0}
    metadata |= {"model_type": "sense_voice_ctc", **languages, **changes}
    graph.save(folder / "model.onnx", inputs, {"logits": (FLOAT, ("N", "U", SIZE))}, metadata)
    tokens_file(folder)
    return folder


def paraformer(folder: Path, *, times: bool = True) -> Path:
    """`model.int8.onnx`: a Paraformer; with `times`, it also tells where its characters lie."""
    graph = Graph()
    loud = graph.loud("speech", LOUD_WIDE)
    thirds = [graph.constant([n], np.int64) for n in (0, 1 << 30, 1, 3)]
    slots = graph.add("Slice", loud, *thirds)
    which = graph.add(
        "Mod",
        graph.add("Sub", graph.count(slots), graph.constant(1, np.int64)),
        graph.constant(len(SAID), np.int64),
    )
    token = graph.add("Add", which, graph.constant(FIRST, np.int64))
    said = graph.add("Where", graph.add("Cast", slots, to=9), token, graph.constant(2, np.int64))
    graph.scores(said, name="logits")
    graph.add(
        "Cast", graph.add("ReduceSum", slots, graph.constant([1], np.int64), keepdims=0), to=6, name="n"
    )
    outputs: Shapes = {
        "logits": (FLOAT, ("N", "K", SIZE)),
        "n": (INT32, ("N",)),
    }
    if times:
        # a peak at the first of every nine steps (20 ms each), and one at the end
        ones = graph.add("Concat", loud, loud, loud, axis=1)
        place = graph.count(
            graph.add("Add", graph.add("Mul", ones, zero(graph)), graph.constant(1, np.int64))
        )
        first = graph.add(
            "Equal", graph.add("Mod", place, graph.constant(9, np.int64)), graph.constant(1, np.int64)
        )
        last = graph.add("Equal", place, graph.add("ReduceMax", place, axes=[1], keepdims=1))
        graph.add("Identity", graph.add("Cast", last, to=1), name="us_alphas")
        graph.add("Cast", graph.add("Or", first, last), to=1, name="us_cif_peak")
        outputs |= dict.fromkeys(("us_alphas", "us_cif_peak"), (FLOAT, ("N", "P")))
    inputs = {"speech": (FLOAT, ("N", "T", 560)), "speech_lengths": (INT32, ("N",))}
    graph.save(folder / "model.int8.onnx", inputs, outputs, STACKED | {"model_type": "paraformer"})
    tokens_file(folder)
    return folder


def zero(graph: Graph) -> str:
    return graph.constant(0, np.int64)


def decoder_and_joiner(folder: Path) -> None:
    """A transducer's other halves: what was said before does not matter."""
    decoder = Graph()
    nothing = decoder.add("Mul", decoder.scores("y"), decoder.constant(0.0))
    decoder.add("ReduceSum", nothing, decoder.constant([1], np.int64), keepdims=0, name="decoder_out")
    decoder.save(
        folder / "decoder.onnx",
        {"y": (INT64, ("N", 2))},
        {"decoder_out": (FLOAT, ("N", SIZE))},
        {"vocab_size": SIZE, "context_size": 2},
    )
    joiner = Graph()
    joiner.add("Add", "encoder_out", "decoder_out", name="logit")
    joiner.save(
        folder / "joiner.onnx",
        {"encoder_out": (FLOAT, ("N", SIZE)), "decoder_out": (FLOAT, ("N", SIZE))},
        {"logit": (FLOAT, ("N", SIZE))},
        {"joiner_dim": SIZE},
    )


def fourth(graph: Graph, features: str) -> str:
    """(N, T, 80) → every fourth frame."""
    steps = [graph.constant([n], np.int64) for n in (0, 1 << 30, 1, 4)]
    return graph.add("Slice", features, *steps)


def transducer(folder: Path) -> Path:
    """`encoder.onnx`, `decoder.onnx`, `joiner.onnx`: an offline Zipformer transducer."""
    graph = Graph()
    graph.scores(
        graph.characters(graph.loud(fourth(graph, "x"), LOUD_NARROW), 4),
        name="encoder_out",
    )
    rest = graph.add("Add", "x_lens", graph.constant(3, np.int64))
    graph.add("Div", rest, graph.constant(4, np.int64), name="encoder_out_lens")
    inputs = {"x": (FLOAT, ("N", "T", 80)), "x_lens": (INT64, ("N",))}
    outputs = {"encoder_out": (FLOAT, ("N", "U", SIZE)), "encoder_out_lens": (INT64, ("N",))}
    graph.save(folder / "encoder.onnx", inputs, outputs, {"model_type": "zipformer2", "version": "1"})
    decoder_and_joiner(folder)
    tokens_file(folder)
    return folder


def zipformer_ctc(folder: Path) -> Path:
    """`model.onnx`: an offline Zipformer with CTC."""
    graph = Graph()
    graph.scores(graph.characters(graph.loud(fourth(graph, "x"), LOUD_NARROW), 4), name="log_probs")
    rest = graph.add("Add", "x_lens", graph.constant(3, np.int64))
    graph.add("Div", rest, graph.constant(4, np.int64), name="log_probs_len")
    inputs = {"x": (FLOAT, ("N", "T", 80)), "x_lens": (INT64, ("N",))}
    outputs = {"log_probs": (FLOAT, ("N", "U", SIZE)), "log_probs_len": (INT64, ("N",))}
    graph.save(folder / "model.onnx", inputs, outputs, {"model_type": "zipformer2_ctc", "version": "1"})
    tokens_file(folder)
    return folder


def fire_red(folder: Path) -> Path:
    """`encoder.onnx`, `decoder.onnx`: a FireRedASR, which writes one character after another and no times."""
    encoder = Graph()
    sound = encoder.add("Cast", encoder.loud("x", LOUD_WIDE), to=1)
    heard = encoder.add("ReduceSum", sound, encoder.constant([0, 1], np.int64), keepdims=0)
    shape = encoder.constant([1, 1, 1, 1], np.int64)
    for name in ("n_layer_cross_k", "n_layer_cross_v"):
        encoder.add("Reshape", heard, shape, name=name)
    encoder.add("Identity", "x_length", name="unused")
    metadata = {
        "num_decoder_layers": 1,
        "num_head": 1,
        "head_dim": 1,
        "sos": 1,
        "eos": 2,
        "max_len": 40,
        "cmvn_mean": vector(0.0, 80),
        "cmvn_inv_stddev": vector(1.0, 80),
        "model_type": "fire-red-asr-large-aed",
    }
    cross = (FLOAT, (1, "N", "U", 1))
    encoder.save(
        folder / "encoder.onnx",
        {"x": (FLOAT, ("N", "T", 80)), "x_length": (INT64, ("N",))},
        {"n_layer_cross_k": cross, "n_layer_cross_v": cross},
        metadata,
    )
    decoder = Graph()
    characters = decoder.add("Cast", decoder.add("Div", "n_layer_cross_k", decoder.constant(18.0)), to=7)
    limit = decoder.add("Reshape", characters, decoder.constant([1, 1], np.int64))
    now = decoder.add("Reshape", "offset", decoder.constant([1, 1], np.int64))
    which = decoder.add("Mod", now, decoder.constant(len(SAID), np.int64))
    token = decoder.add("Add", which, decoder.constant(FIRST, np.int64))
    more = decoder.add("Less", now, limit)
    decoder.scores(decoder.add("Where", more, token, decoder.constant([[2]], np.int64)), name="logits")
    decoder.add("Identity", "self_k", name="out_self_k")
    decoder.add("Identity", "self_v", name="out_self_v")
    own = (FLOAT, (1, "N", "L", 1, 1))
    decoder.save(
        folder / "decoder.onnx",
        {
            "tokens": (INT64, ("N", "M")),
            "self_k": own,
            "self_v": own,
            "n_layer_cross_k": cross,
            "n_layer_cross_v": cross,
            "offset": (INT64, ("N",)),
        },
        {"logits": (FLOAT, ("N", 1, SIZE)), "out_self_k": own, "out_self_v": own},
        {},
    )
    tokens_file(folder)
    return folder


def streaming_transducer(folder: Path) -> Path:
    """A streaming Conformer transducer: 16 frames a step; its cache counts the sound so far."""
    graph = Graph()
    loud = graph.loud(fourth(graph, "x"), LOUD_NARROW)
    before = graph.add("Cast", graph.add("Reshape", "attn_cache", graph.constant([1, 1], np.int64)), to=7)
    seen = graph.add("Add", graph.count(loud), before)
    four = graph.constant(4, np.int64)
    turn = graph.add("Equal", graph.add("Mod", seen, four), graph.constant(0, np.int64))
    fires = graph.add("And", turn, graph.add("Cast", loud, to=9))
    which = graph.add(
        "Mod",
        graph.add("Sub", graph.add("Div", seen, four), graph.constant(1, np.int64)),
        graph.constant(len(SAID), np.int64),
    )
    token = graph.add("Add", which, graph.constant(FIRST, np.int64))
    graph.scores(graph.add("Where", fires, token, graph.constant(0, np.int64)), name="encoder_out")
    total = graph.add("ReduceMax", seen, axes=[1], keepdims=1)
    graph.add(
        "Cast",
        graph.add("Reshape", total, graph.constant([1, 1, 1, 1], np.int64)),
        to=1,
        name="new_attn_cache",
    )
    graph.add("Identity", "cnn_cache", name="new_cnn_cache")
    cache = (FLOAT, (1, 1, "N", 1))
    graph.save(
        folder / "encoder.onnx",
        {
            "x": (FLOAT, ("N", 16, 80)),
            "attn_cache": cache,
            "cnn_cache": cache,
            "processed_lens": (INT64, ("N",)),
        },
        {"encoder_out": (FLOAT, ("N", 4, SIZE)), "new_attn_cache": cache, "new_cnn_cache": cache},
        {
            "model_type": "conformer",
            "num_encoder_layers": 1,
            "T": 16,
            "decode_chunk_len": 16,
            "left_context": 1,
            "encoder_dim": 1,
            "pad_length": 0,
            "cnn_module_kernel": 2,
        },
    )
    decoder_and_joiner(folder)
    tokens_file(folder)
    return folder


def streaming_paraformer(folder: Path) -> Path:
    """`encoder.onnx`, `decoder.onnx`: a streaming Paraformer that fires every third step of 60 ms."""
    encoder = Graph()
    loud = encoder.add("Cast", encoder.loud("speech", 8.0), to=1)
    encoder.add("Unsqueeze", loud, encoder.constant([2], np.int64), name="enc")
    encoder.add("Identity", "speech_lengths", name="enc_len")
    encoder.add("Mul", loud, encoder.constant(0.3334), name="alphas")
    metadata = STACKED | {"encoder_output_size": 1, "decoder_num_blocks": 1, "decoder_kernel_size": 2}
    encoder.save(
        folder / "encoder.onnx",
        {"speech": (FLOAT, ("N", "T", 560)), "speech_lengths": (INT32, ("N",))},
        {"enc": (FLOAT, ("N", "T", 1)), "enc_len": (INT32, ("N",)), "alphas": (FLOAT, ("N", "T"))},
        metadata | {"model_type": "paraformer"},
    )
    decoder = Graph()
    ones = decoder.add("Cast", decoder.add("Greater", "acoustic_embeds", decoder.constant(-1.0)), to=7)
    place = decoder.add("ReduceMax", decoder.count(ones), axes=[2], keepdims=0)
    before = decoder.add("Cast", decoder.add("Reshape", "in_cache", decoder.constant([1, 1], np.int64)), to=7)
    seen = decoder.add("Add", place, before)
    index = decoder.add("Sub", seen, decoder.constant(1, np.int64))
    which = decoder.add("Mod", index, decoder.constant(len(SAID), np.int64))
    token = decoder.add("Add", which, decoder.constant(FIRST, np.int64), name="sample_ids")
    decoder.scores(token, name="logits")
    total = decoder.add("ReduceMax", seen, axes=[1], keepdims=1)
    decoder.add(
        "Cast", decoder.add("Reshape", total, decoder.constant([1, 1, 1], np.int64)), to=1, name="out_cache"
    )
    cache = (FLOAT, ("N", 1, 1))
    decoder.save(
        folder / "decoder.onnx",
        {
            "enc": (FLOAT, ("N", "T", 1)),
            "enc_len": (INT32, ("N",)),
            "acoustic_embeds": (FLOAT, ("N", "K", 1)),
            "acoustic_embeds_len": (INT32, ("N",)),
            "in_cache": cache,
        },
        {"logits": (FLOAT, ("N", "K", SIZE)), "sample_ids": (INT64, ("N", "K")), "out_cache": cache},
        {},
    )
    tokens_file(folder)
    return folder
