"""
Surfaces: how objects look in a scene, by its light, its colours and their own fine detail.

All of these work on the points of objects, whatever scene and object each is of: `rgba` float
[4, n] is what the points show, colour times alpha.
"""

import torch
from torch import Tensor
from training.engine.protocols import Protocol
from training.engine.randomness import SceneRandom
from training.engine.textures import roughness
from training.engine.warps import Pixels, Poses


def chosen(planes: Tensor, points: Tensor) -> Tensor:
    """Return planes [c, m] at points int64 [n], float [c, n]; one at a time, which is soonest."""
    return torch.stack([plane.index_select(0, points) for plane in planes])


def light(draw: SceneRandom, points: Pixels, poses: Poses, rgba: Tensor) -> None:
    """Light the points, in place: one lamp a scene, each object its gain."""
    most = poses.size.shape[1]
    gain = 1 + 0.2 * draw.normal((most, 1)) + 0.05 * draw.normal((most, 3))
    slope = (0.15 * draw.normal((1, 2)) + 0.08 * draw.normal((most, 2))) / poses.size[..., None]
    rows = torch.cat([gain.clamp(0.4, 1.6), slope, poses.place], dim=2)
    gains, (across, down, x, y) = _of_objects(rows, points).split([3, 4])
    shade = 1 + across * (points.x - x) + down * (points.y - y)
    rgba[:3] *= gains * shade.clamp(0.5, 1.5)


def tint(draw: SceneRandom, points: Pixels, rgba: Tensor, protocol: Protocol) -> None:
    """Give all objects of some scenes one colour, in place; their brightness stays."""
    tone = draw.uniform((3,), 0.2, 1)
    strength = draw.uniform((1,), 0.6, 0.95)
    strength = strength * draw.chance((1,), protocol.alike)
    rows = torch.cat([tone, strength], dim=1)[:, None].expand(-1, protocol.objects[1], -1)
    planes = _of_objects(rows, points)
    grey = rgba[:3].mean(dim=0) * 1.5
    rgba[:3] += planes[3] * (grey * planes[:3] - rgba[:3])


def roughen(draw: SceneRandom, points: Pixels, rgba: Tensor, protocol: Protocol, side: int,
            ) -> None:
    """Give some objects pores, spots and scratches as fine as the image, in place."""
    if not protocol.detail:
        return
    fields, most = roughness(side, draw), protocol.objects[1]
    strength = draw.uniform((most, fields.shape[1]), -0.5, 0.5) * draw.uniform((most, 1))
    strength = strength * draw.chance((most, 1), protocol.detail)
    fields = chosen(fields.transpose(0, 1).flatten(1), points.pixel)
    gain = (1 + (fields * _of_objects(strength, points)).sum(dim=0)).clamp(0.3, 1.7)
    rgba[:3] = (rgba[:3] * gain).minimum(rgba[3])


def _of_objects(rows: Tensor, points: Pixels) -> Tensor:
    """Return each object's numbers [B, N, c] at its points, [c, n]."""
    return chosen(rows.flatten(0, 1).T.contiguous(), points.item)


def camouflaged(draw: SceneRandom, canvas: Tensor, points: Pixels, rgba: Tensor,
                protocol: Protocol) -> Tensor:
    """Return the grounds [B, 3, S, S], some of the mean colour of what is to lie on them."""
    if not protocol.camouflage:
        return canvas
    scene = points.pixel // canvas[0, 0].numel()
    sums = torch.stack([torch.bincount(scene, plane.double(), len(canvas)) for plane in rgba], 1)
    colour = (sums[:, :3] / sums[:, 3:].clamp(min=1e-3)).float()[..., None, None]
    grey = canvas.mean(dim=1, keepdim=True)
    shade = grey / grey.mean(dim=(2, 3), keepdim=True).clamp(min=0.05)
    share = draw.uniform((1, 1, 1), 0.6, 1.0)
    share = share * draw.chance((1, 1, 1), protocol.camouflage)
    return torch.lerp(canvas, (colour * shade).clamp(0, 1), share)
