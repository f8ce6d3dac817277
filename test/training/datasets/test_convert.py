"""A set is converted whole or not at all; what is left out or bad is counted and named."""

import json
from pathlib import Path
import signal
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.evaluation import sas
from seq_amodal_ros.evaluation.amodal_coco import samples
from training.datasets import convert
from training.datasets.convert import main
from training.locks import locked

# Runs the command line until the second batch, the second picture of the set, or its last step.
DIES = """
import os, signal, sys
from training.datasets import convert
convert.BATCH = 1
count = 0
def dies(real):
    def wrapped(*arguments, **more):
        global count
        count += 1
        if count == {count}:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)
    return wrapped
{target} = dies({target})
sys.exit(convert.main(sys.argv[1:]))
"""
# Runs it where no file may grow beyond a limit, as on a disk that is full.
FULL = """
import resource, sys
from training.datasets import convert
convert.BATCH = 1
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.exit(convert.main(sys.argv[1:]))
"""


def run_apart(script, arguments):
    """Return the finished process of a script."""
    return subprocess.run([sys.executable, '-c', script, *arguments], capture_output=True,
                          text=True, timeout=120)


def contents(folder):
    """Return all files of a folder by their name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*.*')
            if path.is_file()}


def bend(foreign, image_id):
    """Let a polygon of an image leave it."""
    annotation = next(a for a in foreign.content['annotations'] if a['image_id'] == image_id)
    annotation['amodal_segm'] = [[0, 0, 9, 0, 9, 140]]


def test_amodal_coco_is_read_back(foreign, capsys):
    assert foreign.run() == 0
    assert capsys.readouterr().out.startswith('3 images with 9 objects written, 0 left out')
    found = list(samples(foreign.out / 'annotations.json'))
    assert [Path(sample.name).name for sample in found] == [f'{i:012d}.png' for i in (1, 2, 3)]
    for sample in found:
        assert sample.layers.tolist() == [1, 2, 3]
        assert sample.masks.sum(axis=(1, 2)).tolist() == [1024, 1024, 256]
        assert sample.read().shape == (64, 64, 3)
    [entry] = [a for a in json.loads((foreign.out / 'annotations.json').read_text())['annotations']
               if a['id'] == 5]
    assert (entry['image_id'], entry['occluded_by'], entry['layer']) == (2, [4], 2)
    assert list(foreign.out.parent.iterdir()) == [foreign.out]


def test_layer_folders_are_read_back(foreign):
    assert foreign.run('--format', 'sas') == 0
    found = list(sas.samples(foreign.out))
    assert len(found) == 3
    assert found[0].layers.tolist() == [1, 2, 3]
    assert found[0].masks.sum(axis=(1, 2)).tolist() == [1024, 1024, 256]


def test_what_was_converted_converts_to_itself(foreign, tmp_path):
    assert foreign.run() == 0
    again = tmp_path / 'again'
    assert main(['--json', str(foreign.out / 'annotations.json'), '--images', str(foreign.out),
                 '--keys', 'amodal_coco', '--out', str(again), '--workers', '1']) == 0
    assert contents(again) == contents(foreign.out)


def test_images_are_left_out_by_reason(foreign, capsys):
    foreign.keys['max_layers'] = 2
    foreign.content['annotations'][3]['amodal_segm'] = foreign.polygon(8, 8, 6)
    del foreign.content['annotations'][7:]
    foreign.content['annotations'][4]['under'] = []
    assert foreign.run() == 0
    out = capsys.readouterr().out
    assert out.startswith('1 images with 1 objects written, 2 left out')
    assert '1 for more than 2 layers' in out
    assert '1 for an object that shows less than 10 pixels' in out


def test_a_limit_draws_images_at_random_and_always_the_same(foreign):
    drawn = [convert._chosen(range(1000), 5) for _ in range(2)]
    assert drawn[0] == drawn[1] == sorted(drawn[0]) and drawn[0][-1] > 4
    assert foreign.run('--limit', '2') == 0
    assert len(list(samples(foreign.out / 'annotations.json'))) == 2


def test_processes_give_the_same_as_one(foreign, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, 'BATCH', 1)
    assert foreign.run() == 0
    assert foreign.run('--out', str(tmp_path / 'two'), '--workers', '2') == 0
    assert contents(tmp_path / 'two') == contents(foreign.out)


@pytest.mark.parametrize('damage, reason', [
    (lambda f: bend(f, 2), r'train.json: annotation 21: amodal_segm: point (9, 140)'),
    (lambda f: f.content['annotations'][3].pop('under'), "train.json: annotation 21: key 'under'"),
    (lambda f: f.content['annotations'][3].update(under=[23]), 'json: under: occlusion cycle'),
    (lambda f: f.content['annotations'][3].update(id=22), 'train.json: annotation 22: another'),
    (lambda f: (f.pictures / '2.png').write_bytes(b'no'), 'train.json: image 2: file_name: '),
    (lambda f: f.content['images'][1].pop('width'), "train.json: image 2: 'width' is missing"),
])
def test_what_is_bad_stops_it_or_is_skipped_and_listed(foreign, capsys, damage, reason):
    damage(foreign)
    assert foreign.run() == 2
    assert reason in capsys.readouterr().err
    assert list(foreign.out.parent.iterdir() if foreign.out.parent.exists() else ()) == []
    assert foreign.run('--skip-bad') == 0
    out = capsys.readouterr().out
    assert out.startswith('2 images with 6 objects written') and '1 faults skipped' in out
    assert reason in out
    names = [Path(sample.name).stem for sample in samples(foreign.out / 'annotations.json')]
    assert [int(name) for name in names] == [1, 3]


@pytest.mark.parametrize('damage, more, reason', [
    (lambda f: f.content.update(images=[], annotations=[]), [], 'images: an empty split'),
    (lambda f: f.content.pop('annotations'), [], "'annotations' must be a list"),
    (lambda f: f.content.update(annotations=[]), [], 'nothing is left to write: 0 images with 0'),
    (lambda f: f.keys.update(amodal='mask'), ['--skip-bad'], 'nothing is left to write'),
    (lambda f: f.out.mkdir(parents=True) or (f.out / 'a').touch(), [], 'exists already'),
    (lambda f: f.out.parent.touch(), [], 'cannot be written'),
    (lambda f: f.json, ['--workers', '0'], '--workers 0'),
    (lambda f: f.json, ['--limit', '0'], '--limit 0'),
])
def test_what_cannot_be_converted_leaves_nothing_behind(foreign, capsys, damage, more, reason):
    damage(foreign)
    before = contents(foreign.out.parent)
    assert foreign.run(*more) == 2
    assert reason in capsys.readouterr().err
    assert contents(foreign.out.parent) == before


@pytest.mark.parametrize('target, count, parts', [
    ('convert.read_scene', 2, 1), ('Image.Image.save', 2, 3), ('convert.layer_masks', 3, 3),
    ('convert.shutil.rmtree', 2, 3)])
def test_a_run_that_was_killed_goes_on_to_the_same_end(foreign, tmp_path, monkeypatch, target,
                                                       count, parts):
    monkeypatch.setattr(convert, 'BATCH', 1)
    more = ['--format', 'sas'] if target == 'convert.layer_masks' else []
    assert foreign.run('--out', str(tmp_path / 'whole'), *more) == 0
    script = DIES.format(target=target, count=count)
    died = run_apart(script.replace('count = 0', 'count = 0\nfrom PIL import Image', 1),
                     [*foreign.arguments, *more])
    assert died.returncode == -signal.SIGKILL
    folder = foreign.out.with_name('set.parts')
    assert len(list(folder.glob('*.npz'))) == parts
    if target == 'convert.shutil.rmtree':  # all that is left to do is to tidy up
        assert contents(foreign.out) == contents(tmp_path / 'whole')
        return
    assert not foreign.out.exists()
    monkeypatch.setattr(convert, 'read_scene', _never(convert.read_scene, parts))
    assert foreign.run(*more) == 0
    assert contents(foreign.out) == contents(tmp_path / 'whole')
    assert not folder.exists()


def _never(read_scene, parts):
    """Return `read_scene`, failing for the images that are in a part already."""
    def wrapped(source, image, annotations):
        assert image['id'] > parts
        return read_scene(source, image, annotations)
    return wrapped


@pytest.mark.parametrize('change', [
    lambda f: f.keys.update(min_visible=11),
    lambda f: f.content['annotations'][0].update(amodal_segm=f.polygon(0, 0, 64)),
    lambda f: f.arguments.extend(['--limit', '2']),
])
def test_a_run_with_other_settings_does_not_go_on(foreign, capsys, monkeypatch, change):
    monkeypatch.setattr(convert, 'BATCH', 1)
    (foreign.pictures / '3.png').rename(foreign.pictures / 'gone')
    assert foreign.run() == 2
    (foreign.pictures / 'gone').rename(foreign.pictures / '3.png')
    change(foreign)
    assert foreign.run() == 2
    assert 'with other settings' in capsys.readouterr().err
    assert not foreign.out.exists()


def test_two_runs_do_not_write_one_set(foreign, capsys):
    parts = foreign.out.with_name('set.parts')
    parts.mkdir(parents=True)
    with locked(parts):
        assert foreign.run() == 2
    assert f'{parts}: another process works there' in capsys.readouterr().err
    assert foreign.run() == 0


def test_faults_that_an_earlier_run_skipped_are_not_skipped_by_this_one(foreign, monkeypatch,
                                                                        capsys):
    monkeypatch.setattr(convert, 'BATCH', 1)
    (foreign.pictures / '2.png').rename(foreign.pictures / 'gone')
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(convert, '_assemble', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        foreign.run('--skip-bad')
    assert foreign.run() == 2
    assert 'image 2: file_name' in capsys.readouterr().err
    (foreign.pictures / 'gone').rename(foreign.pictures / '2.png')
    assert foreign.run() == 0
    assert len(list(samples(foreign.out / 'annotations.json'))) == 3


@pytest.mark.parametrize('limit, parts', [(10, 0), (500, 0), (8000, 67)])
def test_a_full_disk_is_named_and_what_is_done_is_gone_on_with(foreign, monkeypatch, limit, parts):
    """10 bytes hold no settings, 500 no part, 8000 all parts, but not the annotations."""
    foreign.content['images'] += [
        {'id': i, 'file_name': '1.png', 'height': 128, 'width': 128} for i in range(4, 68)]
    foreign.content['annotations'] += [
        {'id': 1000 + i, 'image_id': i, 'amodal_segm': foreign.polygon(0, 0, 90), 'under': []}
        for i in range(4, 68)]
    for i in (1, 2, 3):
        Image.fromarray(np.zeros((128, 128, 3), np.uint8)).save(foreign.pictures / f'{i}.png')
    foreign.write()
    full = run_apart(FULL.format(limit=limit), foreign.arguments)
    assert full.returncode == 2
    assert 'set.parts: cannot be written' in full.stderr and 'Traceback' not in full.stderr
    assert not foreign.out.exists()
    folder = foreign.out.with_name('set.parts')
    assert len(list(folder.glob('*.npz'))) == parts
    assert not (folder / 'set').exists()
    monkeypatch.setattr(convert, 'BATCH', 1)
    assert foreign.run() == 0
    assert len(list(samples(foreign.out / 'annotations.json'))) == 67


def test_keys_are_described_without_other_arguments(foreign, capsys):
    foreign.write()
    assert main(['--describe', str(foreign.json)]) == 0
    assert '  under: list of nothing' in capsys.readouterr().out


def test_what_lacks_of_the_command_line_is_said(capsys):
    with pytest.raises(SystemExit):
        main(['--json', 'a.json'])
    assert 'give --images, --keys, --out, or --describe' in capsys.readouterr().err
