"""A character language model: how likely a text is, to choose between readings of the same sound."""

from asr.lm.protocol import Scorer

__all__ = ["Scorer"]
