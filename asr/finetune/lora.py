"""Low-rank additions to the linear layers: W + B·A, with A and B alone trained (LoRA, Hu et al. 2021)."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class LowRank(nn.Module):
    """Adds a matrix of small rank to a weight of shape (rows, columns)."""

    def __init__(self, rows: int, columns: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, columns) * columns**-0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as it is used."""
        return weight + self.up @ self.down


def with_lora(model: nn.Module, rank: int) -> None:
    """Freeze the model and give each linear layer its addition."""
    model.requires_grad_(requires_grad=False)
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            rows, columns = module.weight.shape
            parametrize.register_parametrization(module, "weight", LowRank(rows, columns, rank))
