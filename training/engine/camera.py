"""
The camera: what stands between a scene and its picture, drawn anew for each image of a batch.

Lens (defocus, motion, vignetting), exposure and colour, sensor noise, then JPEG's blocks on a part.
All chance comes from the random passed, which lives on the images' device.
"""

from collections.abc import Callable
import math

import torch
from torch import Tensor
from torch.nn import functional
from training.engine.randomness import SceneRandom
from training.engine.textures import axes

BLURRED, COMPRESSED = 0.5, 0.4  # shares of the images
KERNEL = 7   # pixels a side of the longest blur
BLOCK = 8    # pixels a side of a block of JPEG
YCC = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))  # luma, chroma


def developed(image: Tensor, random: SceneRandom) -> Tensor:
    """
    Return the images as a camera would give them, float [B, 3, S, S] in 0 to 1.

    image float [B, 3, S, S] in 0 to 1, on the draws' device; it is left as it is.
    """
    image = _on_some(_blurred, BLURRED, image, random)
    image = _exposed(image, random)
    image = _coloured(image, random)
    image = _noisy(image, random).clamp(0, 1)
    return _on_some(_compressed, COMPRESSED, image, random).clamp(0, 1)


def _on_some(effect: Callable[[Tensor, SceneRandom], Tensor], share: float, image: Tensor,
             random: SceneRandom) -> Tensor:
    """Return the images with an effect on a random `share` of them."""
    chosen = torch.nonzero(random.chance((), share))[:, 0]
    own = random.select(chosen)  # also where none is, so that no batch changes the count of draws
    if not own.batch:
        return image
    return image.index_copy(0, chosen, effect(image[chosen], own))


def _blurred(image: Tensor, random: SceneRandom) -> Tensor:
    """Blur by a Gaussian, round as of defocus or long as of motion, of a width for each image."""
    count, side = len(image), image.shape[-1]
    scale = side / 128
    long = random.log_uniform((1, 1), 0.4, 1.6) * max(scale, 0.6)
    thin = long * random.uniform((1, 1), 0.25, 1.6).clamp(max=1)
    angle = random.uniform((1, 1), 0, math.pi)
    reach = KERNEL // 2
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1, device=image.device)] * 2,
                          indexing='ij')
    along = torch.cos(angle) * x + torch.sin(angle) * y
    across = torch.cos(angle) * y - torch.sin(angle) * x
    kernel = torch.exp(-(along / long).square() / 2 - (across / thin).square() / 2)
    kernel = kernel / kernel.sum(dim=(1, 2), keepdim=True)
    padded = functional.pad(image, [reach] * 4, mode='replicate')
    result = functional.conv2d(padded.reshape(1, 3 * count, *padded.shape[2:]),
                               kernel.repeat_interleave(3, dim=0)[:, None], groups=3 * count)
    return result.reshape(image.shape)


def _exposed(image: Tensor, random: SceneRandom) -> Tensor:
    """Darken the corners; change exposure, white balance and gamma."""
    side = image.shape[-1]
    x, y = axes(side, random)
    corners = 1 - random.uniform((1, 1, 1), -0.15, 0.22).clamp(min=0) * (x * x + y * y)
    gain = random.log_uniform((1, 1, 1), 0.65, 1.35)
    warm = random.uniform((1,), -0.1, 0.1)
    green = random.uniform((1,), -0.04, 0.04)
    balance = 1 + torch.cat([warm, green, -warm], dim=1)[..., None, None]
    gamma = random.log_uniform((1, 1, 1), 0.7, 1.4)
    return (image * (corners * gain) * balance).clamp(1e-3, 1.2) ** gamma


def _coloured(image: Tensor, random: SceneRandom) -> Tensor:
    """Change saturation and contrast."""
    grey = image.mean(dim=1, keepdim=True)
    middle = grey.mean(dim=(2, 3), keepdim=True)
    saturation = random.uniform((1, 1, 1), 0.55, 1.3)
    contrast = random.uniform((1, 1, 1), 0.8, 1.15)
    return middle + contrast * (grey - middle + saturation * (image - grey))


def _noisy(image: Tensor, random: SceneRandom) -> Tensor:
    """Add the sensor's grain to most images, fine or coarse, stronger where it is bright."""
    side = image.shape[-1]
    strength = random.uniform((1, 1, 1), -0.01, 0.05).clamp(min=0)
    # Fine grain is of all colours alike, as demosaicing leaves it; coarse grain is coloured.
    fine = random.normal((1, side, side))
    half = (side + 1) // 2
    coarse = random.normal((3, half, half))
    coarse = functional.interpolate(coarse, (side, side), mode='bilinear', align_corners=False)
    share = random.uniform((1, 1, 1), 0, 1)
    grain = torch.lerp(fine, 1.5 * coarse, share)
    return image + strength * (0.4 + 0.6 * image.clamp(min=0)) * grain


def _compressed(image: Tensor, random: SceneRandom) -> Tensor:
    """Quantise the cosine transform of blocks of luma and chroma, as JPEG does."""
    count, side = len(image), image.shape[-1]
    padding = -side % BLOCK
    padded = functional.pad(image, (0, padding, 0, padding), mode='replicate')
    colours = torch.tensor(YCC, device=image.device)
    transform = _cosines(image.device)
    cells = padded.shape[-1] // BLOCK
    blocks = torch.einsum('kc,nchw->nkhw', colours, padded)
    blocks = blocks.reshape(count, 3, cells, BLOCK, cells, BLOCK).transpose(3, 4)
    frequency = torch.arange(BLOCK, device=image.device)
    # Coarser for higher frequencies, and for chroma; about what quality 20 to 80 does.
    step = 12 + 5.5 * (frequency + frequency[:, None])
    step = step * torch.tensor([1.0, 1.6, 1.6], device=image.device)[:, None, None, None, None]
    step = step / 255 * random.log_uniform((1, 1, 1, 1, 1), 0.4, 2.5)
    quantised = ((transform @ blocks @ transform.T) / step).round() * step
    blocks = (transform.T @ quantised @ transform).transpose(3, 4).reshape(padded.shape)
    result = torch.einsum('kc,nchw->nkhw', torch.linalg.inv(colours), blocks)
    return result[..., :side, :side]


def _cosines(device: torch.device) -> Tensor:
    """Return the cosine transform's orthonormal matrix, [BLOCK, BLOCK]: frequency by place."""
    place = torch.arange(BLOCK, device=device) + 0.5
    frequency = torch.arange(BLOCK, device=device)[:, None]
    matrix = torch.cos(math.pi / BLOCK * place * frequency) * math.sqrt(2 / BLOCK)
    return torch.where(frequency == 0, math.sqrt(1 / BLOCK), matrix)
