"""Every encoding decodes to the same picture; what cannot be decoded is said with its field."""

import io
from pathlib import Path
import zlib

import cv2
import numpy as np
from PIL import Image as PillowImage
import pytest
from sensor_msgs.msg import CompressedImage, Image
from seq_amodal_ros.bridge.images import (
    convert,
    decode_compressed,
    decode_image,
    encode_image,
    ImageError,
)
from std_msgs.msg import Header

RECORDED = np.load(Path(__file__).parents[1] / 'data' / 'cv_bridge.npz')
COLOURS = {'red': (200, 10, 20), 'green': (10, 200, 30), 'blue': (30, 20, 200)}


def message(pixels, encoding, padding=0, big_endian=False):
    """Return rows of pixels as Image, each followed by `padding` bytes of rubbish."""
    pixels = np.ascontiguousarray(pixels)
    rows = pixels.view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=171)
    return Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                 step=rows.shape[1], data=rows.tobytes(), is_bigendian=int(big_endian))


@pytest.fixture
def rgb():
    """Return a picture whose channels, rows and columns all differ."""
    return np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding, order', [
    ('rgb8', [0, 1, 2]), ('bgr8', [2, 1, 0]), ('rgba8', [0, 1, 2, 0]), ('bgra8', [2, 1, 0, 0])])
def test_colour_orders_and_row_padding(rgb, encoding, order, padding):
    assert (decode_image(message(rgb[..., order], encoding, padding)) == rgb).all()


def test_grey_fills_all_channels(rgb):
    grey = rgb[..., 0]
    assert (decode_image(message(grey, 'mono8', 3)) == grey[..., None]).all()


@pytest.mark.parametrize('big_endian', [False, True])
def test_sixteen_bits_are_scaled_in_either_byte_order(rgb, big_endian):
    grey = rgb[..., 0].astype(np.uint16) * 257
    stored = grey.astype('>u2' if big_endian else '<u2')
    decoded = decode_image(message(stored, 'mono16', 2, big_endian))
    assert (decoded == rgb[..., :1]).all()


@pytest.mark.parametrize('colour', COLOURS.values(), ids=COLOURS.keys())
@pytest.mark.parametrize('depth', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns_of_a_plain_colour(pattern, depth, colour):
    mosaic = np.zeros((8, 8), np.uint8)
    for i, channel in enumerate(pattern):
        mosaic[i // 2::2, i % 2::2] = colour['rgb'.index(channel)]
    stored = mosaic if depth == 8 else mosaic.astype('<u2') * 257
    decoded = decode_image(message(stored, f'bayer_{pattern}{depth}'))
    assert np.abs(decoded.astype(int) - colour).max() <= 1


@pytest.mark.parametrize('encoding, order', [('yuv422', (1, 0)), ('uyvy', (1, 0)),
                                             ('yuv422_yuy2', (0, 1)), ('yuyv', (0, 1))])
@pytest.mark.parametrize('colour', COLOURS.values(), ids=COLOURS.keys())
def test_yuv_of_a_plain_colour(encoding, order, colour):
    # BT.601, studio range, as OpenCV and cv_bridge read these bytes
    red, green, blue = colour
    y = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    u = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    v = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    pixels = np.zeros((4, 6, 2), np.uint8)
    pixels[..., order[0]] = round(y)
    pixels[:, 0::2, order[1]], pixels[:, 1::2, order[1]] = round(u), round(v)
    decoded = decode_image(message(pixels, encoding, 4))
    assert np.abs(decoded.astype(int) - colour).max() <= 3


@pytest.mark.parametrize('encoding', RECORDED['encodings'].tolist())
def test_decoding_equals_cv_bridge_bit_by_bit(encoding):
    # What ROS's cv_bridge made of these bytes; test/data/record_cv_bridge.py wrote it down.
    pixels, expected = RECORDED[f'{encoding} bytes'], RECORDED[f'{encoding} rgb']
    given = Image(height=expected.shape[0], width=expected.shape[1], encoding=encoding,
                  step=pixels.shape[1], data=pixels.tobytes())
    assert np.array_equal(convert(given), expected)
    assert np.array_equal(decode_image(given), expected)


@pytest.mark.parametrize('changes, reason', [
    ({'encoding': '32FC1'}, "encoding '32FC1' is not supported; use one of rgb8"),
    ({'height': 0}, 'height x width is 0 x 8'),
    ({'height': 2**31, 'width': 2**31}, 'height x width is'),
    ({'step': 23}, 'step is 23 bytes, a row of 8 pixels in rgb8 needs 24'),
    ({'data': b'\x00' * 100}, 'data holds 100 bytes, height x step is 144'),
    ({'encoding': 'yuv422', 'width': 7}, 'yuv422 needs an even one'),
    ({'encoding': 'bayer_rggb8', 'height': 1}, 'a Bayer pattern needs 2 x 2'),
])
def test_images_that_cannot_be_decoded_name_the_field(rgb, changes, reason):
    bad = message(rgb, 'rgb8')
    for name, value in changes.items():
        setattr(bad, name, value)
    with pytest.raises(ImageError, match=reason):
        decode_image(bad)


def test_the_picture_is_a_copy_of_its_own(rgb):
    decoded = decode_image(message(rgb, 'rgb8'))
    decoded[:] = 0
    assert rgb.any() and decoded.flags.writeable


@pytest.mark.parametrize('extension, encoding', [('.png', 'png'), ('.jpg', 'jpeg')])
def test_compressed_pictures(extension, encoding):
    smooth = np.full((32, 48, 3), COLOURS['green'], np.uint8)
    data = cv2.imencode(extension, smooth[..., ::-1])[1].tobytes()
    decoded = decode_compressed(CompressedImage(format=f'rgb8; {encoding} compressed', data=data))
    assert decoded.shape == smooth.shape
    assert np.abs(decoded.astype(int) - smooth).max() <= 3


@pytest.mark.parametrize('shape', [(32, 48), (32, 48, 3)])
def test_compressed_pictures_of_16_bits_lose_the_lower_8(shape):
    deep = np.full(shape, 200 << 8 | 77, np.uint16)
    data = cv2.imencode('.png', deep)[1].tobytes()
    decoded = decode_compressed(CompressedImage(format='16UC1; png compressed', data=data))
    assert (decoded.dtype, decoded.shape) == (np.uint8, (32, 48, 3))
    assert (np.abs(decoded.astype(int) - 200) <= 1).all()


@pytest.mark.parametrize('cut', [slice(0), slice(10), slice(0, -40)])
def test_broken_compressed_data_is_refused(rgb, cut):
    data = cv2.imencode('.png', np.tile(rgb, (8, 8, 1)))[1].tobytes()
    with pytest.raises(ImageError, match="format 'png' is"):
        decode_compressed(CompressedImage(format='png', data=data[cut]))


@pytest.mark.parametrize('side, reason', [  # above our own limit, and above Pillow's
    (8200, 'height x width is 8200 x 8200: must be 1 to'), (1 << 16, 'its header says more than')])
def test_a_bomb_is_refused_by_its_header(side, reason):
    data = bytearray(cv2.imencode('.png', np.zeros((4, 4), np.uint8))[1].tobytes())
    data[16:24] = side.to_bytes(4, 'big') * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    with pytest.raises(ImageError, match=reason):
        decode_compressed(CompressedImage(format='png', data=bytes(data)))


@pytest.mark.parametrize('encoding, pixels', [
    ('rgb8', np.arange(24, dtype=np.uint8).reshape(2, 4, 3)),
    ('mono8', np.arange(8, dtype=np.uint8).reshape(2, 4)),
    ('mono16', np.arange(8, dtype=np.uint16).reshape(2, 4) * 8000)])
def test_encoded_images_decode_again(encoding, pixels):
    encoded = encode_image(pixels, Header(frame_id='f'), encoding)
    decoded = convert(encoded)
    expected = np.round(pixels / 257) if encoding == 'mono16' else pixels
    assert encoded.header.frame_id == 'f'
    assert (decoded == (expected if encoding == 'rgb8' else expected[..., None])).all()


def test_encoding_what_is_no_picture_is_refused():
    with pytest.raises(ImageError, match="'rgb8' does not go with float64"):
        encode_image(np.zeros((2, 2, 3)), Header())


def test_encodings_may_be_in_capitals(rgb):
    assert (decode_image(message(rgb[..., ::-1], 'BGR8', 3)) == rgb).all()


def test_compressed_pictures_are_turned_upright():
    with io.BytesIO() as file:
        turned = PillowImage.fromarray(np.zeros((16, 32, 3), np.uint8))
        exif = turned.getexif()
        exif[0x0112] = 6
        turned.save(file, 'jpeg', exif=exif)
        data = file.getvalue()
    assert decode_compressed(CompressedImage(format='jpeg', data=data)).shape == (32, 16, 3)
