"""Photographs that composed scenes may lie on."""

from pathlib import Path

import cv2
import numpy as np
from seq_amodal_ros.evaluation.photographs import load_image
import torch
from torch import Tensor

SIDE = 384  # pixels that a photograph is kept at
MOST = 5000
ENDINGS = {'.jpg', '.jpeg', '.png'}


def read_photographs(folder: Path) -> Tensor:
    """
    Return the pictures of a folder, their middle square, uint8 [n, 3, SIDE, SIDE].

    Raises ValueError, naming the folder or the file, if there is none, one cannot be read, or
    there are more than MOST.
    """
    paths = sorted(path for path in folder.glob('*') if path.suffix.lower() in ENDINGS)
    if not 1 <= len(paths) <= MOST:
        raise ValueError(f'{folder}: {len(paths)} pictures ({", ".join(sorted(ENDINGS))}); '
                         f'backgrounds need 1 to {MOST}')
    squares = []
    for path in paths:
        picture = load_image(path)
        side = min(picture.shape[:2])
        top, left = ((length - side) // 2 for length in picture.shape[:2])
        squares.append(cv2.resize(picture[top:top + side, left:left + side], (SIDE, SIDE),
                                  interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()
