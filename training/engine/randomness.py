"""
Random numbers by scene: a pure function of (seed, scene, draw), so nothing depends on the batch.

PyTorch's generators give a scene other numbers in another batch, and a GPU other numbers than a
CPU. Here every number is a hash of where it is used, on any device.
"""

import copy
import math
import zlib

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B9
_AHEAD = 64  # draws whose numbers are made at once: a few alone cost as much as all of these
_WIDTH = 32  # numbers of each that are made ahead; most draws need no more


def _wrapped(value: int) -> int:
    """Return the low 32 bits as a signed int: what an int32 tensor holds."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _mixed(x: Tensor) -> Tensor:
    """Return int32 numbers whose every bit hangs on every bit of x (Wellons 2018, lowbias32)."""
    x = x ^ (x >> 16).bitwise_and_(0xFFFF)
    x *= 0x7FEB352D
    x ^= (x >> 15).bitwise_and_(0x1FFFF)
    x *= _wrapped(0x846CA68B)
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    return x


def seed_of(name: str, seed: int) -> int:
    """Return a name's own seed: what is drawn under two names of one seed is independent."""
    return (seed + zlib.crc32(name.encode())) % (1 << 31)


class SceneRandom:
    """Draws for a batch of scenes; the first dimension of every result is the scene."""

    def __init__(self, seed: int, scenes: Tensor) -> None:
        """Draw for the scenes of those numbers, int64 [B] from 0 up, under `seed`."""
        self.batch, self.device = len(scenes), scenes.device
        low, high = (scenes & 0xFFFF).int(), (scenes >> 16).int()
        key = _mixed(low + _wrapped(seed * _GOLDEN + 1))
        self._keys = _mixed(key ^ _mixed(high + _wrapped(seed >> 16)))
        self._draws, self._block = 0, -1
        self._ahead, self._first = self._keys[:0], self._keys[:0]

    def select(self, index: Tensor) -> 'SceneRandom':
        """Return draws of their own for some of the scenes, int64 [n]; this counts as a draw."""
        self._draws += 1
        part = copy.copy(self)
        part.batch, part._draws, part._block = len(index), 0, -1
        part._keys = _mixed(self._keys[index] + _wrapped(self._draws * _GOLDEN)) ^ 0x5BD1E995
        return part

    def uniform(self, shape: tuple[int, ...] = (), low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 [B, *shape], even over low to high."""
        return (self._bits(shape) * ((high - low) / (1 << 24))).add_(low)

    def log_uniform(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        """Return float32 [B, *shape], low to high, both above 0, each octave as often."""
        return torch.exp(self.uniform(shape, math.log(low), math.log(high)))

    def chance(self, shape: tuple[int, ...], share: float) -> Tensor:
        """Return bool [B, *shape], True for about that share."""
        return self.uniform(shape) < share

    def normal(self, shape: tuple[int, ...] = ()) -> Tensor:
        """Return float32 [B, *shape] of mean 0 and deviation 1 (Box and Muller 1958)."""
        radius = torch.sqrt(-2 * torch.log1p(-self.uniform(shape)))
        return radius * torch.cos(self.uniform(shape, high=2 * math.pi))

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        """Return int64 [B, *shape], low to high - 1."""
        return (self.uniform(shape) * (high - low)).long() + low

    def choices(self, shape: tuple[int, ...], weights: Tensor) -> Tensor:
        """Return int64 [B, *shape], indices drawn by weights [n], or [B, n] a scene's own."""
        bounds = weights.cumsum(-1)
        bounds = (bounds / bounds[..., -1:]).expand(self.batch, -1).contiguous()
        draw = self.uniform((math.prod(shape),))
        index = torch.searchsorted(bounds, draw, right=True).clamp(max=weights.shape[-1] - 1)
        return index.reshape(self.batch, *shape)

    def _bits(self, shape: tuple[int, ...]) -> Tensor:
        """Return 24 random bits each, whole float32 [B, *shape], and move to the next draw."""
        (block, row), count = divmod(self._draws, _AHEAD), math.prod(shape)
        if block != self._block:  # a select counts as a draw, so a block may begin within
            self._block = block
            draws = torch.arange(block * _AHEAD + 1, (block + 1) * _AHEAD + 1, dtype=torch.int32,
                                 device=self.device) * _wrapped(_GOLDEN)
            self._ahead = _mixed(self._keys + draws[:, None])
            self._first = self._numbers(self._ahead, _WIDTH)
        self._draws += 1
        bits = self._first[row, :, :count] if count <= _WIDTH else \
            self._numbers(self._ahead[row], count)
        return bits.reshape(self.batch, *shape)

    def _numbers(self, keys: Tensor, count: int) -> Tensor:
        """Return the first `count` numbers of each key int32 [...], float32 [..., count]."""
        place = torch.arange(count, device=self.device, dtype=torch.int32)
        bits = _mixed(keys[..., None] + place * _wrapped(0x85EBCA6B))
        return bits.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF).float()
