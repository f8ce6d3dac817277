"""Solid textures: colours that depend on the place in an object, so that no mesh needs UVs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
KINDS = ('plain', 'stripes', 'rings', 'checks', 'spots', 'marble')
WAVES = 10


@dataclass(frozen=True)
class Texture:
    """
    Two tones mixed by a pattern in space.

    kind       one of KINDS
    tones      [2, 3], 0 to 1
    frame      [3, 3], turns and scales the object's coordinates to those of the pattern
    waves      [WAVES, 3], directions and pitches of smooth noise
    phases     [WAVES]
    sharpness  of the seam between the tones
    warp       how far noise bends the pattern
    """

    kind: str
    tones: Floats
    frame: Floats
    waves: Floats
    phases: Floats
    sharpness: float
    warp: float

    def colours(self, points: Floats) -> Floats:
        """Return the colours [n, 3], 0 to 1, at points [n, 3] of the object, in metres."""
        place = turned(points, self.frame)
        noise = np.sin(turned(place, self.waves) + self.phases).mean(axis=1) * 2
        x, y, z = (place + self.warp * noise[:, None]).T
        if self.kind == 'stripes':
            value = np.sin(x)
        elif self.kind == 'rings':
            value = np.sin(np.hypot(x, y))
        elif self.kind == 'checks':
            value = np.sin(x) * np.sin(y) * np.sin(z) * 3
        elif self.kind == 'spots':
            value = np.sin(x) + np.sin(y) + np.sin(z) - 1.2
        else:
            value = noise * (3 if self.kind == 'marble' else 0.2)
        mix = 1 / (1 + np.exp(-self.sharpness * value))[:, None]
        return self.tones[0] * mix + self.tones[1] * (1 - mix)


def turned(points: Floats, matrix: Floats) -> Floats:
    """Return points [..., k] times a matrix [m, k]; without threads, so equal on any machine."""
    return np.einsum('...k,mk->...m', points, matrix)


def random_texture(rng: np.random.Generator, size: float) -> Texture:
    """Draw a texture for an object of `size` metres: 1 to 8 repeats of its pattern across it."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    pitch = 2 * np.pi * np.exp(rng.uniform(np.log(1), np.log(8))) / size
    tones = rng.uniform(0, 1, (2, 3)) ** 0.8
    grey = rng.uniform(0, 1, (2, 1)) ** 2  # some are nearly without colour
    tones = tones + grey * (tones.mean(axis=1, keepdims=True) - tones)
    return Texture(str(rng.choice(KINDS)), tones, turn * pitch,
                   rng.normal(size=(WAVES, 3)) * np.exp(rng.uniform(-2, 0.5, (WAVES, 1))),
                   rng.uniform(0, 2 * np.pi, WAVES), float(np.exp(rng.uniform(0, 2.5))),
                   float(rng.uniform(0, 1.5)))
