"""
rosbag2 -> samples, or what a node answered, beside the truth; without ROS.

A bag holds images and their truth as LayeredAmodalMasks, or answers and their truth. Messages of
one stamp belong together, in whatever order they were recorded. They are read by the definitions
that the bag brings; of other topics nothing is read.
"""

from collections.abc import Callable, Collection, Container, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.bridge.images import decode_compressed, decode_image, ImageError
from seq_amodal_ros.bridge.scenes import message_to_scene
from seq_amodal_ros.evaluation.sample import DatasetError, Sample, Truth
from seq_amodal_ros.scene import LayeredScene, occluded_by_layers, SceneError

IMAGE_TOPIC = '/camera/image_raw'
TRUTH_TOPIC = '/ground_truth/masks'
ANSWERS_TOPIC = '/perception/masks'

IMAGES = {'sensor_msgs/msg/Image': decode_image,
          'sensor_msgs/msg/CompressedImage': decode_compressed}
MASKS = ('seq_amodal_ros/msg/LayeredAmodalMasks',)
MAX_TRUTHS = 1 << 30  # bytes of all truths, packed as they are recorded
SECOND = 10 ** 9  # ns


class Recorded(NamedTuple):
    """A message, its header's stamp, ns, its bytes, and where it is, for people."""

    stamp: int
    message: Any
    raw: bytes
    place: str


class Bag:
    """A rosbag2 that is being read: a folder, or one .mcap or .db3 file of it. Use as a context."""

    def __init__(self, path: Path) -> None:
        """Open it; raises DatasetError, naming it, for what cannot be read."""
        self.path = path
        self._stack = ExitStack()
        try:
            from rosbags.rosbag2 import Reader
            self._reader = self._stack.enter_context(Reader(path))
        except ImportError as error:
            raise DatasetError(f'{path}: the Python package {error.name} is missing, which reads '
                               'bags; install rosbags by pip') from error
        except Exception as error:  # what a broken file makes it raise is of no one family
            if path.is_dir() and not (path / 'metadata.yaml').is_file():
                raise DatasetError(f'{path}: no rosbag2 that can be read: it has no metadata.yaml; '
                                   'if that is lost, name its .mcap or .db3 file') from error
            raise self._unreadable(error) from error

    def __enter__(self) -> 'Bag':
        """Return itself."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Close it."""
        self._stack.close()

    def find(self, topics: Collection[str], kinds: Collection[str]) -> tuple[str, str]:
        """
        Return the first of the topics of such a kind that has messages, and that kind.

        Raises DatasetError if there is none.
        """
        there = [(item.topic, item.msgtype) for item in self._reader.connections if item.msgcount]
        for topic in topics:
            for kind in kinds:
                if (topic, kind) in there:
                    return topic, kind
        shown = ', '.join(f'{topic} ({kind})' for topic, kind in sorted(set(there)))
        raise DatasetError(f'{self.path}: no topic {" or ".join(topics)} of {" or ".join(kinds)}; '
                           f'there are {shown or "none"}')

    def messages(self, topic: str, kind: str, wanted: Container[int] | None = None,
                 ) -> Iterator[Recorded]:
        """
        Yield a topic's messages in the order of recording, all or those of `wanted` stamps, ns.

        Raises DatasetError, naming the bag, where it is broken, and, naming the stamp, where two
        of them have one: it would not tell which of them belongs to what.
        """
        read, stamps = self.reader_of(topic, kind), set()
        connections = [item for item in self._reader.connections
                       if (item.topic, item.msgtype) == (topic, kind)]
        try:
            for _, _, raw in self._reader.messages(connections):
                message = read(raw)
                stamp = message.header.stamp.sec * SECOND + message.header.stamp.nanosec
                if wanted is not None and stamp not in wanted:
                    continue
                place = self.place(topic, stamp)
                if stamp in stamps:
                    raise DatasetError(f'{place}: another message has the same stamp; record one '
                                       'publisher, and a bag that is played once')
                stamps.add(stamp)
                yield Recorded(stamp, message, bytes(raw), place)
        except DatasetError:
            raise
        except Exception as error:
            raise self._unreadable(error) from error

    def place(self, topic: str, stamp: int) -> str:
        """Return where a message is, for people."""
        return f'{self.path}: {topic} at {stamp // SECOND}.{stamp % SECOND:09d}'

    def reader_of(self, topic: str, kind: str) -> Callable[[bytes], Any]:
        """Return what makes messages of such a topic's bytes; raises DatasetError if it cannot."""
        from rosbags.interfaces import MessageDefinitionFormat
        from rosbags.typesys import get_types_from_msg, get_typestore, Stores
        definition = next(item.msgdef for item in self._reader.connections
                          if (item.topic, item.msgtype) == (topic, kind))
        try:
            if definition.format == MessageDefinitionFormat.MSG:
                store = get_typestore(Stores.EMPTY)
                store.register(get_types_from_msg(definition.data, kind))
            else:
                store = get_typestore(Stores.ROS2_JAZZY)
        except Exception as error:
            raise self._unreadable(error) from error
        if kind not in store.fielddefs:
            raise DatasetError(f'{self.path}: brings no definition of {kind}; record it as mcap, '
                               'or by a ROS newer than Humble')
        return partial(store.deserialize_cdr, typename=kind)

    def _unreadable(self, error: Exception) -> DatasetError:
        reason = ' '.join(str(error).split())  # of a parser's many lines one
        return DatasetError(f'{self.path}: no rosbag2 that can be read ({type(error).__name__}: '
                            f'{reason})')


class Recording:
    """
    What a bag holds that has a truth.

    truths  how many there are
    used    how many of them had an image or an answer, once these were gone through
    models  the weights that the answers are of, then
    """

    def __init__(self, bag: Bag, truth_topic: str = TRUTH_TOPIC) -> None:
        """Keep the truths, packed as they are; raises DatasetError, naming what is wrong."""
        self._bag = bag
        self._topic, kind = bag.find([truth_topic], MASKS)
        self._read, self._packed = bag.reader_of(self._topic, kind), dict[int, bytes]()
        size = 0
        for item in bag.messages(self._topic, kind):
            size += len(item.raw)
            if size > MAX_TRUTHS:
                raise DatasetError(f'{bag.path}: {truth_topic} holds more than '
                                   f'{MAX_TRUTHS >> 30} GiB of truths; split the bag')
            self._packed[item.stamp] = item.raw
        self.truths, self.used, self.models = len(self._packed), 0, set[str]()

    def samples(self, topic: str = IMAGE_TOPIC) -> Iterator[Sample]:
        """
        Return the images that have a truth, of the topic or compressed beside it.

        Raises DatasetError at once where there is no such topic; once they are gone through,
        naming bag, topic and stamp, for what is broken or no scene, and where no image has a truth.
        """
        topic, kind = self._bag.find([topic, f'{topic}/compressed'], IMAGES)
        return (Sample(truth.masks, truth.layers, truth.occluded, item.place,
                       partial(_decoded, item.place, kind, item.message))
                for truth, item in self._matched(topic, kind))

    def answers(self, topic: str = ANSWERS_TOPIC) -> Iterator[tuple[Truth, LayeredScene]]:
        """
        Yield the answers that have a truth, each after it.

        Raises DatasetError, naming bag, topic and stamp, for what is missing, broken, no scene or
        of another size than its truth, and where no answer has a truth.
        """
        for truth, item in self._matched(*self._bag.find([topic], MASKS)):
            scene, (height, width) = _scene(item.place, item.message), truth.masks.shape[1:]
            if (scene.height, scene.width) != (height, width):
                raise DatasetError(f'{item.place}: {scene.width}x{scene.height}, its truth is '
                                   f'{width}x{height}')
            self.models.add(item.message.model)
            yield truth, scene

    def _matched(self, topic: str, kind: str) -> Iterator[tuple[Truth, Recorded]]:
        self.used = 0
        for item in self._bag.messages(topic, kind, self._packed):
            self.used += 1
            yield self._truth(item.stamp), item
        if not self.used:
            raise DatasetError(f'{self._bag.path}: no message of {topic} has the stamp of one of '
                               f'{self._topic}')

    def _truth(self, stamp: int) -> Truth:
        """Return a truth; what lies on an object whose occluders it leaves out, layers tell."""
        place = self._bag.place(self._topic, stamp)
        scene = _scene(place, self._read(self._packed[stamp]))
        objects = scene.objects
        masks = np.array([item.mask for item in objects], bool).reshape(
            len(objects), scene.height, scene.width)
        layers = np.array([item.layer for item in objects], np.int64)
        occluded = np.array([[other.id in item.occluders for other in objects]
                             for item in objects], bool).reshape(len(objects), len(objects))
        untold = (layers > 1) & ~occluded.any(axis=1)
        if untold.any():
            occluded[untold] = occluded_by_layers(list(masks), layers.tolist())[untold]
        return Truth(masks, layers, occluded)


def _scene(place: str, message: Any) -> LayeredScene:
    try:
        return message_to_scene(message)
    except (SceneError, AttributeError, TypeError) as error:  # of another version of the message
        raise DatasetError(f'{place}: no scene ({error})') from error


def _decoded(place: str, kind: str, message: Any) -> NDArray[np.uint8]:
    try:
        return IMAGES[kind](message)
    except (ImageError, AttributeError, TypeError) as error:
        raise DatasetError(f'{place}: no image ({error})') from error
