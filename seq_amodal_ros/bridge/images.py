"""
sensor_msgs/Image and CompressedImage -> uint8 RGB [height, width, 3], and back.

Encodings are those of sensor_msgs/image_encodings.hpp. Where ROS provides cv_bridge it converts;
elsewhere, and where it is known to fail, numpy and OpenCV do, with equal results.
"""

from functools import cache
import io
import sys
from typing import Any
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from seq_amodal_ros.bridge.messages import byte_array
from seq_amodal_ros.scene import MAX_PIXELS

Rgb = NDArray[np.uint8]

# encoding: dtype, channels in memory, OpenCV conversion to RGB (None: it is RGB)
# OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first row.
_ENCODINGS: dict[str, tuple[type, int, int | None]] = {
    'rgb8': (np.uint8, 3, None),
    'bgr8': (np.uint8, 3, cv2.COLOR_BGR2RGB),
    'rgba8': (np.uint8, 4, cv2.COLOR_RGBA2RGB),
    'bgra8': (np.uint8, 4, cv2.COLOR_BGRA2RGB),
    'mono8': (np.uint8, 1, cv2.COLOR_GRAY2RGB),
    'mono16': (np.uint16, 1, cv2.COLOR_GRAY2RGB),
    'yuv422': (np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': (np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'bayer_rggb8': (np.uint8, 1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': (np.uint8, 1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (np.uint8, 1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': (np.uint8, 1, cv2.COLOR_BayerGB2RGB),
    'bayer_rggb16': (np.uint16, 1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr16': (np.uint16, 1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg16': (np.uint16, 1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg16': (np.uint16, 1, cv2.COLOR_BayerGB2RGB),
}


class ImageError(ValueError):
    """An image message that cannot be decoded; the text names the field and what is wrong."""


def decode_image(message: Any) -> Rgb:
    """
    Return a sensor_msgs/Image as uint8 RGB [height, width, 3], a copy of its own.

    16-bit images are scaled to 8 bits. Row padding (step) and big-endian data are understood.
    Raises ImageError for unknown encodings, zero or absurd sizes, steps too small, short data.
    """
    _check_size(message.height, message.width)
    _check_layout(message)
    bridge = _cv_bridge()
    if bridge is None or message.step != _row_bytes(message):
        return convert(message)  # releases of cv_bridge read the bytes between rows as pixels
    try:
        return np.ascontiguousarray(bridge.imgmsg_to_cv2(message, 'rgb8'))
    except TypeError:  # its CvBridgeError: an encoding younger than it is, such as yuyv
        return convert(message)


def convert(message: Any) -> Rgb:
    """Return a checked sensor_msgs/Image as uint8 RGB without cv_bridge."""
    dtype, channels, code = _ENCODINGS[message.encoding.lower()]
    size = np.dtype(dtype).itemsize
    rows = np.frombuffer(message.data, np.uint8, message.height * message.step)
    rows = rows.reshape(message.height, message.step)[:, :message.width * channels * size]
    stored: np.dtype[Any] = np.dtype(dtype).newbyteorder('>' if message.is_bigendian else '<')
    pixels: NDArray = np.ascontiguousarray(rows).view(stored).astype(dtype)
    pixels = pixels.reshape(message.height, message.width, channels)
    if code is not None:
        pixels = cv2.cvtColor(pixels, code)
    return _to_8_bits(pixels)


def decode_compressed(message: Any) -> Rgb:
    """
    Return a sensor_msgs/CompressedImage (JPEG or PNG) as uint8 RGB [height, width, 3].

    The size in the file's header is checked before the pixels are decoded. Raises ImageError for
    data that is no such file, is broken, or is too large.
    """
    data = bytes(message.data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', PillowImage.DecompressionBombWarning)
            width, height = PillowImage.open(io.BytesIO(data), formats=('JPEG', 'PNG')).size
    except PillowImage.DecompressionBombError as error:
        raise ImageError(f'its header says more than {MAX_PIXELS} pixels: {error}') from error
    except (OSError, ValueError) as error:
        raise ImageError(f'data of {len(data)} bytes with format {message.format!r} is no '
                         'JPEG or PNG file, or a broken one') from error
    _check_size(height, width)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8),
                          cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ImageError(f'data of {len(data)} bytes with format {message.format!r} is broken')
    return _to_8_bits(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def encode_image(pixels: NDArray, header: Any, encoding: str = 'rgb8') -> Any:
    """
    Return pixels as sensor_msgs/Image of encoding rgb8, mono8 or mono16.

    pixels uint8 [height, width, 3], uint8 or uint16 [height, width]; raises ImageError otherwise.
    """
    from sensor_msgs.msg import Image
    wanted = {'rgb8': (np.uint8, 3), 'mono8': (np.uint8, 2), 'mono16': (np.uint16, 2)}
    if encoding not in wanted or (pixels.dtype, pixels.ndim) != wanted[encoding]:
        raise ImageError(f'encoding {encoding!r} does not go with {pixels.dtype} '
                         f'{list(pixels.shape)}; known are {", ".join(wanted)}')
    pixels = np.ascontiguousarray(pixels)
    return Image(header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                 is_bigendian=sys.byteorder == 'big', step=pixels.strides[0],
                 data=byte_array(pixels.tobytes()))


def _check_size(height: int, width: int) -> None:
    if not 0 < height * width <= MAX_PIXELS:
        raise ImageError(f'height x width is {height} x {width}: must be 1 to {MAX_PIXELS} pixels')


def _check_layout(message: Any) -> None:
    if message.encoding.lower() not in _ENCODINGS:
        raise ImageError(f'encoding {message.encoding!r} is not supported; use one of '
                         + ', '.join(_ENCODINGS))
    least = _row_bytes(message)
    if message.step < least:
        raise ImageError(f'step is {message.step} bytes, a row of {message.width} pixels in '
                         f'{message.encoding} needs {least}')
    if len(message.data) < message.height * message.step:
        raise ImageError(f'data holds {len(message.data)} bytes, height x step is '
                         f'{message.height * message.step}')
    if _ENCODINGS[message.encoding.lower()][1] == 2 and message.width % 2:
        raise ImageError(f'width is {message.width}: {message.encoding} needs an even one')
    if 'bayer' in message.encoding.lower() and min(message.height, message.width) < 2:
        raise ImageError(f'height x width is {message.height} x {message.width}: a Bayer pattern '
                         'needs 2 x 2 at least')


def _row_bytes(message: Any) -> int:
    """Return how many bytes a row's pixels take, without what pads it to `step`."""
    dtype, channels, _ = _ENCODINGS[message.encoding.lower()]
    return message.width * channels * np.dtype(dtype).itemsize


def _to_8_bits(pixels: NDArray) -> Rgb:
    """Scale 16 bits to 8 as cv_bridge does: times 255 / 65535, rounded."""
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    return np.ascontiguousarray(pixels)


@cache
def _cv_bridge() -> Any:
    """Return a CvBridge, or None where ROS brings none or one that does not go with this NumPy."""
    try:
        from cv_bridge import CvBridge
        bridge = CvBridge()
        bridge.cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8), 'rgb8')
    except (ImportError, AttributeError, SystemError):  # what a build for NumPy 1 raises under 2
        return None
    return bridge
