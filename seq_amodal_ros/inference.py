"""
What Alg. 2 asks of a network: the hypotheses of a layer, of images that were encoded once.

    frames = Frames(network, images, (112, 112), settings)
    frames.answers([0], cumulative).hypotheses      # float32 [1, K, 112, 112]
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
import copy
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.checkpoint import Checkpoint
from seq_amodal_ros.denoisers.efficientnet import EfficientNetLite0
from seq_amodal_ros.denoisers.prediction import predictor
from seq_amodal_ros.devices import computes_in_bfloat16, whole_float32
from seq_amodal_ros.diffusion.samplers import Estimate, Fresh, Predict, SAMPLERS
from seq_amodal_ros.diffusion.schedules import SCHEDULES, STEPS
from seq_amodal_ros.hypotheses import level_sets, mirrored, VIEWS
from seq_amodal_ros.parts import HINT, next_bar, sure_parts
from seq_amodal_ros.replay import Replayed
from seq_amodal_ros.scene import area_at
from seq_amodal_ros.sequential import Answers, Choose, chosen_mask, middle_mask
import torch
from torch import nn, Tensor

REPLAYED = 16  # steps up to which a layer is one graph on CUDA; more would make a large one

Ended = Callable[[], bool]
"""Whether nobody waits for the answer any more; asked before each layer, and before each step
where there are more than REPLAYED."""


class HaltedError(RuntimeError):
    """Work was let go of, since nobody waits for its answer any more."""


def never() -> bool:
    """Return False: somebody waits."""
    return False


def while_waited(predict: Predict, ended: Ended) -> Predict:
    """Return `predict`, which raises HaltedError once `ended`."""
    def asked(x_t: Tensor, t: int, before: Tensor) -> Estimate:
        if ended():
            raise HaltedError
        return predict(x_t, t, before)

    return asked


LIMITS = {'hypotheses': (1, 64), 'steps': (1, STEPS), 'max_layers': (1, 64),
          'min_area': (1, 1 << 20), 'seed': (0, (1 << 31) - 1)}
MASK_SIZES = 32, 512


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
    mask_size   side of the masks that the network works on, or of a square as large, 32 to 512;
                the image has twice that; 0: the weights' own. Time grows with its square
    seed        of the noise; equal seeds give equal answers for equal images
    """

    hypotheses: int = 3
    steps: int = 1
    max_layers: int = 8
    min_area: int = 10
    mask_size: int = 0
    seed: int = 0
    sampler: str = 'ddim'

    def __post_init__(self) -> None:
        """Raise ValueError, naming the setting and its range, for what cannot be sampled."""
        if self.sampler not in SAMPLERS:
            raise ValueError(f'sampler must be one of {", ".join(SAMPLERS)}, got {self.sampler!r}')
        if self.sampler == 'ancestral' and self.steps != STEPS:
            raise ValueError(f'steps must be {STEPS} with the sampler ancestral, which walks all; '
                             f'or take the sampler ddim or dpm; got {self.steps}')
        least, most = MASK_SIZES
        if self.mask_size and not least <= self.mask_size <= most:
            raise ValueError(f'mask_size must be 0 or lie in {least} to {most}, '
                             f'got {self.mask_size}')
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f'{name} must lie in {least} to {most}, '
                                 f'got {getattr(self, name)}')

    def least_area(self, shape: tuple[int, int]) -> int:
        """Return Area_min in pixels of a mask of that shape, at least 1."""
        return max(1, round(area_at(self.min_area, *shape)))


class Way(NamedTuple):
    """How a layer is asked for: settings' sampler and steps, draws of an image, seams or not."""

    sampler: str
    steps: int
    draws: int
    seams: bool


class Network:
    """A checkpoint's denoiser on a device, and how it is to be asked."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        """Copy the denoiser to `device`, its norms folded away."""
        self.device = device
        self.model = copy.deepcopy(checkpoint.model)  # the checkpoint may be saved or learn again
        for part in list(self.model.modules()):
            if isinstance(part, EfficientNetLite0):
                part.fold_norms()
        self.model.to(device, memory_format=torch.channels_last)
        self.mask_values = checkpoint.mask_values
        self.temperature, self.offset = checkpoint.temperature, checkpoint.offset
        self.alpha_bar = SCHEDULES[checkpoint.schedule]()
        # Where noise is predicted, noise makes the hypotheses differ, not the view; and it has no
        # seams, as the paper's system has none.
        self.estimates = self.model.predicts == 'logit'
        self.views = VIEWS if self.estimates else VIEWS[:1]
        self.fast = self.estimates and computes_in_bfloat16(device)
        if self.fast:  # once, where autocast would cast them at every call
            for part in self.model.modules():
                if isinstance(part, nn.Conv2d):
                    part.to(torch.bfloat16)
        self._encode = Replayed(lambda way, image: self.model.encode(image), device)
        self._layer = Replayed(lambda way, *given: self._answered(way, None, never, *given),
                               device)
        self.graphs = (self._encode, self._layer)

    def encode(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return what the network keeps of images, float [n, 3, 2 H, 2 W] in 0 to 1."""
        with self.precision():
            return self._encode(None, image)

    def layer(self, way: Way, fresh: Fresh, cumulative: Tensor, features: tuple[Tensor, ...],
              ended: Ended = never) -> Tensor:
        """
        Return what is drawn and, if the way asks for them, seams: float32 [n, draws (+ 1), H, W].

        All in 0 to 1, seams last. `fresh` returns noise [n draws, 1, H, W]; cumulative masks 0 or
        1, [n, 1, H, W]; features of each draw, [n draws, ...]. Raises HaltedError once `ended`.
        """
        if ended():
            raise HaltedError
        with self.precision():
            if way.steps > REPLAYED:
                return self._answered(way, fresh, ended, fresh(), cumulative, *features)[0]
            return self._layer(way, fresh(), cumulative, *features)[0]

    @contextmanager
    def precision(self) -> Iterator[None]:
        """
        Run the network in bfloat16 where it computes in it, else in float32.

        The paper's network keeps float32: over 1000 steps its rounding would add up.
        """
        # Autocast's cache of cast weights would be freed under a graph that was captured with it.
        with whole_float32(self.device), torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.fast, cache_enabled=False):
            yield

    def _answered(self, way: Way, fresh: Fresh | None, ended: Ended, noise: Tensor,
                  cumulative: Tensor, *features: Tensor) -> tuple[Tensor, ...]:
        k, shape = way.draws, cumulative.shape[-2:]
        given = mirrored(cumulative.repeat_interleave(k, dim=0), k, self.views)
        predict = predictor(self.model, features, given, self.alpha_bar, self.mask_values)
        x0 = SAMPLERS[way.sampler](while_waited(predict, ended), noise, self.alpha_bar, way.steps,
                                   fresh)
        low, high = self.mask_values
        probability = ((mirrored(x0, k, self.views) - low) / (high - low)).clamp(0, 1)
        drawn = probability.reshape(-1, k, *shape).float()
        if not way.seams:
            return (drawn,)
        unmirrored = tuple(level[::k] for level in features)  # each image's first view
        logit = self.model.seams(unmirrored, cumulative, drawn.mean(dim=1, keepdim=True))
        return (torch.cat([drawn, logit.float().sigmoid()], dim=1),)


class Frames:
    """Images worked on in one shape, encoded once however often they are asked for layers."""

    @torch.inference_mode()
    def __init__(self, network: Network, images: Sequence[NDArray[np.uint8]],
                 shape: tuple[int, int], settings: Settings, defer: bool = True,
                 ended: Ended = never) -> None:
        """
        Encode images, uint8 RGB [height, width, 3], for masks of `shape`.

        With `defer` answers leave out objects that may lie deeper (see parts.py), if the network
        estimates masks. Once `ended` they raise HaltedError.
        """
        self.network, self.shape, self.settings, self.ended = network, shape, settings, ended
        # One step gives the mean of all masks: it is asked for in a few views, however large K.
        self._expects = settings.steps == 1 and network.estimates
        draws = min(settings.hypotheses, len(VIEWS)) if self._expects else settings.hypotheses
        self._way = Way(settings.sampler, settings.steps, draws, defer and network.estimates)
        self._bars = [HINT for _ in images]
        self._noises = [torch.Generator().manual_seed(settings.seed) for _ in images]
        self._features = self._encoded(images)

    @property
    def choose(self) -> Choose:
        """Return which of the K masks a layer keeps: what Alg. 2 says, or of level sets theirs."""
        return middle_mask if self._expects else chosen_mask

    @torch.inference_mode()
    def answers(self, numbers: Sequence[int], cumulative: NDArray[np.bool_]) -> Answers:
        """
        Return K masks of the next layer of each image and, if it defers, their seams.

        numbers    which of the images
        cumulative their cumulative masks, bool [n, H, W]
        """
        drawn, seams = self._drawn(numbers, cumulative), None
        if self._way.seams:
            drawn, seams = drawn[:, :-1], drawn[:, -1]
            least = self.settings.least_area(self.shape)
            for i, masks, covered, seam in zip(numbers, drawn, cumulative, seams):
                kept, surest = sure_parts(masks.mean(axis=0), covered, seam, least, self._bars[i])
                masks *= kept
                self._bars[i] = next_bar(surest)
        if self._expects:
            drawn = level_sets(drawn.mean(axis=1), self.settings.hypotheses,
                               self.network.temperature, self.network.offset)
        return Answers(drawn, seams)

    def _drawn(self, numbers: Sequence[int], cumulative: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return what `Network.layer` does for those images, on the host: its one wait for it."""
        device, k = self.network.device, self._way.draws

        def fresh() -> Tensor:
            return torch.cat([torch.randn((k, 1, *self.shape), generator=self._noises[i])
                              for i in numbers]).to(device)

        given = torch.from_numpy(cumulative).to(device).float()[:, None]
        features = self._features
        if list(numbers) != list(range(len(self._bars))):  # of some images: a copy
            rows = torch.tensor([i * k + n for i in numbers for n in range(k)], device=device)
            features = tuple(level[rows] for level in features)
        return self.network.layer(self._way, fresh, given, features, self.ended).cpu().numpy()

    def _encoded(self, images: Sequence[NDArray[np.uint8]]) -> tuple[Tensor, ...]:
        """Return the features of each image in the view of each draw, [n draws, ...] a level."""
        network, draws = self.network, self._way.draws
        views = min(draws, len(network.views))
        tensor = torch.cat([self._tensor(image) for image in images])
        tensor = mirrored(tensor.repeat_interleave(views, dim=0), views, network.views)
        row = torch.tensor([i * views + n % views for i in range(len(images))
                            for n in range(draws)], device=network.device)
        return tuple(level[row] for level in network.encode(tensor))

    def _tensor(self, image: NDArray[np.uint8]) -> Tensor:
        height, width = (side * self.network.model.image_scale for side in self.shape)
        shrinks = image.shape[0] > height and image.shape[1] > width
        small = cv2.resize(image, (width, height),
                           interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        tensor = torch.from_numpy(small).to(self.network.device)
        tensor = tensor.permute(2, 0, 1)[None].float() / 255
        return tensor.contiguous(memory_format=torch.channels_last)
