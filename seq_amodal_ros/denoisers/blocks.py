"""The block that the project's own networks are built of."""

import torch
from torch import nn, Tensor
from torch.nn import functional


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
        with torch.autocast('cpu', enabled=False):
            return super().forward(x.float()).to(x.dtype)


class Norm(nn.GroupNorm):
    """A group norm of 16 groups."""

    def __init__(self, width: int) -> None:
        """Build one of `width` channels."""
        super().__init__(16, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [B, width, H, W] normed, in its dtype and layout."""
        small = x[0, 0].numel() < 1024 and x.dtype == torch.bfloat16 and x.device.type == 'cpu'
        if not small or x.is_contiguous():
            return super().forward(x)
        # PyTorch's bfloat16 kernel for small maps in channels last takes 6 times as long.
        return super().forward(x.float()).to(x.dtype)


class ResidualBlock(nn.Module):
    """Norm, convolve, twice; scaled and shifted in between by an embedding, if one is given."""

    def __init__(self, width: int, embedding: int | None = None) -> None:
        """Build a block of `width` channels, with an embedding of so many values or without."""
        super().__init__()
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.time = None if embedding is None else nn.Linear(embedding, 2 * width)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Return [B, width, H, W] of x of that shape and an embedding [B, embedding]."""
        y = self.norm2(self.conv1(functional.silu(self.norm1(x))))
        if self.time is not None and time is not None:
            scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
            y = y * (1 + scale) + shift
        return x + self.conv2(functional.silu(y))


def upsample(x: Tensor) -> Tensor:
    """Return each cell as two by two."""
    return functional.interpolate(x, scale_factor=2, mode='nearest')


def patches(masks: list[Tensor], size: int) -> Tensor:
    """Return masks [B, 1, H, W], stacked, as cells of size x size pixels (space-to-depth)."""
    return functional.pixel_unshuffle(torch.cat(masks, dim=1), size)
