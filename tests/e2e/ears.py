"""Who hears whom: everybody's voice is a tone of its own in short bursts, told apart by its frequency."""

import wave
from collections.abc import Collection
from pathlib import Path
from typing import Any

import anyio
import numpy as np

BURST_S, PAUSE_S = 0.2, 0.3
"""Bursts, so that nobody's voice is taken for noise, and two voices are told apart in a mix."""
LEVEL = 8_000
HEARD_DB = -38.0
"""A tone at its own level is some -15 dB in the page's analyser; what A-law adds stays under -50."""

LISTEN = """
((tones) => {
  const Real = window.RTCPeerConnection;
  window.ears = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      this.addEventListener("track", ({ track }) => {
        const context = new AudioContext();
        const analyser = context.createAnalyser();
        analyser.fftSize = 4096;
        analyser.smoothingTimeConstant = 0;
        context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
        const bins = new Float32Array(analyser.frequencyBinCount);
        const width = context.sampleRate / analyser.fftSize;
        const timer = setInterval(() => {
          if (track.readyState === "ended" || this.connectionState === "closed") { clearInterval(timer); context.close(); return; }
          analyser.getFloatFrequencyData(bins);
          const at = (hz) => Math.max(...[-1, 0, 1].map((by) => bins[Math.round(hz / width) + by]));
          let loud = -200;
          for (const bin of bins) loud = Math.max(loud, bin);
          window.ears.push({ at: Date.now(), loud, levels: tones.map(at) });
          if (window.ears.length > 6000) window.ears.shift();
        }, 50);
      });
    }
  };
  const media = navigator.mediaDevices;
  const real = media.getUserMedia.bind(media);
  // The browser's own clean-up would take a tone for noise: it is not what is tested.
  media.getUserMedia = () => real({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
})
"""  # noqa: E501


def bursts(hz: float, rate: int, seconds: float) -> bytes:
    """Mono 16-bit samples."""
    times = np.arange(int(rate * seconds)) / rate
    gate = (times % (BURST_S + PAUSE_S)) < BURST_S
    return (LEVEL * np.sin(2 * np.pi * hz * times) * gate).astype("<i2").tobytes()


def voice_file(target: Path, hz: float, words: Path | None = None, seconds: float = 240.0) -> Path:
    """A browser's microphone at 16 kHz: two seconds of silence, the words, then bursts."""
    spoken = b""
    if words is not None:
        with wave.open(str(words)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
            spoken = file.readframes(file.getnframes())
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 2 * 16_000) + spoken + bursts(hz, 16_000, seconds))
    return target


class Ears:
    """What one page has heard of the tones."""

    def __init__(self, page: Any, tones: dict[str, float]) -> None:
        self._page = page
        self._names = list(tones)

    async def heard(self, seconds: float) -> dict[str, int]:
        """How often each was heard in the last seconds, by looks 50 ms apart."""
        looks = await self._page.evaluate(
            f"window.ears.filter(({{at}}) => at > Date.now() - {seconds * 1000})"
        )
        return {
            name: sum(look["levels"][index] > HEARD_DB for look in looks)
            for index, name in enumerate(self._names)
        }

    async def only(self, wanted: Collection[str], seconds: float = 40.0) -> None:
        """Wait for two seconds in which all of those are heard, and nobody else; fails saying who is."""
        found: dict[str, int] = {}
        with anyio.move_on_after(seconds):
            while True:
                await anyio.sleep(0.25)
                found = await self.heard(2.0)
                if (
                    {name for name, count in found.items() if count >= 4}
                    == set(wanted)
                    == {name for name, count in found.items() if count}
                ):
                    return
        raise AssertionError(f"wanted {sorted(wanted)}, heard in two seconds {found}")

    async def loud(self, seconds: float = 1.0) -> float:
        """The loudest of anything lately, in dB."""
        return float(
            await self._page.evaluate(
                f"Math.max(-200, ...window.ears.filter(({{at}}) => at > Date.now() - {seconds * 1000})"
                ".map(({loud}) => loud))"
            )
        )


def shares(path: Path, tones: dict[str, float]) -> list[dict[str, float]]:
    """For each channel of a WAV file: the best half second's share of each tone in what is heard."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float).reshape(-1, channels)
    return [_shares(sound[:, channel], rate, tones) for channel in range(channels)]


def _shares(sound: np.ndarray, rate: int, tones: dict[str, float]) -> dict[str, float]:
    size = rate // 2
    best = dict.fromkeys(tones, 0.0)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    for at in range(0, len(sound) - size + 1, size // 2):
        power = np.abs(np.fft.rfft(sound[at : at + size] * np.hanning(size))) ** 2
        if power.sum() < 1e9:
            continue
        for name, hz in tones.items():
            best[name] = max(best[name], float(power[np.abs(hertz - hz) < 20].sum() / power.sum()))
    return best
