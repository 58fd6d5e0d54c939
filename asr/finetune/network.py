"""Whisper in PyTorch under CTranslate2's own tensor names, for audio of any length (Radford et al. 2022).

`transformers` insists on 30 s of features; here the encoder takes what there is, as the line does when it
serves, which makes a training step several times cheaper. Query, key and value are fused as in the file, so
that weights go over and back without renaming: `encoder/conv1/weight` ↔ `encoder.conv1.weight`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from asr.weights import read_weights

HEAD = 64
"""Width of an attention head in every Whisper."""


class Attention(nn.Module):
    """Multi-head attention; `linear_0` makes q, k and v, or q alone where `linear_1` makes k and v."""

    def __init__(self, width: int, *, cross: bool) -> None:
        super().__init__()
        self.layer_norm = Norm(width)
        self.linear_0 = nn.Linear(width, width if cross else 3 * width)
        self.linear_1 = nn.Linear(width, 2 * width if cross else width)
        if cross:
            self.linear_2 = nn.Linear(width, width)
        self._cross, self._heads = cross, width // HEAD

    def forward(self, x: Tensor, memory: Tensor | None, mask: Tensor | None, *, causal: bool) -> Tensor:
        """x (B, T, D); memory (B, S, D) for cross attention; mask (B, 1, 1, S), true where there is audio."""
        normal = self.layer_norm(x)
        if self._cross and memory is not None:
            query = self.linear_0(normal)
            key, value = self.linear_1(memory).chunk(2, dim=-1)
        else:
            query, key, value = self.linear_0(normal).chunk(3, dim=-1)
        heads = [part.unflatten(-1, (self._heads, HEAD)).transpose(1, 2) for part in (query, key, value)]
        mixed = functional.scaled_dot_product_attention(
            heads[0], heads[1], heads[2], attn_mask=mask, is_causal=causal
        )
        mixed = mixed.transpose(1, 2).flatten(-2)
        out: Tensor = x + (self.linear_2(mixed) if self._cross else self.linear_1(mixed))
        return out


class Norm(nn.Module):
    """Layer normalisation with CTranslate2's names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D)."""
        return functional.layer_norm(x, self.gamma.shape, self.gamma, self.beta)


class FeedForward(nn.Module):
    """The layer's second half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer_norm = Norm(width)
        self.linear_0 = nn.Linear(width, 4 * width)
        self.linear_1 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D)."""
        out: Tensor = x + self.linear_1(functional.gelu(self.linear_0(self.layer_norm(x))))
        return out


class Layer(nn.Module):
    """A transformer layer; the decoder's looks at the encoder's output too."""

    def __init__(self, width: int, *, decoder: bool) -> None:
        super().__init__()
        self.self_attention = Attention(width, cross=False)
        if decoder:
            self.attention = Attention(width, cross=True)
        self.ffn = FeedForward(width)
        self._decoder = decoder

    def forward(self, x: Tensor, memory: Tensor | None, mask: Tensor | None) -> Tensor:
        """x (B, T, D), memory (B, S, D), mask (B, 1, 1, S) over what is attended to."""
        x = self.self_attention(x, None, None if self._decoder else mask, causal=self._decoder)
        if self._decoder:
            x = self.attention(x, memory, mask, causal=False)
        out: Tensor = self.ffn(x)
        return out


class Table(nn.Module):
    """A matrix of rows looked up by number."""

    def __init__(self, name: str, rows: int, width: int) -> None:
        super().__init__()
        self.register_parameter(name, nn.Parameter(torch.zeros(rows, width)))


class Half(nn.Module):
    """Encoder or decoder."""

    def __init__(self, width: int, layers: int, positions: int, *, decoder: bool) -> None:
        super().__init__()
        self.position_encodings = Table("encodings", positions, width)
        self.layer_norm = Norm(width)
        for number in range(layers):
            self.add_module(f"layer_{number}", Layer(width, decoder=decoder))
        self._layers = layers

    def through(self, x: Tensor, memory: Tensor | None, mask: Tensor | None) -> Tensor:
        """Add positions, pass every layer, normalise."""
        places: Tensor = self.position_encodings.encodings  # type: ignore[assignment]
        x = x + places[: x.shape[1]]
        for number in range(self._layers):
            x = getattr(self, f"layer_{number}")(x, memory, mask)
        out: Tensor = self.layer_norm(x)
        return out


class Encoder(Half):
    """Log-mel features → states, 20 ms each."""

    def __init__(self, mels: int, width: int, layers: int, positions: int) -> None:
        super().__init__(width, layers, positions, decoder=False)
        self.conv1 = nn.Conv1d(mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """features (B, mels, frames of 10 ms) → (B, frames / 2, D)."""
        x = functional.gelu(self.conv1(features))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        return self.through(x, None, mask)


class Decoder(Half):
    """Tokens and states → logits of the next token."""

    def __init__(self, vocabulary: int, width: int, layers: int, positions: int) -> None:
        super().__init__(width, layers, positions, decoder=True)
        self.embeddings = Table("weight", vocabulary, width)

    def forward(self, tokens: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """tokens (B, T), memory (B, S, D) → states (B, T, D); multiply by the embeddings for logits."""
        table: Tensor = self.embeddings.weight  # type: ignore[assignment]
        return self.through(functional.embedding(tokens, table), memory, mask)


class Whisper(nn.Module):
    """The whole model."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @classmethod
    def load(cls, file: Path) -> Self:
        """From CTranslate2's model.bin (float16 or float32). Raises `BadWeights`, `OSError`."""
        tensors = read_weights(file)
        return cls.of(tensors)

    @classmethod
    def of(cls, tensors: Mapping[str, Any]) -> Self:
        """From tensors by CTranslate2's names; its sizes are theirs."""
        width, mels, _ = tensors["encoder/conv1/weight"].shape
        layers = [
            sum(
                name.startswith(f"{half}/layer_") and name.endswith("ffn/linear_0/weight") for name in tensors
            )
            for half in ("encoder", "decoder")
        ]
        model = cls(
            Encoder(mels, width, layers[0], tensors["encoder/position_encodings/encodings"].shape[0]),
            Decoder(
                tensors["decoder/embeddings/weight"].shape[0],
                width,
                layers[1],
                tensors["decoder/position_encodings/encodings"].shape[0],
            ),
        )
        wanted = set(model.state_dict())
        state = {
            name.replace("/", "."): torch.from_numpy(np.array(tensor, np.float32))
            for name, tensor in tensors.items()
            if name.replace("/", ".") in wanted
        }
        model.load_state_dict(state, strict=True)
        return model

    def tensors(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """The weights as float32 by CTranslate2's names."""
        found = {}
        for name in self.state_dict():
            if ".parametrizations." in name:  # a weight with an addition: what is used is their sum
                if not name.endswith(".original"):
                    continue
                name = name.removesuffix(".original").replace(".parametrizations", "")  # noqa: PLW2901
            path, _, last = name.rpartition(".")
            tensor: Tensor = getattr(self.get_submodule(path), last)
            found[name.replace(".", "/")] = tensor.detach().float().cpu().numpy()
        return found

    def forward(self, features: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        """features (B, mels, F), lengths (B,) in frames, tokens (B, T) → decoder states (B, T, D)."""
        steps = (lengths + 1) // 2
        mask = torch.arange((features.shape[2] + 1) // 2, device=features.device) < steps[:, None]
        spread = mask[:, None, None, :]
        memory = self.encoder(features, None if bool(mask.all()) else spread)
        out: Tensor = self.decoder(tokens, memory, None if bool(mask.all()) else spread)
        return out

    def logits(self, states: Tensor) -> Tensor:
        """Decoder states (N, D) → logits (N, vocabulary)."""
        table: Tensor = self.decoder.embeddings.weight  # type: ignore[assignment]
        return states @ table.to(states.dtype).T
