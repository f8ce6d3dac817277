"""
The public object: load weights once, then turn images into layered scenes.

    segmenter = Segmenter.load()
    scene = segmenter.segment(image)        # uint8 RGB [height, width, 3] -> LayeredScene
"""

from collections.abc import Sequence
import os

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.checkpoint import Checkpoint, DEFAULT, load_checkpoint
from seq_amodal_ros.devices import choose_device
from seq_amodal_ros.inference import Ended, Frames, HaltedError, Network, never, Settings
from seq_amodal_ros.objects import scene_from_layers
from seq_amodal_ros.replay import Replayed
from seq_amodal_ros.scene import LayeredScene
from seq_amodal_ros.sequential import Choose, Layer, segment_together, StopRules

__all__ = ['HaltedError', 'Segmenter', 'Settings']


class Segmenter:
    """A trained denoiser on a device, ready to segment."""

    def __init__(self, checkpoint: Checkpoint, device: str = 'auto',
                 settings: Settings | None = None) -> None:
        """
        Move the denoiser to `device`; `settings` may be replaced at any time.

        Raises ValueError, naming it, for a setting that this denoiser cannot have.
        """
        self.device = choose_device(device)
        self.label = checkpoint.label
        self._network = Network(checkpoint, self.device)
        self.settings = settings or Settings()

    @property
    def settings(self) -> Settings:
        """How it samples; setting it raises ValueError as making the segmenter does."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._network.model.working_shape(1, 1, settings.mask_size)
        self._settings = settings

    @property
    def precision(self) -> str:
        """Return in what it computes: bfloat16 where that is sooner, else float32."""
        return 'bfloat16' if self._network.fast else 'float32'

    @property
    def graphs(self) -> tuple[Replayed, ...]:
        """Return its calls of the network, each a graph on CUDA unless `uncaptured`."""
        return self._network.graphs

    @property
    def mask_size(self) -> int:
        """Return the side of the masks that the network makes of a square image."""
        return self._network.model.working_shape(1, 1, self.settings.mask_size)[0]

    @classmethod
    def load(cls, weights: str | os.PathLike[str] = DEFAULT, device: str = 'auto',
             settings: Settings | None = None) -> 'Segmenter':
        """Load weights by name or path; raises CheckpointError or DeviceError."""
        return cls(load_checkpoint(weights), device, settings)

    def segment(self, image: NDArray[np.uint8], ended: Ended = never) -> LayeredScene:
        """
        Return the layered scene of an image, uint8 RGB [height, width, 3], at its size.

        The image is scaled to the denoiser's working shape; masks are scaled back.
        Raises ValueError, stating type and shape, for anything else; HaltedError once `ended`,
        which another thread may set.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError('the image must be uint8 [height, width, 3] and not empty, got '
                             f'{image.dtype} {list(image.shape)}')
        settings = self.settings
        height, width = image.shape[:2]
        layers = self.layers([image], settings, ended=ended)[0]
        least = settings.least_area(self.working_shape(image, settings))
        return scene_from_layers(layers, height, width, least)

    def working_shape(self, image: NDArray[np.uint8], settings: Settings) -> tuple[int, int]:
        """Return height and width of the masks that the network makes of an image."""
        return self._network.model.working_shape(*image.shape[:2], settings.mask_size)

    def frames(self, images: Sequence[NDArray[np.uint8]], settings: Settings,
               defer: bool = True, ended: Ended = never) -> Frames:
        """
        Return images of one working shape, encoded, ready to be asked for layers.

        Once `ended` their answers raise HaltedError.
        """
        shape = self.working_shape(images[0], settings)
        return Frames(self._network, images, shape, settings, defer, ended)

    def layers(self, images: Sequence[NDArray[np.uint8]], settings: Settings,
               choose: Choose | None = None, ended: Ended = never) -> list[list[Layer]]:
        """
        Return Alg. 2's layers of each image in the denoiser's working shape.

        Each keeps the mask that `choose` says, or by itself what `Frames.choose` does.

        Images of one working shape share the network's calls; what an image gets does not depend
        on the others beyond rounding. Raises HaltedError once `ended`.
        """
        alike: dict[tuple[int, int], list[int]] = {}
        for number, image in enumerate(images):
            alike.setdefault(self.working_shape(image, settings), []).append(number)
        found: list[list[Layer]] = [[] for _ in images]
        for shape, numbers in alike.items():
            frames = self.frames([images[i] for i in numbers], settings, ended=ended)
            rules = StopRules(settings.max_layers, settings.least_area(shape))
            together = segment_together(frames.answers, len(numbers), shape, rules,
                                        choose or frames.choose)
            for number, layers in zip(numbers, together):
                found[number] = layers
        return found
