"""How a leg sounds, estimated from its packets: the E-model (ITU-T G.107, G.113 Appendix I). Pure.

An estimate for planning, no measurement of what anybody heard: it knows loss, delay and codec, not noise
or echo. For G.722 and Opus the narrowband scale is used with the loss robustness of G.711 and of a codec with
forward error correction; G.107.1's wideband scale would rate them higher.
"""

from dataclasses import dataclass

BEST_R = 93.2
"""R of a perfect narrowband call with default values (G.107 §7.7)."""
_ROBUSTNESS = {"PCMA": 25.1, "PCMU": 25.1, "G722": 25.1, "OPUS": 34.0}
"""Bpl: how well the codec bears random loss, with our concealment (G.113 Appendix I; Opus: our estimate)."""
_FRAME_MS = 20.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A leg's quality."""

    r_factor: float
    """0 to 93.2."""
    mos: float
    """1 to 4.5: mean opinion score of listening and talking (MOS-CQ)."""


def estimate(codec: str, loss: float, burst_ratio: float, delay_ms: float) -> Estimate:
    """`loss`: share of packets lost or too late, 0 to 1. `burst_ratio`: 1 for random loss, more for bursts.

    `delay_ms`: mouth to ear, one way.
    """
    percent = 100 * min(max(loss, 0.0), 1.0)
    robust = _ROBUSTNESS.get(codec, 10.0)
    impaired = 95.0 * percent / (percent / max(burst_ratio, 1.0) + robust) if percent else 0.0
    late = max(0.0, delay_ms)
    delayed = 0.024 * late + (0.11 * (late - 177.3) if late > 177.3 else 0.0)  # G.107's curve, simplified
    factor = min(max(BEST_R - delayed - impaired, 0.0), 100.0)
    return Estimate(factor, mos(factor))


def mos(factor: float) -> float:
    """Mean opinion score of an R factor (G.107 Annex B)."""
    if factor <= 0:
        return 1.0
    if factor >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * factor + factor * (factor - 60) * (100 - factor) * 7e-6)


def burst_ratio(lost: int, runs: int, expected: int) -> float:
    """Mean length of a run of losses against what random loss would give (G.107 §7.6.4); at least 1."""
    if not lost or not runs or expected <= lost:
        return 1.0
    share = lost / expected
    return max(1.0, (lost / runs) * (1 - share))


def one_way_ms(playout_ms: float, round_trip_ms: float | None) -> float:
    """Mouth to ear: half the round trip, our jitter buffer, and a packet's length at each end."""
    return playout_ms + 2 * _FRAME_MS + (round_trip_ms or 0.0) / 2
