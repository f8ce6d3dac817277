"""Photographs become backgrounds; a folder without any is named."""

import pytest
import torch
from training.engine.photographs import read_photographs, SIDE


def test_photographs_lie_under_the_scenes(compositor, photographs):
    pictures = read_photographs(photographs)
    assert pictures.shape[1:] == (3, SIDE, SIDE)
    plain = compositor('mixed', 64, seed=3).scenes(24)
    on_photographs = compositor('mixed', 64, seed=3, photographs=pictures).scenes(24)
    assert torch.equal(plain.masks, on_photographs.masks)  # the objects stay what they are
    assert not torch.equal(plain.image, on_photographs.image)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match='0 pictures'):
        read_photographs(tmp_path)


def test_a_broken_picture_is_named(tmp_path):
    (tmp_path / 'torn.png').write_bytes(b'torn')
    with pytest.raises(ValueError, match=r'torn\.png'):
        read_photographs(tmp_path)
