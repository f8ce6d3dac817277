"""What a grasp planner asks of a scene: what to pick, where to touch it, what must move first."""

from dataclasses import replace

import cv2
import numpy as np
from seq_amodal_ros.scene import AmodalObject, LayeredScene, Mask


def pick_order(scene: LayeredScene) -> list[AmodalObject]:
    """
    Return the objects in the order in which to pick them.

    What nothing lies on comes first; within a layer the most visible, then the surest, then the
    largest. Every object comes after all that lie on it.
    """
    return sorted(scene.objects, key=lambda item: (
        item.layer, -scene.visible_fraction(item), -item.score, -item.area))


def in_pick_order(scene: LayeredScene) -> LayeredScene:
    """Return a scene with its objects in pick order and their ids counted in it, from 1."""
    ordered = pick_order(scene)
    new_id = {item.id: i for i, item in enumerate(ordered, start=1)}
    return replace(scene, objects=tuple(
        replace(item, id=new_id[item.id],
                occluders=tuple(sorted(new_id[above] for above in item.occluders)))
        for item in ordered))


def must_move_first(scene: LayeredScene, object_id: int) -> list[int]:
    """
    Return the ids of all that lie on an object, directly or not, in an order to move them.

    Raises KeyError for an id that is not in the scene.
    """
    above: set[int] = set()
    open_ids = list(scene[object_id].occluders)
    while open_ids:
        current = open_ids.pop()
        if current not in above:
            above.add(current)
            open_ids += scene[current].occluders
    return [item.id for item in pick_order(scene) if item.id in above]


def graspable_region(scene: LayeredScene, object_id: int, margin: int = 3) -> Mask:
    """
    Return where an object may be touched, bool [height, width].

    The pixels that are visible and that every hypothesis gives to the object, at least `margin`
    pixels inside their rim. Raises KeyError for an id that is not in the scene.
    """
    item = scene[object_id]
    sure = scene.visible_mask(item) & item.hypotheses.all(axis=0)
    size = 2 * margin + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    inner = cv2.erode(sure.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner, bool)
