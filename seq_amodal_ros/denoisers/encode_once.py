"""
The encode-once denoiser: the image is encoded once a frame, the mask denoised many times.

Within a frame the image changes neither over the steps nor over the hypotheses nor over the
layers. So a pretrained encoder turns it into a feature pyramid once, and a small U-Net sees, per
call, the noisy mask M_t, the cumulative mask CM and its last own estimate beside that pyramid.
Masks enter and leave as patches (space-to-depth), so the U-Net works on a grid of half their size.
It predicts the logit of the clean mask (Pix2Seq-D, Chen et al. 2023).
"""

from dataclasses import asdict, dataclass
import math

from seq_amodal_ros.denoisers.blocks import (
    Halving,
    Norm,
    patches,
    ResidualBlock,
    upsample,
    without_autocast,
)
from seq_amodal_ros.denoisers.efficientnet import CHANNELS, EfficientNetLite0
from seq_amodal_ros.denoisers.prediction import Predicts
from seq_amodal_ros.denoisers.seams import SeamNet
import torch
from torch import nn, Tensor
from torch.nn import functional

Pyramid = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class EncodeOnceConfig:
    """
    Sizes of the network.

    mask_size   side of the masks, pixels; the image has twice that
    patch       pixels of a mask a side that the denoiser's grid has as one cell; 2 alone
    widths      channels of its three levels, from fine to coarse
    time_width  channels of the time's embedding, even
    """

    mask_size: int = 64
    patch: int = 2
    widths: tuple[int, int, int] = (48, 96, 192)
    time_width: int = 128

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for sizes that no such network has."""
        object.__setattr__(self, 'widths', tuple(self.widths))
        if self.patch != 2 or self.mask_size % 16 or not 32 <= self.mask_size <= 1024:
            raise ValueError('mask_size must be a multiple of 16 in 32 to 1024 and patch 2, got '
                             f'mask_size={self.mask_size}, patch={self.patch}')
        if self.time_width % 2 or not 2 <= self.time_width <= 1024:
            raise ValueError(f'time_width must be even, in 2 to 1024, got {self.time_width}')
        if len(self.widths) != 3 or any(w % 16 or not 16 <= w <= 1024 for w in self.widths):
            raise ValueError(f'widths must be three multiples of 16 up to 1024, got {self.widths}')


class _Attention(nn.Module):
    """Self-attention over the cells of the coarsest grid: order is decided across the image."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = Norm(width)
        self.qkv, self.out = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, height, columns = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, 3, self.heads, width // self.heads, -1)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        y = functional.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(-1, -2).reshape(batch, width, height, columns))


def _time_features(t: Tensor, width: int) -> Tensor:
    """Return sines and cosines [B, width] of time t [B] in 0 to 1."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=t.device))
    angles = t[:, None] * frequencies[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class EncodeOnceDenoiser(nn.Module):
    """Encodes an image once, then denoises masks given its pyramid as often as needed."""

    architecture = 'encode_once'
    predicts: Predicts = 'logit'
    image_scale = 2  # pixels of the image beside one of a mask

    def __init__(self, config: EncodeOnceConfig | None = None) -> None:
        super().__init__()
        self.config = config or EncodeOnceConfig()
        fine, middle, coarse = self.config.widths
        time, cells = self.config.time_width, self.config.patch ** 2
        self.encoder = EfficientNetLite0()
        self.neck32 = nn.Conv2d(CHANNELS[32], coarse, 1)
        self.neck16 = nn.Conv2d(CHANNELS[16] + coarse, coarse, 1)
        self.neck8 = nn.Conv2d(CHANNELS[8] + coarse, middle, 1)
        self.neck4 = nn.Conv2d(CHANNELS[4] + middle, fine, 1)
        self.time = nn.Sequential(nn.Linear(time, time), nn.SiLU(),
                                  nn.Linear(time, time), nn.SiLU())
        self.stem = nn.Conv2d(3 * cells, fine, 3, padding=1)
        self.fine_in = ResidualBlock(fine, time)
        self.to_middle = Halving(fine, middle)
        self.middle_in = ResidualBlock(middle, time)
        self.to_coarse = Halving(middle, coarse)
        self.coarse_in = ResidualBlock(coarse, time)
        self.attention = _Attention(coarse)
        self.coarse_out = ResidualBlock(coarse, time)
        self.from_coarse = nn.Conv2d(coarse, middle, 1)
        self.middle_out = ResidualBlock(middle, time)
        self.from_middle = nn.Conv2d(middle, fine, 1)
        self.fine_out = ResidualBlock(fine, time)
        self.head = nn.Sequential(Norm(fine), nn.SiLU(),
                                  nn.Conv2d(fine, cells, 3, padding=1))
        self.seams = SeamNet(fine, middle, self.config.patch)

    @property
    def mask_size(self) -> int:
        """Side of the square masks that it is asked for, pixels."""
        return self.config.mask_size

    def working_shape(self, height: int, width: int, mask_size: int = 0) -> tuple[int, int]:
        """
        Return height and width of the masks of an image of that size.

        The area is about that of a square of `mask_size`, or of its own `mask_size` if
        that is 0; the aspect is about the image's (at most 1 to 4): no pixel is padding. The image
        is `image_scale` times that, a multiple of the encoder's stride.
        """
        size = mask_size or self.mask_size
        stretch, cell = math.sqrt(min(max(height / width, 1 / 4), 4)), 32 // self.image_scale
        rows, columns = (max(1, round(size * factor / cell)) * cell
                         for factor in (stretch, 1 / stretch))
        return rows, columns

    def config_dict(self) -> dict:
        """Return the sizes as plain values, for the checkpoint's JSON."""
        return {**asdict(self.config), 'widths': list(self.config.widths)}

    def raise_logits(self, bias: float) -> None:
        """Add `bias` to every logit of a mask from now on."""
        with torch.no_grad():
            self.head[-1].bias += bias

    def encode(self, image: Tensor) -> Pyramid:
        """Return the pyramid of float images [B, 3, 2 H, 2 W] in 0 to 1; sides multiples of 32."""
        features = self.encoder(image)
        top = self.neck16(torch.cat([features[16], upsample(self.neck32(features[32]))], dim=1))
        middle = self.neck8(torch.cat([features[8], upsample(functional.silu(top))], dim=1))
        fine = self.neck4(torch.cat([features[4], upsample(functional.silu(middle))], dim=1))
        return fine, middle, top

    def denoise(self, pyramid: Pyramid, cumulative: Tensor, x_t: Tensor, t: Tensor,
                previous: Tensor) -> Tensor:
        """
        Return the logit of the clean mask, [B, 1, H, W].

        pyramid of the B images; cumulative mask 0 or 1, x_t and the previous estimate -1 to 1
        (zeros where there is none), all [B, 1, H, W]; t [B], or [1] for all, in 0 to 1, 1 = noise.
        """
        with without_autocast(t):  # see Modulation
            time = self.time(_time_features(t, self.config.time_width))
        cells = patches([x_t, cumulative * 2 - 1, previous], self.config.patch)
        fine = self.fine_in(self.stem(cells) + pyramid[0], time)
        middle = self.middle_in(self.to_middle(fine) + pyramid[1], time)
        coarse = self.coarse_in(self.to_coarse(middle) + pyramid[2], time)
        coarse = self.coarse_out(self.attention(coarse), time)
        middle = self.middle_out(middle + upsample(self.from_coarse(coarse)), time)
        fine = self.fine_out(fine + upsample(self.from_middle(middle)), time)
        return functional.pixel_shuffle(self.head(fine), self.config.patch)
