"""Exact amodal truth of a stage: each object is rendered alone, and depth says which is nearer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.scene import occlusion_layers
from training.engine.scenes import MIN_OVERLAP, MIN_VISIBLE
from training.meshes.render import Camera, Light, Stage


@dataclass(frozen=True)
class Truth:
    """
    The objects that show enough.

    bodies   their ids on the stage
    masks    amodal masks, bool [N, side, side]; the bin hides, the other objects do not
    visible  visible masks, bool [N, side, side], by the id image
    z        bool [N, N], z[i, j]: i is occluded by j (Eq. 1)
    """

    bodies: list[int]
    masks: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    z: NDArray[np.bool_]


def truth_of(stage: Stage, bodies: list[int], camera: Camera, light: Light, side: int) -> Truth:
    """Return the truth at `side` pixels; takes bodies that show too little off the stage."""
    pictures = stage.alone(bodies, camera, light, side)
    masks = np.array([picture.ids == body for body, picture in zip(bodies, pictures)], bool)
    depth = np.where(masks, np.array([picture.depth for picture in pictures]), np.inf)
    pixel = (side / 64) ** 2
    kept = clear_objects(masks, depth, MIN_VISIBLE * pixel)
    for index in set(range(len(bodies))) - set(kept):
        stage.bullet.removeBody(bodies[index], physicsClientId=stage.client)
    ids = stage.picture(camera, light, side).ids
    visible = np.array([ids == bodies[i] for i in kept], bool).reshape(len(kept), side, side)
    return Truth([bodies[i] for i in kept], masks[kept], visible,
                 occlusion_by_depth(masks[kept], depth[kept], MIN_OVERLAP * pixel))


def clear_objects(masks: NDArray[np.bool_], depth: NDArray, min_visible: float) -> list[int]:
    """
    Return the indices of objects of which `min_visible` pixels or more show.

    The least visible goes first, because what it hid shows then. masks bool [N, H, W]; depth
    [N, H, W], infinite outside the masks.
    """
    kept = list(range(len(masks)))
    while kept:
        nearest = np.argmin(depth[kept], axis=0)
        shown = [np.count_nonzero(masks[i] & (nearest == n)) for n, i in enumerate(kept)]
        least = int(np.argmin(shown))
        if shown[least] >= max(min_visible, 1):
            break
        kept.pop(least)
    return kept


def occlusion_by_depth(masks: NDArray[np.bool_], depth: NDArray, min_overlap: float,
                       ) -> NDArray[np.bool_]:
    """
    Return Z [N, N] of amodal masks bool [N, H, W] and their depths [N, H, W] (Eq. 1).

    j occludes i if they share `min_overlap` pixels or more and j is nearer in most of them.
    """
    z = np.zeros((len(masks), len(masks)), bool)
    for i in range(len(masks)):
        for j in range(i):
            shared = masks[i] & masks[j]
            total = np.count_nonzero(shared)
            if total >= max(min_overlap, 1):
                nearer = 2 * np.count_nonzero(depth[j][shared] < depth[i][shared]) >= total
                z[(i, j) if nearer else (j, i)] = True
    return z


def front_first(z: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the objects of Z [N, N] in the order in which a scene holds them: layer by layer."""
    return np.argsort(occlusion_layers(z), kind='stable')
