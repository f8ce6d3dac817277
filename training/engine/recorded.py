"""Recorded scenes, such as rendered piles, served in batches beside composed ones."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.evaluation.amodal_coco import samples
import torch
from torch import Tensor
from tqdm import tqdm
from training.engine.camera import developed
from training.engine.randomness import SceneRandom
from training.engine.scenes import Scenes
from training.masks import shrink_mask

MOST = 31  # objects of a scene: one bit of an int32 each
PART = 256  # scenes whose objects are counted at a time


class RecordedScenes:
    """
    Scenes of amodal COCO sets, turned and mirrored at random, seen through a random camera.

    Or, where the pictures are not to be `changed`, as they are. Draw i of a seed is always the
    same. An image is kept as uint8, its masks as one int32 a pixel.
    """

    def __init__(self, paths: Sequence[Path], side: int = 128, device: str = 'cpu', seed: int = 0,
                 changed: bool = True) -> None:
        """
        Read the annotation files and scale every scene to `side`.

        Those without objects are left out. Raises DatasetError, naming file and place, for what
        is no such set, and ValueError for sets without scenes.
        """
        self.side, self.device, self.seed, self.next = side, torch.device(device), seed, 0
        self.changed = changed
        pictures, bits, layers, occluded = [], [], [], []
        for path in paths:
            for sample in tqdm(samples(path), desc=path.parent.name, unit='scene', disable=None):
                if not len(sample.layers):  # nothing of it can be learnt, layer by layer
                    continue
                if len(sample.layers) > MOST:
                    raise ValueError(f'{sample.name}: {len(sample.layers)} objects; at most '
                                     f'{MOST} can be trained on')
                pictures.append(cv2.resize(sample.picture(), (side, side),
                                           interpolation=cv2.INTER_AREA))
                order = np.argsort(sample.layers, kind='stable')  # from front to back
                lack = (0, MOST - len(order))
                bits.append(_packed(sample.masks[order], side))
                layers.append(np.pad(sample.layers[order], lack))
                occluded.append(np.pad(sample.occluded[np.ix_(order, order)], lack))
        if not pictures:
            raise ValueError(f'{[str(path) for path in paths]}: no scene to train on')
        self._images = torch.from_numpy(np.stack(pictures)).to(self.device)
        self._bits = torch.from_numpy(np.stack(bits)).to(self.device)
        self._layers = torch.from_numpy(np.stack(layers)).to(self.device)
        self._occluded = torch.from_numpy(np.stack(occluded)).to(self.device)

    def __len__(self) -> int:
        """Return the number of recorded scenes."""
        return len(self._images)

    @property
    def depth(self) -> int:
        """Return the number of layers of the deepest scene."""
        return int(self._layers.max())

    def areas(self) -> Tensor:
        """Return the pixels of every object, int64 [objects]; 0 of one that `side` lost."""
        counts = [torch.stack([(part >> n & 1).sum(dim=(1, 2)) for n in range(MOST)], dim=1)
                  for part in self._bits.split(PART)]
        return torch.cat(counts)[self._layers > 0]

    def scenes(self, batch: int) -> Scenes:
        """Return the next `batch` draws."""
        draw = SceneRandom(self.seed, torch.arange(self.next, self.next + batch,
                                                   device=self.device))
        self.next += batch
        chosen = draw.integers((), 0, len(self))
        pose = draw.integers((), 0, 8) * self.changed
        image = _posed(self._images[chosen].permute(0, 3, 1, 2).float() / 255, pose)
        layers = self._layers[chosen]
        most = int((layers > 0).sum(dim=1).max())
        layers, occluded = layers[:, :most], self._occluded[chosen][:, :most, :most]
        bits = _posed(self._bits[chosen][:, None], pose)
        masks = (bits >> torch.arange(layers.shape[1], device=self.device)[:, None, None]) & 1 > 0
        return Scenes(developed(image, draw) if self.changed else image, masks, layers, occluded)


def _packed(masks: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    """Return masks [N, height, width] as int32 [side, side]: bit n is the n-th."""
    bits = np.zeros((side, side), np.int32)
    for n, mask in enumerate(masks):
        bits |= shrink_mask(mask, side).astype(np.int32) << n
    return bits


def _posed(batch: Tensor, pose: Tensor) -> Tensor:
    """Return entries of [B, C, S, S] in pose 0 to 7: turned by quarters, from 4 on mirrored."""
    turned = [entry.rot90(int(number) % 4, (1, 2)) for entry, number in zip(batch, pose.tolist())]
    return torch.stack([entry.flip(2) if number >= 4 else entry
                        for entry, number in zip(turned, pose.tolist())])
