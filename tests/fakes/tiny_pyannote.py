"""Pyannote pipelines of networks made here, as folders that the real pyannote.audio loads.

No published weights are at hand. `hand_set` tells a high voice from a low one by its pitch, in the layout of
speaker-diarization-3.1; `community` holds pyannote's own architectures with random weights, in the layout of
speaker-diarization-community-1. Needs pyannote.audio; import it only where that is installed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
import yaml
from pyannote.audio import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding import WeSpeakerResNet34
from pyannote.audio.models.segmentation import PyanNet

RATE = 16_000
SIZE, HOP = 1_024, 320
LOW, BORDER, HIGH = 70.0, 187.0, 420.0
"""Hertz: what is looked for, and where a low voice ends."""
TURNS = Specifications(
    problem=Problem.MONO_LABEL_CLASSIFICATION,
    resolution=Resolution.FRAME,
    duration=10.0,
    classes=["speaker#1", "speaker#2", "speaker#3"],
    powerset_max_classes=2,
    permutation_invariant=True,
)
VOICES = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0)


def pitch(wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, samples) → Hertz and whether it is voiced, (batch, frames), by autocorrelation."""
    frames = wave.unfold(-1, SIZE, HOP)
    frames = (frames - frames.mean(-1, keepdim=True)) * torch.hann_window(SIZE)
    spectrum = torch.fft.rfft(frames, 2 * SIZE)
    like = torch.fft.irfft(spectrum.abs() ** 2)
    first, last = int(RATE / HIGH), int(RATE / LOW)
    # the window itself makes long lags look less alike
    window = torch.fft.irfft(torch.fft.rfft(torch.hann_window(SIZE), 2 * SIZE).abs() ** 2)
    like = like / window.clamp(min=1.0)
    peak, at = like[..., first:last].max(-1)
    voiced = (peak > 0.5 * like[..., 0]) & (like[..., 0] > 1e-5)
    return RATE / (at + first).float(), voiced


def smooth(values: torch.Tensor, around: int = 12) -> torch.Tensor:
    """Means over so many frames before and after."""
    kernel = torch.ones(1, 1, 2 * around + 1) / (2 * around + 1)
    return torch.nn.functional.conv1d(values[:, None].float(), kernel, padding=around)[:, 0]


class _Framed(Model):
    """What pyannote asks of a network with frames."""

    def __init__(self, sample_rate: int = RATE, num_channels: int = 1, task: Any = None) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.unused = torch.nn.Parameter(torch.zeros(1))

    @lru_cache  # noqa: B019  # as pyannote's own networks do
    def num_frames(self, num_samples: int) -> int:
        return 1 + (num_samples - SIZE) // HOP

    def receptive_field_size(self, num_frames: int = 1) -> int:
        return SIZE + (num_frames - 1) * HOP

    def receptive_field_center(self, frame: int = 0) -> int:
        return SIZE // 2 + frame * HOP


class PitchTurns(_Framed):
    """Who speaks in each frame: the high voice, the low one, both or nobody."""

    @property
    def dimension(self) -> int:
        return 7

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        hertz, voiced = pitch(waveforms[:, 0])
        high, low = smooth(voiced & (hertz > BORDER)), smooth(voiced & (hertz <= BORDER))
        nobody = torch.full_like(high, 0.12)
        both = torch.where((high > 0.3) & (low > 0.3), 2.0, -5.0)
        never = torch.full_like(high, -9.0)
        # {}, {1}, {2}, {3}, {1, 2}, {1, 3}, {2, 3}
        return torch.log_softmax(8 * torch.stack([nobody, high, low, never, both, never, never], -1), -1)


class PitchVoice(_Framed):
    """A histogram of the pitch, as an embedding."""

    @property
    def dimension(self) -> int:
        return 16

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        hertz, voiced = pitch(waveforms[:, 0])
        seen = voiced.float()
        if weights is not None:
            seen = seen * torch.nn.functional.interpolate(weights[:, None], seen.shape[-1])[:, 0]
        places = torch.linspace(np.log(LOW), np.log(HIGH), self.dimension)
        near = torch.exp(-(((torch.log(hertz)[..., None] - places) / 0.15) ** 2))
        return (near * seen[..., None]).sum(1) + 1e-4


def save(model: Any, specifications: Specifications, folder: Path) -> None:
    """As Lightning saves a checkpoint, with what pyannote puts into it."""
    model.specifications = specifications
    model.setup()
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": lightning.__version__,
    }
    model.on_save_checkpoint(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, folder / "pytorch_model.bin")


def _config(folder: Path, params: dict[str, Any], set_to: dict[str, Any], **more: Any) -> Path:
    pipeline = {"name": "pyannote.audio.pipelines.SpeakerDiarization", "params": params}
    text = yaml.safe_dump({"pipeline": pipeline, "params": set_to, **more})
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return folder


def hand_set(folder: Path) -> Path:
    """The layout of speaker-diarization-3.1: its config names networks on the hub, which lie beside it."""
    save(PitchTurns(), TURNS, folder / "segmentation-3.0")
    save(PitchVoice(), VOICES, folder / "wespeaker-voxceleb-resnet34-LM")
    params = {
        "clustering": "AgglomerativeClustering",
        "embedding": "pyannote/wespeaker-voxceleb-resnet34-LM",
        "embedding_batch_size": 32,
        "embedding_exclude_overlap": True,
        "segmentation": "pyannote/segmentation-3.0",
        "segmentation_batch_size": 32,
    }
    set_to = {
        "clustering": {"method": "centroid", "min_cluster_size": 3, "threshold": 0.7},
        "segmentation": {"min_duration_off": 0.0},
    }
    return _config(folder, params, set_to, version="3.1.0")


def community(folder: Path) -> Path:
    """The layout of speaker-diarization-community-1, with its classes, smaller where they can be."""
    torch.manual_seed(3)
    small = PyanNet(lstm={"hidden_size": 8, "num_layers": 1}, linear={"hidden_size": 8, "num_layers": 1})
    save(small, TURNS, folder / "segmentation")
    save(WeSpeakerResNet34(), VOICES, folder / "embedding")
    dice = np.random.default_rng(3)
    (folder / "plda").mkdir()
    lda, turn = dice.normal(size=(256, 128)) / 16, np.linalg.qr(dice.normal(size=(128, 128)))[0]
    np.savez(folder / "plda" / "xvec_transform.npz", mean1=np.zeros(256), mean2=np.zeros(128), lda=lda)
    spread = np.linspace(4.0, 0.1, 128)
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(128), tr=turn, psi=spread)
    params = {
        "clustering": "VBxClustering",
        "segmentation": "$model/segmentation",
        "segmentation_batch_size": 32,
        "embedding": "$model/embedding",
        "embedding_batch_size": 32,
        "embedding_exclude_overlap": True,
        "plda": "$model/plda",
    }
    set_to = {
        "clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
        "segmentation": {"min_duration_off": 0.0},
    }
    return _config(folder, params, set_to, dependencies={"pyannote.audio": "4.0.0"})
