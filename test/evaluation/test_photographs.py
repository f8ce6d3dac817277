"""Pictures are read upright and as RGB; what is none is named."""

import struct

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.evaluation import photographs
from seq_amodal_ros.evaluation.photographs import load_image
from seq_amodal_ros.evaluation.sample import DatasetError


def test_pictures_are_turned_upright(tmp_path):
    turned = Image.fromarray(np.zeros((4, 8, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / 'turned.jpg', exif=exif)
    assert load_image(tmp_path / 'turned.jpg').shape == (8, 4, 3)


def test_16_bits_are_scaled_to_8_and_numbers_without_a_range_refused(tmp_path):
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(ramp * 257).save(tmp_path / 'fine.png')
    assert (load_image(tmp_path / 'fine.png') == ramp[..., None]).all()
    Image.fromarray(ramp.astype(np.float32) / 255).save(tmp_path / 'share.tiff')
    with pytest.raises(DatasetError, match=r'share\.tiff: numbers of 0.0 to 1.0'):
        load_image(tmp_path / 'share.tiff')


def test_a_picture_of_a_broken_description_is_named(tmp_path):
    exif = (b'Exif\0\0II*\0' + struct.pack('<IH', 8, 2) +
            struct.pack('<HHI4s', 0x100, 2, 4, b'ten\0') +       # a width in letters
            struct.pack('<HHIHHI', 0x112, 3, 1, 6, 0, 0))        # to be turned
    Image.new('RGB', (8, 4)).save(tmp_path / 'odd.jpg', exif=exif)
    with pytest.raises(DatasetError, match=r'odd\.jpg: not a readable picture'):
        load_image(tmp_path / 'odd.jpg')


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    Image.new('RGB', (12, 10)).save(tmp_path / 'a.png')
    monkeypatch.setattr(photographs, 'MAX_PIXELS', 119)
    with pytest.raises(DatasetError, match=r'a\.png: 12x10 is more than 119 pixels'):
        load_image(tmp_path / 'a.png')
