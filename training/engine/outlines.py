"""
Outlines: what is inside of a shape, and how its faces are lit.

A kind of shape draws its proportions by chance and returns a Field. So the same shape can be
measured coarsely, then drawn to fill its frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
import math

import torch
from torch import Tensor
from training.cutouts import SIDE
from training.engine.randomness import SceneRandom
from training.engine.textures import soft_step


@dataclass(frozen=True)
class Surface:
    """
    A shape at points x and y [n, H, W].

    inside   float [n, H, W], above 0 inside, falling through 0 at the rim without a jump
    gain     float [n, H, W], how the light of its faces differs, or None
    texture  float [n, H, W, 2], where in -1 to 1 the pattern is taken, or None: where it is seen
    colour   float [n, 3, H, W] in 0 to 1, in place of a pattern, or None
    """

    inside: Tensor
    gain: Tensor | None = None
    texture: Tensor | None = None
    colour: Tensor | None = None


Field = Callable[[Tensor, Tensor], Surface]


def bend_of(random: SceneRandom, most: float) -> Tensor:
    """Return how far the ends of a shape are bent aside, [B, 1, 1]; half are straight."""
    return random.uniform((1, 1), -most, most) * random.chance((1, 1), 0.5)


def rounded(x: Tensor, y: Tensor, power: Tensor | float) -> Tensor:
    """Return the norm of that power: 1 on an ellipse at power 2, nearly a box at power 8."""
    return (x.abs() ** power + y.abs() ** power) ** (1 / power)


def polygon(random: SceneRandom) -> Field:
    """Return polygons of 3 to 9 corners around the middle, half of them nearly regular."""
    most = 9
    corner = torch.arange(most, device=random.device)
    corners = 3 + random.integers((1,), 0, most - 2)
    angle = (corner + random.uniform((most,), -0.2, 0.2)) * 2 * math.pi / corners
    concave = random.chance((1,), 0.5)
    radius = 1 - random.uniform((most,), 0, 1) * torch.where(concave, 0.55, 0.15)
    squash = random.uniform((1, 1), 0.4, 1)
    # The edge from a corner to the next is the line where normal . point = 1.
    following = torch.where(corner + 1 < corners, corner + 1, 0)
    points = radius[..., None] * torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)
    nexts = points.gather(1, following[..., None].expand(-1, -1, 2))
    cross = points[..., 0] * nexts[..., 1] - points[..., 1] * nexts[..., 0]
    normal_x = (nexts[..., 1] - points[..., 1]) / cross
    normal_y = (points[..., 0] - nexts[..., 0]) / cross
    reach = torch.where(corner < corners, radius, 0).amax(dim=1)[:, None, None]
    # Sectors begin at the first corner's angle; those past the last corner are never reached.
    begins = torch.where(corner < corners, angle - angle[:, :1], 7.0)

    def field(x: Tensor, y: Tensor) -> Surface:
        y = y / squash
        around = (torch.atan2(y, x) - angle[:, :1, None]) % (2 * math.pi)
        sector = torch.searchsorted(begins, around.flatten(1), right=True) - 1
        across = normal_x.gather(1, sector).reshape(x.shape)
        down = normal_y.gather(1, sector).reshape(x.shape)
        # The lines of steep edges run on beyond their corners: all ends at the furthest corner.
        end = reach - torch.hypot(x, y)
        return Surface(torch.minimum(1 - across * x - down * y, 4 * end))
    return field


def ellipse(random: SceneRandom) -> Field:
    """Return ellipses, some bent like a bean or a banana."""
    aspect = random.uniform((1, 1), 0.25, 1)
    bend = bend_of(random, 0.6)

    def field(x: Tensor, y: Tensor) -> Surface:
        return Surface(1 - torch.hypot((x - bend * (y * y - 0.4)) / aspect, y))
    return field


def superellipse(random: SceneRandom) -> Field:
    """Return shapes between a diamond, an ellipse and a rounded box, some tapered."""
    aspect = random.uniform((1, 1), 0.25, 1)
    power = random.log_uniform((1, 1), 1.3, 9)
    taper = random.uniform((1, 1), 0, 0.45) * random.chance((1, 1), 0.5)

    def field(x: Tensor, y: Tensor) -> Surface:
        return Surface(1 - rounded(x / (aspect * (1 - taper * y.clamp(-1.2, 1.2))), y, power))
    return field


def fourier(random: SceneRandom) -> Field:
    """Return blobs: circles with waves of five lengths."""
    waves = torch.arange(2, 7, device=random.device)[:, None, None]
    size = random.uniform((5, 1, 1), 0, 0.3) / waves.sqrt()
    size = size * random.uniform((1, 1, 1), 0.3, 1)
    phase = random.uniform((5, 1, 1), 0, 2 * math.pi)

    def field(x: Tensor, y: Tensor) -> Surface:
        angle = torch.atan2(y, x)
        rim = 0.75 + sum(size[:, i] * torch.cos(waves[i] * angle + phase[:, i]) for i in range(5))
        return Surface(1 - torch.hypot(x, y) / rim.clamp(min=0.22))
    return field


def ring(random: SceneRandom) -> Field:
    """Return rings, frames and washers: a rounded shape with one hole, not quite in its middle."""
    aspect = random.uniform((1, 1), 0.5, 1)
    power = random.log_uniform((1, 1), 1.8, 7)
    inner_power = torch.where(random.chance((1, 1), 0.5), power, 2)
    share = random.uniform((1, 1), 0.3, 0.74)
    shift = random.uniform((2, 1, 1), -0.25, 0.25) * (0.9 - share[:, None])

    def field(x: Tensor, y: Tensor) -> Surface:
        x = x / aspect
        hole = rounded(x - shift[:, 0], y - shift[:, 1], inner_power) - share
        return Surface(torch.minimum(1 - rounded(x, y, power), hole))
    return field


def handle(random: SceneRandom) -> Field:
    """Return mugs, jugs and bags: a body, open at its top, and a loop at its side."""
    width, height, loop = (random.uniform((1, 1), low, high) for low, high in
                           ((0.4, 0.7), (0.6, 0.9), (0.3, 0.5)))
    power = random.log_uniform((1, 1), 3, 10)
    taper = random.uniform((1, 1), -0.25, 0.25)
    thick = random.uniform((1, 1), 0.18, 0.36)
    place = random.uniform((1, 1), -0.15, 0.15)
    stretch = random.uniform((1, 1), 0.8, 1.4)
    mouth = random.uniform((1, 1), 0.08, 0.28) * random.chance((1, 1), 0.7)
    depth = random.uniform((1, 1), 0.35, 0.75)

    def field(x: Tensor, y: Tensor) -> Surface:
        wide = width * (1 - taper * y)
        body = 1 - rounded(x / wide, y / height, power)
        far = torch.hypot(x - width, (y - place) / stretch) / loop
        band = thick - (far - (1 - thick)).abs()
        dark = 1 - torch.hypot(x / (0.85 * wide), (y + 0.74 * height) / (mouth * height + 1e-6))
        dark = soft_step(dark, mouth * height * SIDE / 2) * (mouth > 0)
        return Surface(torch.maximum(body, band), 1 - dark * (1 - depth))
    return field


# Low and high of: the head's half width, half height, power and shift; the hole's and the notch's
# share of it (below 0: none); the grip's half width and its length; the rod's half width.
TOOLS = {
    'wrench': ((.17, .26), (.17, .26), (1.8, 3), (0, 0), (-1, -1), (.4, .55), (.07, .1), (.3, .9),
               (.06, .09)),
    'spanner': ((.16, .26), (.16, .26), (1.8, 4), (0, 0), (.45, .65), (-1, -1), (.07, .12),
                (.3, .9), (.06, .09)),
    'hammer': ((.3, .5), (.1, .17), (3, 9), (-.1, .1), (-1, -1), (-1, -1), (.07, .13), (.5, 1.2),
               (.05, .07)),
    'screwdriver': ((.05, .08), (.05, .1), (2, 9), (0, 0), (-1, -1), (-1, -1), (.12, .22),
                    (.6, 1), (.05, .06)),
    'spoon': ((.18, .3), (.25, .42), (1.8, 2.4), (0, 0), (-1, -1), (-1, -1), (.05, .09), (.3, .9),
              (.05, .06)),
    'knife': ((.07, .15), (.4, .6), (1.6, 5), (-.05, .05), (-1, -1), (-1, -1), (.09, .15), (.5, .8),
              (.06, .08)),
    'turner': ((.2, .34), (.2, .4), (3, 9), (0, 0), (-1, .3), (-1, -1), (.06, .1), (.4, .9),
               (.05, .06)),
    'key': ((.22, .34), (.2, .34), (1.8, 5), (0, 0), (.35, .6), (-1, -1), (.1, .2), (.15, .35),
            (.06, .09)),
}


def tool(random: SceneRandom) -> Field:
    """Return rods with a head at one end and a grip at the other, as in TOOLS, some bent."""
    ranges = torch.tensor(list(TOOLS.values()), device=random.device)
    ranges = ranges[random.integers((), 0, len(TOOLS))]
    share = random.uniform((ranges.shape[1],), 0, 1)
    drawn = ranges[..., 0] + share * (ranges[..., 1] - ranges[..., 0])
    wide, high, power, shift, hole, notch, grip, length, rod = drawn[..., None, None].unbind(1)
    grip_power = random.log_uniform((1, 1), 2, 8)
    bend = bend_of(random, 0.25)
    breadth = random.uniform((1, 1), 1, 1.7)
    two_toned = torch.where(random.chance((1, 1), 0.6),
                            random.uniform((1, 1), 0.35, 1.5), 1)

    def field(x: Tensor, y: Tensor) -> Surface:
        x = (x - bend * (y * y - 0.3)) / breadth
        top = y + 1 - high
        head = 1 - rounded((x - shift) / wide, top / high, power)
        slot = torch.maximum((x.abs() - notch * wide) / wide, (top - 0.3 * high) / high)
        shaft = torch.minimum(torch.minimum(rod - x.abs(), top), 0.9 - y) / rod
        solid = torch.maximum(head, shaft)
        solid = torch.where(notch > 0, torch.minimum(solid, slot), solid)
        solid = torch.minimum(solid, torch.hypot((x - shift) / wide, top / high) - hole)
        held = 1 - rounded(x / grip, (y - 1 + length / 2) / (length / 2), grip_power)
        return Surface(torch.maximum(solid, held), torch.where(held > 0, two_toned, 1.0))
    return field


def box(random: SceneRandom) -> Field:
    """Return boxes seen from a corner: three faces, differently lit, within a hexagon."""
    # Edges from the near corner: down, up to the left, up to the right.
    angle = torch.tensor([1.57, 3.67, 5.76], device=random.device)
    angle = angle + random.uniform((3,), -0.4, 0.4)
    length = random.uniform((3,), 0.35, 1)
    length = 0.85 * length / length.amax(dim=1, keepdim=True)
    edges = length[..., None] * torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)
    light = random.uniform((3, 1, 1), 0.45, 0.95)
    light[:, 1] += 0.25  # the top
    tilt = random.uniform((2, 1, 1), -0.18, 0.18)

    def field(x: Tensor, y: Tensor) -> Surface:
        near = 1 + tilt[:, 0] * x + tilt[:, 1] * y
        x, y = x / near, y / near
        most, gain = torch.full_like(x, -9), torch.ones_like(x)
        u, v = torch.zeros_like(x), torch.zeros_like(x)
        for i in range(3):
            a, b = edges[:, i, :, None, None], edges[:, (i + 1) % 3, :, None, None]
            cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
            s = (x * b[:, 1] - y * b[:, 0]) / cross
            t = (y * a[:, 0] - x * a[:, 1]) / cross
            most = torch.maximum(most, torch.maximum(s, t))
            face = (s >= 0) & (t >= 0)
            gain = torch.where(face, light[:, i], gain)
            u, v = torch.where(face, s, u), torch.where(face, t, v)
        return Surface(1 - most, gain, torch.stack([u, v], dim=-1) * 2 - 1)
    return field


def cylinder(random: SceneRandom) -> Field:
    """Return cans, cups and bottles: a round side, shaded across, and an elliptic top."""
    width, height, round_ = (random.uniform((1, 1), low, high) for low, high in
                             ((0.3, 0.8), (0.3, 0.85), (0.12, 0.4)))
    taper = random.uniform((1, 1), -0.25, 0.25) * random.chance((1, 1), 0.5)
    neck = random.uniform((1, 1), 0.3, 0.65) * random.chance((1, 1), 0.3)
    shoulder = random.uniform((1, 1), 0.2, 0.6) * height
    lit_side = random.uniform((1, 1), -0.7, 0.7)
    contrast = random.uniform((1, 1), 0.3, 0.75)
    top_light = random.uniform((1, 1), 0.35, 1.25)
    rim_light = random.uniform((1, 1), 0.8, 1.3)

    def profile(y: Tensor) -> Tensor:
        share = 1 - taper * y - neck * torch.sigmoid((-y - shoulder) * 25)
        return width * share.clamp(min=0.1)

    def field(x: Tensor, y: Tensor) -> Surface:
        wide, top = profile(y), profile(-height)
        across = x / wide
        arc = (1 - (across * across).clamp(max=1)).sqrt()
        side = torch.minimum(1 - across.abs(), (height + round_ * width * arc - y))
        side = torch.minimum(side, y + height)
        lid = 1 - torch.hypot(x / top, (y + height) / (round_ * top))
        gain = 1.1 - contrast * (across - lit_side).square()
        sharp = round_ * top * SIDE / 2  # about a pixel, where the lid is flattest
        gain = torch.lerp(gain.clamp(min=0.3), rim_light, soft_step(lid, sharp))
        gain = torch.lerp(gain, top_light, soft_step(lid - 0.18, sharp))
        u = torch.where(lid > 0, x, torch.asin(across.clamp(-1, 1)) / 1.6)
        return Surface(torch.maximum(side, lid), gain,
                       torch.stack([u, y - round_ * width * arc], dim=-1))
    return field
