"""LayeredScene <-> LayeredAmodalMasks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from seq_amodal_ros.bridge.masks import check_pixels, pack, unpack, unpack_into
from seq_amodal_ros.bridge.messages import generated
from seq_amodal_ros.scene import AmodalObject, Box, LayeredScene, MaskError, MAX_PIXELS

MAX_MASKS = 4096  # of one message: this and the pixels of all bound what decoding takes
MAX_ALL_PIXELS = 64 * MAX_PIXELS


def message_class() -> type:
    """Return the class LayeredAmodalMasks; raises MessagesNotBuiltError if it was not built."""
    return generated().LayeredAmodalMasks


def bounding_box_2d(box: Box) -> Any:
    """Return a Box as vision_msgs/BoundingBox2D: pixels, theta 0, centre at half pixels."""
    from vision_msgs.msg import BoundingBox2D, Point2D, Pose2D
    centre = Point2D(x=box.x + box.width / 2, y=box.y + box.height / 2)
    return BoundingBox2D(center=Pose2D(position=centre, theta=0.0),
                         size_x=float(box.width), size_y=float(box.height))


def scene_to_message(scene: LayeredScene, header: Any, model: str) -> Any:
    """
    Return a scene as LayeredAmodalMasks with the image's header and the weights' label.

    Raises MaskError for more than the other side would read.
    """
    _check_size([len(item.hypotheses) for item in scene.objects], scene.height, scene.width)
    return message_class()(
        header=header, height=scene.height, width=scene.width, model=model,
        objects=[_object_to_message(scene, item) for item in scene.objects])


def message_to_scene(message: Any) -> LayeredScene:
    """
    Return a LayeredAmodalMasks as scene; the exact inverse of `scene_to_message`.

    Raises MaskError or SceneError, naming the object, for a message that cannot be a scene.
    """
    _check_size([len(item.hypotheses) for item in message.objects], message.height, message.width)
    return LayeredScene(message.height, message.width, tuple(
        _message_to_object(item, message.height, message.width) for item in message.objects))


def _check_size(hypotheses: Sequence[int], height: int, width: int) -> None:
    masks = sum(hypotheses) + len(hypotheses)
    check_pixels(height, width)
    if masks > MAX_MASKS or masks * height * width > MAX_ALL_PIXELS:
        raise MaskError(f'{masks} masks of {width}x{height} are more than a message may hold '
                        f'({MAX_MASKS}, of {MAX_ALL_PIXELS:,} pixels together): ask for fewer '
                        'hypotheses or send smaller images')


def _object_to_message(scene: LayeredScene, item: AmodalObject) -> Any:
    return generated().AmodalObject(
        id=item.id, layer=item.layer, score=item.score,
        visible_fraction=scene.visible_fraction(item), occluders=list(item.occluders),
        box=bounding_box_2d(item.box), mask=pack(item.mask),
        hypotheses=[pack(hypothesis) for hypothesis in item.hypotheses])


def _message_to_object(message: Any, height: int, width: int) -> AmodalObject:
    try:
        hypotheses = np.zeros((len(message.hypotheses), height, width), bool)
        for target, packed in zip(hypotheses, message.hypotheses):
            unpack_into(target, packed)
        mask = unpack(message.mask, height, width)
    except MaskError as error:
        raise MaskError(f'object {message.id}: {error}') from error
    return AmodalObject(message.id, message.layer, mask, hypotheses, message.score,
                        tuple(message.occluders))
