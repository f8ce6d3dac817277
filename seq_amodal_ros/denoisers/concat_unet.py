"""
The paper's denoiser: one U-Net over image, cumulative mask and noisy mask as channels (Sec. 4).

X = I ⊕ CM ⊕ M_t goes in, the noise of M_t or its velocity comes out, and beside it the variance
where that is learned (Nichol and Dhariwal 2021). The network is `diffusers`' UNet2DModel.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seq_amodal_ros.denoisers.prediction import Predicts
from seq_amodal_ros.diffusion.schedules import STEPS
import torch
from torch import nn, Tensor


@dataclass(frozen=True)
class ConcatUNetConfig:
    """
    Sizes of the network and what its inputs are scaled to.

    mask_size          side of image and masks, pixels
    channels           of the finest level; level n has channels x multipliers[n]
    blocks             residual blocks a level
    attention_size     level of that side has attention, one head
    predicts           noise, as the paper does, or velocity
    learned_variance   a second output channel, v
    cumulative         the cumulative mask is an input; without it the network is DIS (Sec. 5.5)
    image_values       what black and white become
    cumulative_values  what 0 and 1 of the cumulative mask become
    """

    mask_size: int = 64
    channels: int = 128
    multipliers: Sequence[int] = (1, 2, 3, 4)
    blocks: int = 2
    attention_size: int = 16
    predicts: Predicts = 'noise'
    learned_variance: bool = True
    cumulative: bool = True
    image_values: Sequence[float] = (0.0, 255.0)
    cumulative_values: Sequence[float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting, for sizes that no such network has."""
        for name in ('multipliers', 'image_values', 'cumulative_values'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not 1 <= len(self.multipliers) <= 6 or any(not 1 <= m <= 8 for m in self.multipliers):
            raise ValueError(f'multipliers must be 1 to 6 of 1 to 8, got {self.multipliers}')
        if self.predicts not in ('noise', 'velocity'):
            raise ValueError(f'predicts must be noise or velocity, got {self.predicts!r}')
        scale = 1 << (len(self.multipliers) - 1)
        if self.mask_size % scale or not 16 <= self.mask_size <= 512:
            raise ValueError(f'mask_size must be a multiple of {scale} in 16 to 512, '
                             f'got {self.mask_size}')
        if self.channels % 16 or not 16 <= self.channels <= 512 or not 1 <= self.blocks <= 8:
            raise ValueError('channels must be a multiple of 16 in 16 to 512 and blocks 1 to 8, '
                             f'got channels={self.channels}, blocks={self.blocks}')
        if any(self.channels * m % self.groups for m in self.multipliers):
            raise ValueError(f'channels times each of multipliers must be multiples of '
                             f'{self.groups}, got {self.channels} and {self.multipliers}')
        for name in ('image_values', 'cumulative_values'):
            values = getattr(self, name)
            if len(values) != 2 or not values[0] < values[1]:
                raise ValueError(f'{name} must be two rising numbers, got {values}')

    @property
    def groups(self) -> int:
        """Return in how many groups of channels the norms work."""
        return min(32, self.channels)


def unet(config: ConcatUNetConfig) -> nn.Module:
    """Return the untrained UNet2DModel; raises ValueError, naming the package, without it."""
    try:
        from diffusers import UNet2DModel
    except ImportError as error:
        raise ValueError('the concat_unet architecture needs the package diffusers: '
                         "pip install 'diffusers>=0.30'") from error
    sides = [config.mask_size >> level for level in range(len(config.multipliers))]
    attends = [side == config.attention_size for side in sides]
    return UNet2DModel(
        sample_size=config.mask_size, in_channels=5 if config.cumulative else 4,
        out_channels=2 if config.learned_variance else 1, layers_per_block=config.blocks,
        block_out_channels=tuple(config.channels * m for m in config.multipliers),
        down_block_types=tuple('AttnDownBlock2D' if a else 'DownBlock2D' for a in attends),
        up_block_types=tuple('AttnUpBlock2D' if a else 'UpBlock2D' for a in reversed(attends)),
        attention_head_dim=None, norm_num_groups=config.groups)


class ConcatUNet(nn.Module):
    """The network with the signature that all denoisers share."""

    architecture = 'concat_unet'
    image_scale = 1  # pixels of the image beside one of a mask

    def __init__(self, config: ConcatUNetConfig | None = None) -> None:
        """Make the network untrained."""
        super().__init__()
        self.config = config or ConcatUNetConfig()
        self.unet = unet(self.config)

    @property
    def predicts(self) -> Predicts:
        """Return what `denoise` puts out."""
        return self.config.predicts

    @property
    def mask_size(self) -> int:
        """Return the side of image and masks in pixels."""
        return self.config.mask_size

    def working_shape(self, height: int, width: int, mask_size: int = 0) -> tuple[int, int]:
        """
        Return the square that any image is stretched to, as the paper does.

        Raises ValueError, naming the setting, for another size than the network's own.
        """
        if mask_size not in (0, self.mask_size):
            raise ValueError(f'mask_size {mask_size}: the network of these weights knows no other '
                             f'than {self.mask_size}; set it to 0')
        return self.mask_size, self.mask_size

    def config_dict(self) -> dict[str, Any]:
        """Return the sizes as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self.config).items()}

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the image, float [B, 3, S, S] in 0 to 1, as the network sees it; not learned."""
        low, high = self.config.image_values
        return (image * (high - low) + low,)

    def denoise(self, features: tuple[Tensor, ...], cumulative: Tensor, x_t: Tensor, t: Tensor,
                before: Tensor) -> Tensor:
        """
        Return noise or velocity of x_t, and v where it is learned: [B, 1 or 2, S, S].

        features     what `encode` returned
        cumulative   float [B, 1, S, S], 0 or 1
        x_t          the noised mask, [B, 1, S, S]
        t            its time, float [B], (index + 1) / T with T = STEPS
        before       the last estimate, not used by this network
        """
        channels = [features[0]]
        if self.config.cumulative:
            low, high = self.config.cumulative_values
            channels.append(cumulative * (high - low) + low)
        return self.unet(torch.cat([*channels, x_t], dim=1), t * STEPS - 1).sample

    def forward(self, image: Tensor, cumulative: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Return `denoise` of plain images: what a training step calls."""
        return self.denoise(self.encode(image), cumulative, x_t, t, torch.zeros_like(x_t))
