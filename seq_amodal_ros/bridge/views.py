"""Plain views of a scene, for planners that know nothing of this package's message."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.bridge.scenes import bounding_box_2d
from seq_amodal_ros.scene import LayeredScene

CLASS_ID = 'object'  # the segmentation is class-agnostic


def label_map(scene: LayeredScene) -> NDArray[np.uint16]:
    """Return the id of the object visible at each pixel, uint16 [height, width], 0 = none."""
    labels = np.zeros((scene.height, scene.width), np.uint16)
    for item in reversed(scene.objects):  # what lies in front is painted last
        labels[item.mask] = item.id
    return labels


def top_layer(scene: LayeredScene) -> NDArray[np.uint8]:
    """Return 255 where an object lies on which nothing lies, else 0; uint8 [height, width]."""
    return np.where(scene.layer_mask(1), np.uint8(255), np.uint8(0))


def detections(scene: LayeredScene, header: Any) -> Any:
    """Return vision_msgs/Detection2DArray in pick order; `id` is the object's, boxes are amodal."""
    from vision_msgs.msg import (
        Detection2D,
        Detection2DArray,
        ObjectHypothesis,
        ObjectHypothesisWithPose,
    )
    return Detection2DArray(header=header, detections=[
        Detection2D(header=header, id=str(item.id), bbox=bounding_box_2d(item.box),
                    results=[ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(
                        class_id=CLASS_ID, score=item.score))])
        for item in scene.objects])
