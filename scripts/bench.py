"""
Time and memory of the main job: image in, message out, on a real ROS 2 graph.

    make bench

Starts the node as a robot does (perception.launch.py), sends it 640x480 pictures one at a time,
the same while another process keeps a core busy, then far faster than it can answer. A report;
asserts nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import platform
import signal
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np
import psutil
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import Image
from seq_amodal_ros.bridge.images import encode_image
from seq_amodal_ros.bridge.scenes import message_class, message_to_scene, scene_to_message
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.scene import AmodalObject, LayeredScene
from std_msgs.msg import Header
import torch

PHOTOGRAPHS = Path(__file__).resolve().parent.parent / 'test' / 'data' / 'photographs'
TOPIC = '/bench/image_raw'
HEIGHT, WIDTH = 480, 640
WARM, FRAMES = 5, 60
PATIENCE = 5  # seconds; images travel best effort, so some are lost
FLOOD_RATE, FLOOD_SECONDS = 60, 10


class Camera(Node):
    """Publishes pictures and notes when each one's answer comes."""

    def __init__(self) -> None:
        """Read the pictures; connect to the node."""
        super().__init__('bench_camera')
        self.pictures = [cv2.resize(load_image(path), (WIDTH, HEIGHT))
                         for path in sorted(PHOTOGRAPHS.glob('*.[jp][pn]g'))]
        self.sent = 0
        self.answers: list[tuple[float, Any]] = []
        kind = message_class()
        self._publisher = self.create_publisher(Image, TOPIC, qos_profile_sensor_data)
        self.create_subscription(kind, '/perception/masks', self._note, QoSProfile(depth=10))

    def ready(self) -> bool:
        """Return whether the node listens and is heard."""
        return bool(self._publisher.get_subscription_count() and
                    self.count_publishers('/perception/masks'))

    def send(self) -> None:
        """Publish the next picture, stamped now."""
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id='camera')
        picture = self.pictures[self.sent % len(self.pictures)]
        self._publisher.publish(encode_image(picture, header))
        self.sent += 1

    def _note(self, message: Any) -> None:
        stamp = message.header.stamp
        now = self.get_clock().now().nanoseconds
        self.answers.append(((now - stamp.sec * 10**9 - stamp.nanosec) / 1e6, message))


@contextmanager
def perception() -> Iterator[psutil.Process]:
    """Run the launch file; yield the node's process."""
    launch = subprocess.Popen(
        ['ros2', 'launch', 'seq_amodal_ros', 'perception.launch.py', f'image_topic:={TOPIC}'],
        stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and launch.poll() is None:
            for child in psutil.Process(launch.pid).children(recursive=True):
                if any('perception_node' in part for part in child.cmdline()):
                    yield child
                    return
            time.sleep(0.2)
        raise SystemExit('bench: the node did not start')
    finally:
        with suppress(ProcessLookupError):  # it ended by itself, and has said why
            os.killpg(launch.pid, signal.SIGINT)
        launch.wait(30)


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep one core busy meanwhile, as a robot's other processes do."""
    process = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def spin_until(node: Node, done: Any, seconds: float) -> bool:
    """Serve callbacks until `done()` or the time is up; return whether it was done."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.02)
    return bool(done())


def one_at_a_time(camera: Camera) -> str:
    """Send each picture when the last one's answer has come."""
    camera.answers.clear()
    for _ in range(WARM + FRAMES):
        before = len(camera.answers)
        camera.send()
        spin_until(camera, lambda before=before: len(camera.answers) > before, PATIENCE)
    answers = camera.answers[WARM:]
    times = [milliseconds for milliseconds, _ in answers]
    layers = [max((item.layer for item in message.objects), default=0) for _, message in answers]
    return (f'image to message, {WIDTH}x{HEIGHT}, {len(times)} of {FRAMES} frames answered '
            f'({len(camera.pictures)} photographs), {np.mean(layers):.1f} layers on average: '
            f'median {np.median(times):.0f} ms, 95 % under {np.percentile(times, 95):.0f} ms')


def flooded(camera: Camera) -> str:
    """Send far more than can be answered; an answer's age shows whether a queue builds up."""
    camera.answers.clear()
    began, first = time.monotonic(), camera.sent
    while (gone := time.monotonic() - began) < FLOOD_SECONDS:
        if camera.sent - first < gone * FLOOD_RATE:
            camera.send()
        rclpy.spin_once(camera, timeout_sec=0.002)
    sent = camera.sent - first
    ages = [milliseconds for milliseconds, _ in camera.answers]
    half = len(ages) // 2
    return (f'flooded at {sent / FLOOD_SECONDS:.0f} frames/s for {FLOOD_SECONDS} s: {len(ages)} '
            f'answers, median age {np.median(ages[:half]):.0f} ms in the first half, '
            f'{np.median(ages[half:]):.0f} ms in the second')


def packing() -> str:
    """Time the bridge on a scene of 20 objects with 4 masks each."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    generator = np.random.default_rng(0)
    items = []
    for i in range(1, 21):
        y, x = generator.integers(60, HEIGHT - 60), generator.integers(60, WIDTH - 60)
        masks = np.array([(rows - y) ** 2 + (columns - x) ** 2 < (r := 50 + k) * r
                          for k in range(4)])
        items.append(AmodalObject(i, i, masks[0], masks[1:], 1.0))
    scene = LayeredScene(HEIGHT, WIDTH, tuple(items))
    times = []
    for _ in range(20):
        began = time.perf_counter()
        message = scene_to_message(scene, Header(), 'bench')
        between = time.perf_counter()
        message_to_scene(message)
        times.append((between - began, time.perf_counter() - between))
    size = sum(len(m.data) for item in message.objects for m in (item.mask, *item.hypotheses))
    pack, unpack = (1000 * np.median(column) for column in zip(*times))
    return (f'bridge, 20 objects x 4 masks at {WIDTH}x{HEIGHT}: to message {pack:.1f} ms, back '
            f'{unpack:.1f} ms, masks {size / 1000:.0f} kB')


def hardware() -> str:
    """Return what this runs on."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'no CUDA'
    return (f'{os.cpu_count()} CPU cores ({platform.machine()}), {device}, '
            f'PyTorch {torch.__version__}, load {os.getloadavg()[0]:.1f} before')


def main() -> None:
    """Print the report."""
    print(hardware(), flush=True)
    print(packing(), flush=True)
    rclpy.init()
    camera = Camera()
    with perception() as process:
        if not spin_until(camera, camera.ready, 60):
            raise SystemExit('bench: the node does not listen; see ros2 launch seq_amodal_ros '
                             'perception.launch.py')
        print(one_at_a_time(camera), flush=True)
        with busy_core():
            print('beside a process that keeps one core busy:', one_at_a_time(camera), flush=True)
        print(flooded(camera), flush=True)
        memory = process.memory_info().rss / 2**20
        print(f'resident memory of the node afterwards: {memory:.0f} MiB')
    camera.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    main()
