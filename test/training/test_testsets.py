"""Test sets come from seeds, can be checked, and hold what training never saw."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.evaluation.amodal_coco import samples
from training import testsets
from training.config import read_config
from training.engine.shapes import procedural_cutouts
from training.locks import locked
from training.testsets import checksum, main, settings_of, verdict

WITHOUT_MESHES = 'its wheels are for CPython up to 3.11 on Linux x86-64'
SMALL = ['--scenes', '3', '--side', '64', '--views', '1', '--objects', '3']


def test_composed_sets_are_the_same_each_time_and_a_changed_pixel_shows(tmp_path):
    pytest.importorskip('pybullet', reason=WITHOUT_MESHES)
    for folder in ('first', 'second'):
        assert main(['--out', str(tmp_path / folder), '--sets', 'mixed', *SMALL]) == 0
    first, second = (tmp_path / folder / 'mixed' for folder in ('first', 'second'))
    assert len(list(samples(first / 'annotations.json'))) == 3
    assert checksum(first / 'annotations.json') == checksum(second / 'annotations.json')
    picture = second / 'images' / '00001.png'
    pixels = np.array(Image.open(picture))
    pixels[5, 5, 0] ^= 1
    Image.fromarray(pixels).save(picture)
    assert checksum(first / 'annotations.json') != checksum(second / 'annotations.json')


def test_another_order_of_the_same_masks_and_layers_shows(composed, tmp_path):
    shutil.copytree(composed, tmp_path / 'other')
    path = tmp_path / 'other' / 'annotations.json'
    content = json.loads(path.read_text())
    several = next(each for each in content['annotations'] if len(each['occluded_by']) > 1
                   and len({content['annotations'][i - 1]['layer']
                            for i in each['occluded_by']}) > 1)
    last = max(several['occluded_by'], key=lambda i: content['annotations'][i - 1]['layer'])
    several['occluded_by'] = [last]  # from which its layer follows all the same
    path.write_text(json.dumps(content))
    assert checksum(path) != checksum(composed / 'annotations.json')


def test_pixels_are_the_same_whatever_instructions_the_libraries_would_take(tmp_path):
    """By themselves they would take the widest of the processor, or what they are told here."""
    found = []
    for number, told in enumerate([{}, {'ONEDNN_MAX_CPU_ISA': 'AVX2', 'OMP_NUM_THREADS': '1'},
                                   {'ATEN_CPU_CAPABILITY': 'default', 'MKL_CBWR': 'AUTO'}]):
        given = ['--out', str(tmp_path / str(number)), '--sets', 'drawn', '--scenes', '20']
        subprocess.run([sys.executable, '-m', 'training.testsets', *given], check=True,
                       env={**os.environ, **told})
        found.append(checksum(tmp_path / str(number) / 'drawn' / 'annotations.json'))
    assert found[0] == found[1] == found[2]


def test_a_set_that_is_there_is_kept(tmp_path):
    pytest.importorskip('pybullet', reason=WITHOUT_MESHES)
    assert main(['--out', str(tmp_path), '--sets', 'bin', *SMALL]) == 0
    path = tmp_path / 'bin' / 'annotations.json'
    made = path.stat().st_mtime_ns
    assert main(['--out', str(tmp_path), '--sets', 'bin', *SMALL]) == 0
    assert path.stat().st_mtime_ns == made


@pytest.mark.parametrize('missing, reason', [('nothing', '"scenes": 3'),
                                             ('settings', 'unknown settings'),
                                             ('annotations.json', '"scenes": 2')])
def test_another_set_than_asked_for_is_not_taken_for_it(tmp_path, capsys, missing, reason):
    folder = tmp_path / 'drawn'
    folder.mkdir()
    count = 2 if missing == 'annotations.json' else 3
    (folder / 'annotations.json').write_text('{}')
    note = tmp_path / 'drawn.settings.json'
    note.write_text(json.dumps(settings_of('drawn', [], count, 64, 6, None)))
    (note if missing == 'settings' else folder / missing).unlink(missing_ok=True)
    before = sorted(folder.iterdir())
    assert main(['--out', str(tmp_path), '--sets', 'drawn', '--side', '64', '--scenes', '2']) == 2
    error = capsys.readouterr().err
    assert f'{folder}: holds something else than is asked for' in error
    assert reason in error
    assert sorted(folder.iterdir()) == before


def test_two_do_not_make_sets_in_one_folder_at_once(tmp_path, capsys):
    with locked(tmp_path):
        assert main(['--out', str(tmp_path), '--sets', 'drawn', '--scenes', '2']) == 2
    assert f'{tmp_path}: another process works there' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['lock']


def test_cutouts_that_are_none_are_named_before_work_starts(tmp_path, capsys):
    broken = tmp_path / 'broken.npz'
    broken.write_bytes(b'PK')
    assert main(['--out', str(tmp_path / 'sets'), '--sets', 'drawn', 'classes', '--cutouts',
                 str(broken)]) == 2
    assert 'broken.npz: not a readable .npz file' in capsys.readouterr().err
    assert not (tmp_path / 'sets').exists()


@pytest.fixture
def composed_of(monkeypatch):
    """Return what `compose` is given from now on: class and variety of each picture."""
    given = []

    def compose(sources, *more):
        given.extend(each for cutouts in sources[0]
                     for each in zip(cutouts.classes, cutouts.varieties))
        return make(sources, *more)

    make = testsets.compose
    monkeypatch.setattr(testsets, 'compose', compose)
    return given


def test_fruit_is_composed_of_varieties_that_are_held_out(tmp_path, composed_of):
    names = ['Apple', 'Banana', 'Cherry', 'Cocos', 'Grape White', 'Lemon', 'Orange', 'Pineapple',
             'Raspberry', 'Tomato']
    rgba = procedural_cutouts(12, 0).rgba.permute(0, 2, 3, 1)
    held = read_config().held_varieties
    np.savez(tmp_path / 'fruit.npz', rgba=rgba.numpy(), label=np.array([*range(10), 0, 2]),
             class_names=np.array(names), variety=np.array([*names, held[0], 'Cherry 4']))
    out = tmp_path / 'sets'
    assert main(['--out', str(out), '--sets', 'fruit', '--cutouts', str(tmp_path / 'fruit.npz'),
                 *SMALL]) == 0
    assert len(list(samples(out / 'fruit' / 'annotations.json'))) == 3
    assert sorted(composed_of) == [('Apple', held[0]), ('Cherry', 'Cherry 4')]


def test_classes_is_composed_of_whole_classes_that_are_held_out(tmp_path, composed_of):
    rgba = procedural_cutouts(3, 0).rgba.permute(0, 2, 3, 1)
    np.savez(tmp_path / 'known.npz', rgba=rgba[:2].numpy(), label=np.array([0, 1]),
             class_names=np.array(['Apple', 'Lemon']))
    held = read_config().held_classes[0]
    np.savez(tmp_path / 'held.npz', rgba=rgba[2:].numpy(), label=np.array([0]),
             class_names=np.array([held]))
    make = ['--out', str(tmp_path / 'sets'), '--sets', 'classes', *SMALL, '--cutouts']
    assert main([*make, str(tmp_path / 'known.npz')]) == 2  # holds none of them
    assert main([*make, str(tmp_path / 'known.npz'), str(tmp_path / 'held.npz')]) == 0
    assert len(list(samples(tmp_path / 'sets' / 'classes' / 'annotations.json'))) == 3
    assert composed_of == [(held, held)]


def test_files_of_cutouts_in_any_order_give_the_same_pixels(tmp_path):
    files = []
    for number, name in enumerate(read_config().held_classes[:2]):
        files.append(str(tmp_path / f'{number}.npz'))
        rgba = procedural_cutouts(4, number).rgba.permute(0, 2, 3, 1)
        np.savez(files[-1], rgba=rgba.numpy(), label=np.zeros(4, int), class_names=[name])
    for out, given in (('one', files), ('other', files[::-1])):
        assert main(['--out', str(tmp_path / out), '--sets', 'classes', *SMALL,
                     '--cutouts', *given]) == 0
    one, other = (tmp_path / out / 'classes' / 'annotations.json' for out in ('one', 'other'))
    assert checksum(one) == checksum(other)


def test_fruit_without_cutouts_says_what_it_needs(tmp_path, capsys):
    assert main(['--out', str(tmp_path), '--sets', 'fruit']) == 2
    assert 'needs --cutouts' in capsys.readouterr().err


def test_pixels_that_differ_from_the_reference_are_called_so():
    assert verdict('mixed', 'something else', reference=True).startswith(('NOT', 'no reference'))
    assert 'other settings' in verdict('mixed', '', reference=False)


def test_a_set_of_no_scenes_is_refused(tmp_path, capsys):
    assert main(['--out', str(tmp_path / 'sets'), '--sets', 'drawn', '--scenes', '0']) == 2
    assert '--scenes 0: it counts from 1' in capsys.readouterr().err
    assert not (tmp_path / 'sets').exists()


def test_drawn_needs_no_meshes_and_its_first_scenes_ship(tmp_path, composed):
    assert main(['--out', str(tmp_path), '--sets', 'drawn', '--scenes', '2']) == 0
    assert {path.name for path in tmp_path.iterdir()} == {'drawn', 'drawn.settings.json'}
    made, shipped = (list(samples(folder / 'annotations.json'))
                     for folder in (tmp_path / 'drawn', composed))
    for one, other in zip(made, shipped):  # rims may round otherwise on another processor
        assert (one.layers == other.layers).all()
        assert (one.masks != other.masks).mean() < 1e-3
