"""
The public object: load weights once, then turn images into layered scenes.

    segmenter = Segmenter.load()
    scene = segmenter.segment(image)        # uint8 RGB [height, width, 3] -> LayeredScene
"""

from collections.abc import Sequence
from dataclasses import dataclass
import os

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.checkpoint import Checkpoint, DEFAULT, load_checkpoint
from seq_amodal_ros.denoisers.prediction import predictor
from seq_amodal_ros.devices import choose_device, computes_in_bfloat16
from seq_amodal_ros.diffusion.samplers import SAMPLERS
from seq_amodal_ros.diffusion.schedules import SCHEDULES
from seq_amodal_ros.hypotheses import level_sets, mirrored, VIEWS
from seq_amodal_ros.objects import scene_from_layers
from seq_amodal_ros.scene import LayeredScene
from seq_amodal_ros.sequential import (
    Choose,
    chosen_mask,
    Layer,
    SampleLayers,
    segment_together,
    StopRules,
)
import torch
from torch import Tensor


@dataclass(frozen=True)
class Settings:
    """
    How to sample.

    hypotheses  K, masks sampled for each layer in one batch, 1 to 64
    steps       denoising steps, 1 to 1000; at 1 hypotheses are level sets (see hypotheses.py), if
                the network predicts the mask itself
    sampler     ddim or dpm, which take any number of steps, or ancestral, which takes all
    max_layers  N_max of Alg. 2
    min_area    Area_min of Alg. 2, pixels of a 64 x 64 image, whatever the size of the masks
    seed        of the noise; equal seeds give equal answers for equal images
    """

    hypotheses: int = 3
    steps: int = 1
    max_layers: int = 8
    min_area: int = 10
    seed: int = 0
    sampler: str = 'ddim'

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting and its range, for what cannot be sampled."""
        if self.sampler not in SAMPLERS:
            raise ValueError(f'sampler must be one of {", ".join(SAMPLERS)}, got {self.sampler!r}')
        if self.sampler == 'ancestral' and self.steps != 1000:
            raise ValueError('the sampler ancestral walks all 1000 steps: set steps to 1000, or '
                             f'take the sampler ddim or dpm; got steps {self.steps}')
        limits = {'hypotheses': (1, 64), 'steps': (1, 1000), 'max_layers': (1, 64),
                  'min_area': (1, 1 << 20), 'seed': (0, (1 << 31) - 1)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f'{name} must lie in {least} to {most}, '
                                 f'got {getattr(self, name)}')

    def least_area(self, shape: tuple[int, int]) -> int:
        """Return Area_min in pixels of a mask of that shape, at least 1."""
        return max(1, round(self.min_area * shape[0] * shape[1] / 64 ** 2))


class Segmenter:
    """A trained denoiser on a device, ready to segment."""

    def __init__(self, checkpoint: Checkpoint, device: str = 'auto',
                 settings: Settings | None = None) -> None:
        """Move the denoiser to `device`; `settings` may be replaced at any time."""
        self.device = choose_device(device)
        self.settings = settings or Settings()
        self.label = checkpoint.label
        self._model = checkpoint.model.to(self.device, memory_format=torch.channels_last)
        self._mask_values = checkpoint.mask_values
        self._temperature = checkpoint.temperature
        # Where noise is predicted, noise makes the hypotheses differ, not the view.
        self._views = VIEWS if self._model.predicts == 'logit' else VIEWS[:1]
        self._alpha_bar = SCHEDULES[checkpoint.schedule]()

    @classmethod
    def load(cls, weights: str | os.PathLike[str] = DEFAULT, device: str = 'auto',
             settings: Settings | None = None) -> 'Segmenter':
        """Load weights by name or path; raises CheckpointError or DeviceError."""
        return cls(load_checkpoint(weights), device, settings)

    def segment(self, image: NDArray[np.uint8]) -> LayeredScene:
        """
        Return the layered scene of an image, uint8 RGB [height, width, 3], at its size.

        The image is scaled to the denoiser's working shape; masks are scaled back.
        Raises ValueError, stating type and shape, for anything else.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError('the image must be uint8 [height, width, 3] and not empty, got '
                             f'{image.dtype} {list(image.shape)}')
        settings = self.settings
        height, width = image.shape[:2]
        layers = self.layers([image], settings)[0]
        least = settings.least_area(self.working_shape(image))
        return scene_from_layers(layers, height, width, least)

    def working_shape(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """Return height and width of the masks that the network makes of an image."""
        return self._model.working_shape(*image.shape[:2])

    def layers(self, images: Sequence[NDArray[np.uint8]], settings: Settings,
               choose: Choose = chosen_mask) -> list[list[Layer]]:
        """
        Return Alg. 2's layers of each image in the denoiser's working shape.

        Images of one working shape share the network's calls; what an image gets does not depend
        on the others beyond rounding.
        """
        alike: dict[tuple[int, int], list[int]] = {}
        for number, image in enumerate(images):
            alike.setdefault(self.working_shape(image), []).append(number)
        found: list[list[Layer]] = [[] for _ in images]
        for shape, numbers in alike.items():
            sample = self.sampler([images[i] for i in numbers], shape, settings)
            rules = StopRules(settings.max_layers, settings.least_area(shape))
            together = segment_together(sample, len(numbers), shape, rules, choose)
            for number, layers in zip(numbers, together):
                found[number] = layers
        return found

    @torch.inference_mode()
    def sampler(self, images: Sequence[NDArray[np.uint8]], shape: tuple[int, int],
                settings: Settings) -> SampleLayers:
        """
        Return what Alg. 2 asks for hypotheses, of images worked on in one shape.

        The images are encoded here, once, however often the answer is asked for layers.
        """
        expects = self._expects(settings)
        k = min(settings.hypotheses, len(VIEWS)) if expects else settings.hypotheses
        features = self._encode(images, shape, k)
        noises = [torch.Generator().manual_seed(settings.seed) for _ in images]

        @torch.inference_mode()
        def sample(numbers: Sequence[int], cumulative: NDArray[np.bool_]) -> NDArray[np.float32]:
            def fresh() -> Tensor:
                return torch.cat([torch.randn((k, 1, *shape), generator=noises[i])
                                  for i in numbers]).to(self.device)

            rows = torch.tensor([i * k + n for i in numbers for n in range(k)], device=self.device)
            given = torch.from_numpy(cumulative).to(self.device).float()
            given = mirrored(given[:, None].repeat_interleave(k, dim=0), k, self._views)
            predict = predictor(self._model, tuple(level[rows] for level in features), given,
                                self._alpha_bar, self._mask_values)
            with self._precision():
                x0 = SAMPLERS[settings.sampler](predict, fresh(), self._alpha_bar, settings.steps,
                                                fresh)
            low, high = self._mask_values
            probability = ((mirrored(x0, k, self._views) - low) / (high - low)).clamp(0, 1)
            drawn = probability.reshape(len(numbers), k, *shape).float().cpu().numpy()
            if not expects:
                return drawn
            return level_sets(drawn.mean(axis=1), settings.hypotheses, self._temperature)

        return sample

    def _precision(self) -> torch.autocast:
        """
        Return the context in which the network runs: bfloat16 where the device computes in it.

        The paper's network keeps float32: over 1000 steps its rounding would add up.
        """
        fast = self._model.predicts == 'logit' and computes_in_bfloat16(self.device)
        return torch.autocast(self.device.type, torch.bfloat16, enabled=fast)

    def _expects(self, settings: Settings) -> bool:
        """Return whether the network answers with a mean of masks instead of a sample."""
        return settings.steps == 1 and self._model.predicts == 'logit'

    def _encode(self, images: Sequence[NDArray[np.uint8]], shape: tuple[int, int], k: int,
                ) -> tuple[Tensor, ...]:
        """Return the features of each image in the view of each draw, [n k, ...] a level."""
        views = min(k, len(self._views))
        tensor = torch.cat([self._tensor(image, shape) for image in images])
        tensor = mirrored(tensor.repeat_interleave(views, dim=0), views, self._views)
        row = torch.tensor([i * views + n % views for i in range(len(images)) for n in range(k)],
                           device=self.device)
        with self._precision():
            return tuple(level[row] for level in self._model.encode(tensor))

    def _tensor(self, image: NDArray[np.uint8], shape: tuple[int, int]) -> Tensor:
        height, width = (side * self._model.image_scale for side in shape)
        shrinks = image.shape[0] > height and image.shape[1] > width
        small = cv2.resize(image, (width, height),
                           interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        tensor = torch.from_numpy(small).to(self.device).permute(2, 0, 1)[None].float() / 255
        return tensor.contiguous(memory_format=torch.channels_last)
