"""
rosbag2 -> samples, or what a node answered beside the truth; without ROS.

A bag holds images and their truth as LayeredAmodalMasks, or answers and their truth. Messages of
one stamp belong together, in whatever order they were recorded. They are read by the definitions
that the bag brings.
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from seq_amodal_ros.bridge.images import decode_compressed, decode_image, ImageError
from seq_amodal_ros.bridge.scenes import message_to_scene
from seq_amodal_ros.evaluation.sample import DatasetError, Sample, Truth
from seq_amodal_ros.scene import LayeredScene, SceneError

IMAGE_TOPIC = '/camera/image_raw'
TRUTH_TOPIC = '/ground_truth/masks'
ANSWERS_TOPIC = '/perception/masks'

IMAGES = {'sensor_msgs/msg/Image': decode_image,
          'sensor_msgs/msg/CompressedImage': decode_compressed}
MASKS = ('seq_amodal_ros/msg/LayeredAmodalMasks',)
SECOND = 10 ** 9  # ns


class Recorded(NamedTuple):
    """A message, its header's stamp and the time it was recorded at, both ns."""

    stamp: int
    time: int
    message: Any


class Bag:
    """A bag that is being read; use it as a context."""

    def __init__(self, path: Path) -> None:
        """Open it; raises DatasetError, naming it, for what is no rosbag2 that can be read."""
        self.path = path
        self._stack = ExitStack()
        try:
            from rosbags.highlevel import AnyReader
            self._reader = self._stack.enter_context(AnyReader([path]))
        except ImportError as error:
            raise DatasetError(f'{path}: the Python package {error.name} is missing, which reads '
                               'bags; install rosbags by pip') from error
        except Exception as error:  # what a broken file makes it raise is of no one family
            raise self._unreadable(error) from error

    def __enter__(self) -> 'Bag':
        """Return itself."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Close it."""
        self._stack.close()

    def find(self, topics: Collection[str], kinds: Collection[str]) -> tuple[str, str]:
        """Return the first of the topics of such a kind, and that; raises DatasetError if none."""
        there = {item.topic: item.msgtype for item in self._reader.connections}
        for topic in topics:
            if there.get(topic) in kinds:
                return topic, there[topic]
        shown = ', '.join(f'{topic} ({kind})' for topic, kind in sorted(there.items()))
        raise DatasetError(f'{self.path}: no topic {" or ".join(topics)} of {" or ".join(kinds)}; '
                           f'there are {shown or "none"}')

    def messages(self, topic: str, time: int | None = None) -> Iterator[Recorded]:
        """Yield a topic's messages, or those of one time, ns; raises DatasetError if broken."""
        connections = [item for item in self._reader.connections if item.topic == topic]
        end = None if time is None else time + 1
        try:
            for connection, at, raw in self._reader.messages(connections, time, end):
                message: Any = self._reader.deserialize(raw, connection.msgtype)
                stamp = message.header.stamp
                yield Recorded(stamp.sec * SECOND + stamp.nanosec, at, message)
        except Exception as error:
            raise self._unreadable(error) from error

    def place(self, topic: str, stamp: int) -> str:
        """Return where a message is, for people."""
        return f'{self.path}: {topic} at {stamp // SECOND}.{stamp % SECOND:09d}'

    def _unreadable(self, error: Exception) -> DatasetError:
        return DatasetError(f'{self.path}: not a rosbag2 that can be read '
                            f'({type(error).__name__}: {error})')


class Truths:
    """The scenes of a topic by stamp: where each is in the bag is kept, and read when asked for."""

    def __init__(self, bag: Bag, topic: str) -> None:
        """
        Look through the topic of a bag that nobody else reads meanwhile.

        Raises DatasetError, naming it, if two have one stamp.
        """
        self._bag, (self.topic, _) = bag, bag.find([topic], MASKS)
        self._times: dict[int, int] = {}
        for stamp, time, _ in bag.messages(self.topic):
            if stamp in self._times:
                raise DatasetError(f'{bag.place(self.topic, stamp)}: another message has the same '
                                   'stamp; record a bag that is played once')
            self._times[stamp] = time

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._times)

    def at(self, stamp: int) -> Truth | None:
        """Return the truth of a stamp, if there is one; raises DatasetError for no scene."""
        if stamp not in self._times:
            return None
        message, = (item.message for item in self._bag.messages(self.topic, self._times[stamp])
                    if item.stamp == stamp)
        scene = _scene(self._bag.place(self.topic, stamp), message)
        masks = np.array([item.mask for item in scene.objects], bool)
        return Truth(masks.reshape(len(masks), scene.height, scene.width),
                     np.array([item.layer for item in scene.objects], np.int64))


def samples(path: Path, image_topic: str = IMAGE_TOPIC, truth_topic: str = TRUTH_TOPIC,
            ) -> Iterator[Sample]:
    """
    Yield the images that have a truth, in the order they were recorded in.

    They are looked for on the topic, and compressed beside it. Raises DatasetError, naming bag,
    topic and stamp, for what is missing, broken or no scene, and where no image has a truth.
    """
    with Bag(path) as bag, Bag(path) as other:
        topic, kind = bag.find([image_topic, f'{image_topic}/compressed'], IMAGES)
        for truth, place, message in _matched(bag, topic, Truths(other, truth_topic)):
            yield Sample(truth.masks, truth.layers, place, partial(_decoded, place, kind, message))


class Answers:
    """What was answered, beside the truth, and by which weights, once it was gone through."""

    def __init__(self, path: Path, topic: str = ANSWERS_TOPIC, truth_topic: str = TRUTH_TOPIC,
                 ) -> None:
        """Keep where they are; nothing is read before they are gone through."""
        self.path, self.topic, self.truth_topic = path, topic, truth_topic
        self.frames = 0
        self.models: set[str] = set()

    def __iter__(self) -> Iterator[tuple[Truth, LayeredScene]]:
        """
        Yield each answer that has a truth.

        Raises DatasetError, naming bag, topic and stamp, for what is missing, broken, no scene or
        of another size than its truth, and where no answer has a truth.
        """
        with Bag(self.path) as bag, Bag(self.path) as other:
            topic, _ = bag.find([self.topic], MASKS)
            truths = Truths(other, self.truth_topic)
            self.frames = len(truths)
            for truth, place, message in _matched(bag, topic, truths):
                scene, (height, width) = _scene(place, message), truth.masks.shape[1:]
                if (scene.height, scene.width) != (height, width):
                    raise DatasetError(f'{place}: {scene.width}x{scene.height}, its truth is '
                                       f'{width}x{height}')
                self.models.add(message.model)
                yield truth, scene


def _matched(bag: Bag, topic: str, truths: Truths) -> Iterator[tuple[Truth, str, Any]]:
    """Yield the messages that have a truth, with their place; raises DatasetError if none has."""
    found = False
    for stamp, _, message in bag.messages(topic):
        truth = truths.at(stamp)
        if truth is not None:
            found = True
            yield truth, bag.place(topic, stamp), message
    if not found:
        raise DatasetError(f'{bag.path}: no message of {topic} has the stamp of one of '
                           f'{truths.topic}')


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
