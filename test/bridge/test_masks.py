"""Masks survive the message bit by bit; malformed ones are refused before memory is taken."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
import numpy as np
import pytest
from seq_amodal_ros.bridge.masks import pack, unpack, unpack_into
from seq_amodal_ros.scene import MaskError

ANY_MASK = arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(ANY_MASK)
@settings(deadline=None)
def test_the_round_trip_is_exact(mask):
    assert (unpack(pack(mask), *mask.shape) == mask).all()


@given(ANY_MASK)
@settings(deadline=None)
def test_data_is_one_bit_a_pixel_of_the_region(mask):
    message = pack(mask)
    assert len(message.data) == message.height * ((message.width + 7) // 8)
    assert message.height <= mask.shape[0] and message.width <= mask.shape[1]


def test_the_msg_file_s_own_lines_decode_it():
    mask = np.zeros((6, 20), bool)
    mask[1, 3], mask[4, 13] = True, True
    m = pack(mask)
    rows = np.frombuffer(m.data, np.uint8).reshape(m.height, (m.width + 7) // 8)
    decoded = np.zeros((6, 20), bool)
    decoded[m.y:m.y + m.height, m.x:m.x + m.width] = np.unpackbits(rows, axis=1, count=m.width)
    assert (m.x, m.y, m.width, m.height) == (3, 1, 11, 4)
    assert (decoded == mask).all()


def test_an_empty_mask_has_an_empty_region():
    message = pack(np.zeros((5, 5), bool))
    assert (message.width, message.height, len(message.data)) == (0, 0, 0)
    assert not unpack(message, 5, 5).any()


def test_nothing_beyond_the_region_is_touched():
    mask, packed = np.ones((6, 20), bool), np.zeros((6, 20), bool)
    packed[1, 3], packed[4, 13] = True, True
    unpack_into(mask, pack(packed))
    assert (mask[1:5, 3:14] == packed[1:5, 3:14]).all()
    mask[1:5, 3:14] = True
    assert mask.all()


@pytest.mark.parametrize('changes, reason', [
    ({'x': 6}, r'region of 3x2 at \(6, 1\) reaches beyond the image of 8x8'),
    ({'y': 7}, r'region of 3x2 at \(2, 7\) reaches beyond the image of 8x8'),
    ({'height': 2**32 - 1}, 'reaches beyond'),
    ({'data': bytes(3)}, 'data holds 3 bytes, a region of 3x2 needs 2'),
    ({'data': b'\x00'}, 'data holds 1 bytes, a region of 3x2 needs 2'),
])
def test_malformed_messages_name_the_field(changes, reason):
    mask = np.zeros((8, 8), bool)
    mask[1:3, 2:5] = True
    message = pack(mask)
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(MaskError, match=reason):
        unpack(message, 8, 8)


@pytest.mark.parametrize('size', [(0, 8), (2**32 - 1, 2**32 - 1)])
def test_absurd_images_are_refused_before_memory_is_taken(size):
    with pytest.raises(MaskError, match='height x width'):
        unpack(pack(np.ones((1, 1), bool)), *size)
