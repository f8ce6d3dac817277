"""The block that the project's own networks are built of."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn, Tensor
from torch.nn import functional


def without_autocast(x: Tensor) -> AbstractContextManager[None]:
    """Compute within in the precision that tensors have, on the device of x."""
    if not torch.amp.autocast_mode.is_autocast_available(x.device.type):
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)


class Halving(nn.Conv2d):
    """A convolution that halves the grid; its sides are even."""

    def __init__(self, width: int, out: int) -> None:
        """Build one from `width` to `out` channels."""
        super().__init__(width, out, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, out, H / 2, W / 2] of x [B, width, H, W], in the dtype of x."""
        if not (torch.is_grad_enabled() and x.device.type == 'cpu'):
            return super().forward(x)
        # On several threads oneDNN's bfloat16 gradient of this weight takes 20 times as long.
        with without_autocast(x):
            return super().forward(x.float()).to(x.dtype)


class Modulation(nn.Linear):
    """From the embedding of a time, by how much a norm's scale and shift change with it."""

    def __init__(self, embedding: int, width: int) -> None:
        """Build one from so many values, for a norm of `width` channels."""
        super().__init__(embedding, 2 * width)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return changes of scale and shift, float32 [B, 2 width], of embeddings [B, ...]."""
        # Of the few rows that inference has, a CPU's product in bfloat16 takes 5 times as long.
        with without_autocast(embedding):
            return super().forward(embedding.float())


class Norm(nn.GroupNorm):
    """A group norm of 16 groups."""

    def __init__(self, width: int) -> None:
        """Build one of `width` channels."""
        super().__init__(16, width)

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """
        Return x [B, width, H, W] normed, in its dtype and layout.

        `modulation`, a Modulation's answer of B rows or of one for all, scales and shifts it.
        """
        if modulation is None:
            return self._normed(x, self.weight, self.bias)
        scale, shift = modulation.chunk(2, dim=1)
        scale = 1 + scale
        if len(modulation) == 1:  # as at inference: it takes no pass of its own over the maps
            return self._normed(x, self.weight * scale[0], self.bias * scale[0] + shift[0])
        scale, shift = (part.to(x.dtype)[:, :, None, None] for part in (scale, shift))
        return self._normed(x, self.weight, self.bias) * scale + shift

    def _normed(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        small = x[0, 0].numel() < 1024 and x.dtype == torch.bfloat16 and x.device.type == 'cpu'
        if not small or x.is_contiguous():
            return functional.group_norm(x, self.num_groups, weight, bias, self.eps)
        # PyTorch's bfloat16 kernel for small maps in channels last takes several times as long.
        y = functional.group_norm(x.contiguous(), self.num_groups, weight, bias, self.eps)
        return y.contiguous(memory_format=torch.channels_last)


class ResidualBlock(nn.Module):
    """Norm, convolve, twice; scaled and shifted in between by an embedding, if one is given."""

    def __init__(self, width: int, embedding: int | None = None) -> None:
        """Build a block of `width` channels, with an embedding of so many values or without."""
        super().__init__()
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.time = None if embedding is None else Modulation(embedding, width)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Return [B, width, H, W] of x of that shape and an embedding [B or 1, embedding]."""
        modulation = None if self.time is None or time is None else self.time(time)
        y = self.norm2(self.conv1(functional.silu(self.norm1(x))), modulation)
        return x + self.conv2(functional.silu(y))


def upsample(x: Tensor) -> Tensor:
    """Return each cell as two by two."""
    return functional.interpolate(x, scale_factor=2, mode='nearest')


def patches(masks: list[Tensor], size: int) -> Tensor:
    """Return masks [B, 1, H, W], stacked, as cells of size x size pixels (space-to-depth)."""
    return functional.pixel_unshuffle(torch.cat(masks, dim=1), size)
