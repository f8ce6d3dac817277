"""
Make a rosbag2 of a pile that a robot clears: camera moving, objects taken away from the top.

    scripts/env python -m training.make_bag --out out/pile --storage mcap --frames 60

Topics:  /camera/image_raw (sensor_msgs/Image rgb8), or with --compressed
         /camera/image_raw/compressed (sensor_msgs/CompressedImage, JPEG)
         /camera/camera_info (sensor_msgs/CameraInfo), /camera/depth/image_raw (16UC1, mm, REP 118)
         /ground_truth/masks (seq_amodal_ros/LayeredAmodalMasks): the truth of each frame
The camera looks straight down and slides over the pile; depth follows from how objects are stacked.
A truth holds what shows enough in that view: an object at its rim may come and go.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.bridge.bags import IMAGE_TOPIC, SECOND, TRUTH_TOPIC
from seq_amodal_ros.bridge.images import encode_image
from seq_amodal_ros.bridge.messages import byte_array
from seq_amodal_ros.bridge.scenes import scene_to_message
from seq_amodal_ros.planning import in_pick_order
from seq_amodal_ros.scene import area_at, LayeredScene, occlusion_layers, occlusion_matrix
import torch
from tqdm import tqdm
from training.bags import write_bag
from training.commands import add_cutouts, check_folder, check_range, command, parser_of
from training.engine.compositor import Compositor
from training.engine.protocols import read_protocol
from training.engine.scenes import layered_scene, MIN_VISIBLE
from training.engine.sources import sources_of

SIDE = 512  # pixels of the composed table, of which the camera sees a part
TABLE = 0.8  # metres from the camera to the table, when it sees all of it
THICKNESS = 0.04  # metres that each object adds to a stack
FRAME = 'camera_optical_frame'
START = 1_700_000_000  # seconds; a fixed time, so that equal seeds give equal messages


@dataclass(frozen=True)
class View:
    """
    What the camera sees at one time.

    image uint8 RGB [height, width, 3]; depth uint16 [height, width], mm; scene: the truth.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    scene: LayeredScene


def cleared(compositor: Compositor, number: int) -> Iterator[tuple[NDArray, NDArray]]:
    """
    Yield a scene again and again, each time without one more object of its top layer.

    image uint8 [SIDE, SIDE, 3] and masks bool [N, SIDE, SIDE] from front to back; the last is bare.
    What nobody can label at first is left out for good: it would come out from under others.
    """
    there = compositor.scene(number).layers[0] > 0
    while True:
        scenes = compositor.scene(number, there)
        masks = scenes.masks[0]
        yield scenes.picture(0), masks[masks.any(dim=(1, 2))].numpy()
        top = torch.where(scenes.layers[0] == 1, masks.sum(dim=(1, 2)), 0)
        if not top.any():
            return
        there[int(top.argmax())] = False


def views(compositor: Compositor, number: int, count: int, width: int, height: int,
          ) -> Iterator[View]:
    """Yield `count` views of a pile as it is cleared, from a camera that slides and sinks."""
    states = list(cleared(compositor, number))
    for i in range(count):
        picture, masks = states[round(i * (len(states) - 1) / max(1, count - 1))]
        angle = 2 * math.pi * i / count
        zoom = 1.3 + 0.1 * math.sin(angle)
        scale = zoom * max(width, height) / SIDE
        middle = SIDE / 2 * (1 + 0.08 * np.array([math.cos(angle), math.sin(2 * angle)]))
        move = np.array([[scale, 0, width / 2 - scale * middle[0]],
                         [0, scale, height / 2 - scale * middle[1]]])

        def seen(plane: NDArray, how: int = cv2.INTER_AREA, move: NDArray = move) -> NDArray:
            return cv2.warpAffine(plane, move, (width, height), flags=how,
                                  borderMode=cv2.BORDER_REFLECT_101)

        inside = np.array([seen(mask.astype(np.uint8), cv2.INTER_NEAREST) > 0 for mask in masks],
                          bool).reshape(-1, height, width)
        shown = in_view(inside)
        yield View(seen(picture, cv2.INTER_LINEAR), stacked_depth(inside, (height, width), zoom),
                   in_pick_order(layered_scene(shown, occlusion_matrix(shown))))


def in_view(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return those of masks bool [N, H, W], front to back, that show MIN_VISIBLE or more."""
    first = masks & (np.cumsum(masks, axis=0) == 1)
    shown = np.count_nonzero(first, axis=(1, 2))
    return masks[shown >= area_at(MIN_VISIBLE, *masks.shape[1:])] if len(masks) else masks


def stacked_depth(masks: NDArray[np.bool_], shape: tuple[int, int], zoom: float,
                  ) -> NDArray[np.uint16]:
    """Return the depth, mm, of masks bool [N, height, width] stacked from front to back."""
    depth = np.full(shape, TABLE / zoom)
    if len(masks):
        height = occlusion_layers(occlusion_matrix(masks).T)  # 1 lies on the table, 2 on a 1, ...
        for mask, level in zip(masks[::-1], height[::-1]):
            depth[mask] = TABLE / zoom - THICKNESS * level
    return np.round(depth * 1000).astype(np.uint16)


def messages(view: View, header: Any, compressed: bool) -> dict[str, Any]:
    """Return a view as ROS messages by topic."""
    from sensor_msgs.msg import CameraInfo, CompressedImage
    height, width = view.depth.shape
    focal = float(max(width, height))
    info = CameraInfo(header=header, height=height, width=width, distortion_model='plumb_bob',
                      d=[0.0] * 5, r=[1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0],
                      k=[focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1.0],
                      p=[focal, 0, width / 2, 0, 0, focal, height / 2, 0, 0, 0, 1.0, 0])
    depth = encode_image(view.depth, header, 'mono16')
    depth.encoding = '16UC1'
    result = {'/camera/camera_info': info, '/camera/depth/image_raw': depth,
              TRUTH_TOPIC: scene_to_message(view.scene, header, 'truth')}
    if compressed:
        _, data = cv2.imencode('.jpg', cv2.cvtColor(view.image, cv2.COLOR_RGB2BGR))
        result[f'{IMAGE_TOPIC}/compressed'] = CompressedImage(
            header=header, format='jpeg', data=byte_array(data.tobytes()))
    else:
        result[IMAGE_TOPIC] = encode_image(view.image, header)
    return result


def recorded(frames: Iterable[View], rate: float, compressed: bool,
             ) -> Iterator[tuple[int, str, Any]]:
    """Yield views, `rate` a second, as ROS messages: time, ns, topic and message of each."""
    from builtin_interfaces.msg import Time
    from std_msgs.msg import Header
    for i, view in enumerate(frames):
        stamp = round((START + i / rate) * SECOND)
        header = Header(stamp=Time(sec=stamp // SECOND, nanosec=stamp % SECOND), frame_id=FRAME)
        for topic, message in messages(view, header, compressed).items():
            yield stamp, topic, message


@command('make_bag')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('--out', type=Path, required=True, help='folder of the bag, made anew')
    parser.add_argument('--storage', choices=['mcap', 'sqlite3'], default='mcap')
    parser.add_argument('--compressed', action='store_true', help='JPEG instead of raw images')
    parser.add_argument('--protocol', default='mixed', help='name or .yaml file')
    add_cutouts(parser)
    parser.add_argument('--frames', type=int, default=60)
    parser.add_argument('--rate', type=float, default=10.0, help='frames a second, Hz')
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--seed', type=int, default=0, help='of the scenes')
    parser.add_argument('--scene', type=int, default=0, help="number of the seed's scene")
    given = parser.parse_args(arguments)
    if given.out.exists():
        raise ValueError(f'{given.out} exists already; remove it or give another --out')
    for name, least, most in (('frames', 1, 1_000_000), ('rate', 0.01, 1000),
                              ('seed', 0, 1 << 31), ('scene', 0, 1 << 31),
                              ('width', 16, 4096), ('height', 16, 4096)):
        check_range(f'--{name}', getattr(given, name), least, most)
    check_folder(given.out.parent)
    # Camouflaged, the ground would change its colour with every object that goes.
    protocol = replace(read_protocol(given.protocol), camouflage=0)
    compositor = Compositor(*sources_of(given.cutouts, protocol, seed=given.seed), protocol,
                            SIDE, seed=given.seed)
    shown = views(compositor, given.scene, given.frames, given.width, given.height)
    bar = tqdm(shown, total=given.frames, unit='frame', disable=None)
    try:
        write_bag(given.out, given.storage, recorded(bar, given.rate, given.compressed))
    except ImportError as error:
        raise ValueError(f'{error.name} is missing: it needs ROS 2 and the built package, so start '
                         'it by scripts/env') from error
    print(f'{given.frames} frames in {given.out}')


if __name__ == '__main__':
    raise SystemExit(main())
