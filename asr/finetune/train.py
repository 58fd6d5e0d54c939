"""The training run: batches → weights, with checkpoints to go on from."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional

from asr.errors import AsrError
from asr.finetune.augment import Augment
from asr.finetune.lora import with_lora
from asr.finetune.network import Whisper
from asr.finetune.samples import IGNORED, Batch, Drawing, Item
from asr.tokens import Tokens

CHECKPOINT = "checkpoint.pt"


class TrainingFailed(AsrError):
    """A run that cannot begin, go on, or has gone wrong."""

    code = "asr.training_failed"


class Recipe(BaseModel):
    """How to train; stands in the checkpoint, and a run goes on only under the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=1_500, ge=1)
    rate: float = Field(default=3e-5, gt=0)
    """Highest learning rate; warmed up linearly, then down as a cosine to a twentieth."""
    warmup: int = Field(default=60, ge=1)
    batch_seconds: float = Field(default=64.0, gt=0)
    decay: float = 0.01
    lora_rank: int = Field(default=0, ge=0)
    """0 trains every weight but the token embeddings; otherwise low-rank additions (Hu et al. 2021)."""
    seed: int = 12348
    smoothing: float = Field(default=0.05, ge=0, lt=1)
    """Label smoothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """Where a run stands."""

    step: int
    loss: float
    """Running mean of training loss (nats a token)."""
    rate: float
    seconds: float
    """Audio learnt from so far, padding left out."""
    checked: tuple[float, ...] = ()
    """Loss on each set that is watched, when it was just measured."""


class Run:
    """One training run in a folder."""

    def __init__(
        self, base: Path, folder: Path, items: Sequence[Item], recipe: Recipe, how: Augment | None = None
    ) -> None:
        """`base` is the folder of a CTranslate2 Whisper; a checkpoint in `folder` is gone on from.

        Raises `TrainingFailed`, `BadWeights`, `ModelUnavailable`, `OSError`.
        """
        if not items:
            raise TrainingFailed("nothing to learn from")
        torch.manual_seed(recipe.seed)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._folder, self._recipe = folder, recipe
        self.tokens = Tokens(base)
        self.model = Whisper.load(base / "model.bin").to(self._device)
        if recipe.lora_rank:
            with_lora(self.model, recipe.lora_rank)
        self.model.decoder.embeddings.requires_grad_(requires_grad=False)
        trained = [each for each in self.model.parameters() if each.requires_grad]
        self._optimizer = torch.optim.AdamW(
            trained, recipe.rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=recipe.decay
        )
        self._trained = trained
        self.step, self._seconds, self._loss = 0, 0.0, math.nan
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        self._data = Drawing(
            items, self.tokens, how or Augment(), recipe.batch_seconds, recipe.seed + self.step
        )

    def go(
        self, report: Callable[[Report], None], watched: Sequence[Sequence[Batch]] = (), every: int = 100
    ) -> None:
        """Train to the end; a checkpoint `every` so many steps and when interrupted.

        Raises `TrainingFailed`.
        """
        batches = self._batches()
        try:
            while self.step < self._recipe.steps:
                self._learn(next(batches))
                checked: tuple[float, ...] = ()
                if self.step % every == 0 or self.step == self._recipe.steps:
                    self.save()
                    checked = tuple(self.loss_on(each) for each in watched)
                report(Report(self.step, self._loss, self._rate(), self._seconds, checked))
        except KeyboardInterrupt:
            self.save()
            raise

    def _batches(self) -> Iterator[Batch]:
        from torch.utils.data import DataLoader

        loader = DataLoader(self._data, batch_size=None, num_workers=1, prefetch_factor=6)
        return iter(loader)

    def _rate(self) -> float:
        recipe = self._recipe
        if self.step < recipe.warmup:
            return recipe.rate * (self.step + 1) / recipe.warmup
        share = (self.step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
        return recipe.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))

    def _learn(self, batch: Batch) -> None:
        self.model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        loss = self._loss_of(batch, self._recipe.smoothing)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingFailed(f"loss is {value} at step {self.step}: lower the rate")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._seconds += batch.seconds
        self._loss = value if math.isnan(self._loss) else 0.98 * self._loss + 0.02 * value

    def _loss_of(self, batch: Batch, smoothing: float) -> torch.Tensor:
        mel, lengths, tokens, labels = (
            each.to(self._device) for each in (batch.mel, batch.lengths, batch.tokens, batch.labels)
        )
        with torch.autocast(self._device.type, torch.bfloat16):
            states = self.model(mel, lengths, tokens)
            asked = labels != IGNORED
            logits = self.model.logits(states[asked])
        return functional.cross_entropy(logits.float(), labels[asked], label_smoothing=smoothing)

    @torch.no_grad()
    def loss_on(self, batches: Sequence[Batch]) -> float:
        """Mean loss a token (nats), nothing spoilt and nothing dropped."""
        self.model.eval()
        losses = [(float(self._loss_of(each, 0.0)), int((each.labels != IGNORED).sum())) for each in batches]
        return sum(loss * count for loss, count in losses) / max(1, sum(count for _, count in losses))

    def save(self) -> None:
        """Write the checkpoint; a crash in the middle leaves the one before."""
        draft = self._folder / f".{CHECKPOINT}"
        torch.save(
            {
                "recipe": self._recipe.model_dump(),
                "step": self.step,
                "seconds": self._seconds,
                "loss": self._loss,
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
            draft,
        )
        draft.replace(self._folder / CHECKPOINT)

    def _resume(self) -> None:
        file = self._folder / CHECKPOINT
        if not file.exists():
            return
        kept: dict[str, Any] = torch.load(file, map_location=self._device, weights_only=True)
        if kept["recipe"] != self._recipe.model_dump():
            raise TrainingFailed(f"{file} is of another recipe; give another folder, or delete it")
        self.model.load_state_dict(kept["model"])
        self._optimizer.load_state_dict(kept["optimizer"])
        self.step, self._seconds, self._loss = kept["step"], kept["seconds"], kept["loss"]
