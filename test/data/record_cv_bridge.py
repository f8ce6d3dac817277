"""
Write down what cv_bridge makes of random bytes in each encoding, for test/bridge/test_images.py.

    python3 test/data/record_cv_bridge.py     # with a Python that has cv_bridge and NumPy
"""

from pathlib import Path
from types import SimpleNamespace

from cv_bridge import CvBridge
import numpy as np

HEIGHT, WIDTH = 10, 16
BYTES = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1, 'mono16': 2, 'yuv422': 2,
         **{f'bayer_{pattern}{depth}': depth // 8 for depth in (8, 16)
            for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')}}


def main() -> None:
    """Write test/data/cv_bridge.npz: bytes uint8 [height, step] and rgb uint8 of each encoding."""
    found, random = {'encodings': np.array(list(BYTES))}, np.random.default_rng(1)
    for encoding, wide in BYTES.items():
        pixels = random.integers(0, 256, (HEIGHT, WIDTH * wide), np.uint8)
        message = SimpleNamespace(height=HEIGHT, width=WIDTH, encoding=encoding, is_bigendian=0,
                                  step=WIDTH * wide, data=pixels.tobytes())
        found[f'{encoding} bytes'] = pixels
        found[f'{encoding} rgb'] = CvBridge().imgmsg_to_cv2(message, 'rgb8')
    np.savez_compressed(Path(__file__).with_name('cv_bridge.npz'), **found)


if __name__ == '__main__':
    main()
