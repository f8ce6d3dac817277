"""seq-amodal as a user calls it: files in, files out, one clear line when something is wrong."""

import json
from pathlib import Path
import shutil
import signal
import subprocess

import numpy as np
from PIL import Image
import pytest
from seq_amodal_ros.cli import main
from seq_amodal_ros.evaluation.amodal_coco import samples
from seq_amodal_ros.evaluation.photographs import load_image


def test_predict_writes_a_sheet_for_each_picture_and_masks_of_all(photographs, tmp_path, capsys):
    pictures = [str(photographs / name) for name in ('fruits.jpg', 'smarties.png')]
    assert main(['predict', *pictures, '--out', str(tmp_path), '--device', 'cpu']) == 0
    assert Image.open(tmp_path / 'fruits.layers.png').width > 600
    assert (tmp_path / 'smarties.layers.png').is_file()
    found = list(samples(tmp_path / 'annotations.json'))
    assert [Path(sample.name).name for sample in found] == ['fruits.jpg', 'smarties.png']
    assert sum(len(sample.masks) for sample in found) >= 2
    assert 'pick' in capsys.readouterr().out


def test_evaluate_prints_a_table_and_writes_its_figures(composed, tmp_path, capsys):
    out = tmp_path / 'out.json'
    assert main(['evaluate', '--coco', str(composed / 'annotations.json'), '--limit', '3',
                 '--k', '2', '--steps', '1', '--mask-size', '70', '--device', 'cpu',
                 '--json', str(out), '--reliability', str(tmp_path / 'reliability.png')]) == 0
    assert load_image(tmp_path / 'reliability.png').any()
    result = json.loads(out.read_text())
    assert (result['k'], result['steps'], result['images']) == (2, 1, 3)
    assert result['mask_size'] == 64  # what it worked on; 70 cannot be
    assert {'layer', 'iou', 'ap', 'images'} <= set(result['layers'][0])
    assert result['seconds_per_image'] > 0
    assert 'recall' in result['objects']
    assert 'layer  images' in capsys.readouterr().out


def test_a_bag_is_evaluated_and_what_it_holds_is_scored(pile, tmp_path, capsys):
    out = tmp_path / 'out.json'
    assert main(['evaluate', '--bag', str(pile), '--limit', '1', '--device', 'cpu', '--json',
                 str(out)]) == 0
    assert json.loads(out.read_text())['images'] == 1
    assert f'{pile}: images of 1 of its 30 truths' in capsys.readouterr().out
    assert main(['score', str(pile), '--answers-topic', '/ground_truth/masks', '--json', str(out),
                 '--reliability', str(tmp_path / 'reliability.png')]) == 0
    result = json.loads(out.read_text())
    assert (result['images'], result['frames'], result['weights']) == (30, 30, 'truth')
    assert result['objects']['recall'] == result['objects']['right_layer'] == 100
    assert '30 of 30 frames were answered, weights truth' in capsys.readouterr().out
    assert load_image(tmp_path / 'reliability.png').any()


@pytest.mark.parametrize('arguments, reason', [
    (['predict', 'nowhere.png'], 'nowhere.png'),
    (['predict', 'a/x.png', 'b/x.png'], 'overwrite each other'),
    (['predict', 'x.png', '--k', '0'], '--k must lie in 1 to 64'),
    (['predict', 'x.png', '--mask-size', '5'], '--mask-size must be 0 or lie in 32 to 512'),
    (['predict', 'x.png', '--sampler', 'ancestral'], '--steps must be 1000'),
    (['predict', 'x.png', '--weights', 'best'], "weights 'best'"),
    (['predict', 'x.png', '--device', 'cuda:77'], 'cuda:77'),
    (['evaluate'], '--coco'),
    (['evaluate', '--coco', 'nowhere.json'], 'nowhere.json'),
    (['evaluate', '--coco', 'nowhere.json', '--reliability', '/proc/no/r.png'], '/proc/no'),
    (['evaluate', '--sas', 'nowhere'], 'nowhere: no such folder'),
    (['evaluate', '--bag', 'nowhere'], 'nowhere: no rosbag2'),
    (['score', 'nowhere'], 'nowhere: no rosbag2'),
    (['score', 'nowhere', '--json', 'a.x', '--reliability', 'a.x'], 'both a.x; name two files'),
    (['evaluate', '--coco', 'nowhere.json', '--json', '.'], '--json: .: cannot be written'),
    (['evaluate', '--coco', 'nowhere.json', '--limit', '0'], '--limit 0: it counts from 1'),
])
def test_bad_input_is_one_line_and_exit_code_2(arguments, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert reason in error
    assert len(error.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_named_before_the_work(photographs, tmp_path, capsys):
    (tmp_path / 'file').touch()
    target = tmp_path / 'file' / 'out'
    assert main(['predict', str(photographs / 'stuff.jpg'), '--out', str(target)]) == 2
    error = capsys.readouterr().err
    assert f'--out: {target / "annotations.json"}: cannot be written' in error


def test_ctrl_c_leaves_no_half_of_a_file(ctrl_c_works, photographs, tmp_path):
    out = tmp_path / 'out'
    command = subprocess.Popen(['seq-amodal', 'predict', str(photographs / 'stuff.jpg'),
                                str(photographs / 'fruits.jpg'), '--device', 'cpu', '--out',
                                str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    assert 'pick' in command.stdout.readline()
    command.send_signal(signal.SIGINT)
    assert 'Traceback' not in command.communicate(timeout=60)[1]
    assert command.returncode == 128 + signal.SIGINT
    for path in out.iterdir():
        assert path.name.endswith('.layers.png') or path.name == 'annotations.json'
        assert json.loads(path.read_text()) if path.suffix == '.json' else load_image(path).any()


def test_a_file_in_place_of_the_folder_is_named_and_kept(tmp_path, capsys):
    taken = tmp_path / 'taken'
    taken.write_text('notes')
    assert main(['predict', 'x.png', '--out', str(taken)]) == 2
    assert f'--out {taken} is a file' in capsys.readouterr().err
    assert taken.read_text() == 'notes'


def test_a_broken_picture_is_named_before_anything_is_written(tmp_path, capsys):
    good, bad = tmp_path / 'good.png', tmp_path / 'bad.png'
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(good)
    bad.write_bytes(good.read_bytes()[:60])
    out = tmp_path / 'out'
    assert main(['predict', str(good), str(bad), '--out', str(out)]) == 2
    assert 'bad.png: not a readable picture' in capsys.readouterr().err
    assert not out.exists()


def test_what_others_wrote_is_kept(photographs, composed, tmp_path, capsys):
    picture, coco = str(photographs / 'stuff.jpg'), tmp_path / 'annotations.json'
    text = (composed / 'annotations.json').read_text()
    coco.write_text(text)
    assert main(['predict', picture, '--out', str(tmp_path)]) == 2
    assert 'annotations.json was not written by seq-amodal predict' in capsys.readouterr().err
    assert main(['evaluate', '--coco', str(coco), '--json', str(coco)]) == 2
    assert '--json' in capsys.readouterr().err
    assert coco.read_text() == text


def test_nothing_of_what_is_evaluated_is_replaced(pile, composed, tmp_path, capsys):
    bag, scenes = tmp_path / 'pile', tmp_path / 'scenes'
    shutil.copytree(pile, bag)
    shutil.copytree(composed, scenes)
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    for arguments in (['score', str(bag), '--json', str(bag / 'metadata.yaml')],
                      ['score', str(bag / 'pile.mcap'), '--json', str(bag / 'metadata.yaml')],
                      ['evaluate', '--coco', str(scenes / 'annotations.json'), '--reliability',
                       str(scenes / 'images' / '00000.png')]):
        assert main(arguments) == 2
        assert 'is there already, among what is evaluated' in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}


def test_the_weights_are_not_replaced_by_a_result(small_checkpoint, composed, tmp_path, capsys):
    side = small_checkpoint.with_suffix('.json')
    for option, target in (('--json', side), ('--reliability', small_checkpoint)):
        before = target.read_bytes()
        assert main(['evaluate', '--coco', str(composed / 'annotations.json'), '--weights',
                     str(small_checkpoint), option, str(target)]) == 2
        assert f'{option} {target} holds the weights' in capsys.readouterr().err
        assert target.read_bytes() == before


def test_no_picture_is_replaced_by_the_sheet_of_another(tmp_path, capsys):
    one, other = tmp_path / 'a.png', tmp_path / 'a.layers.png'
    for path in (one, other):
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path)
    before = other.read_bytes()
    assert main(['predict', str(one), str(other), '--out', str(tmp_path)]) == 2
    assert 'a.layers.png is one of the pictures' in capsys.readouterr().err
    assert other.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [other, one]


def test_one_file_under_two_names_is_one_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(['score', 'nowhere', '--json', 'a.x', '--reliability', str(tmp_path / 'a.x')]) == 2
    assert 'both a.x; name two files' in capsys.readouterr().err


def test_predict_may_be_repeated_and_its_folder_moved(composed, tmp_path, capsys):
    command = ['predict', str(tmp_path / 'pictures' / 'a.png'), '--out',
               str(tmp_path / 'pictures' / 'out'), '--device', 'cpu']
    (tmp_path / 'pictures').mkdir()
    shutil.copy(composed / 'images' / '00003.png', tmp_path / 'pictures' / 'a.png')
    assert main(command) == 0
    assert 'in place of' not in capsys.readouterr().out
    assert main(command) == 0
    assert 'in place of those of an earlier predict' in capsys.readouterr().out
    (tmp_path / 'pictures').rename(tmp_path / 'moved')
    sample, = samples(tmp_path / 'moved' / 'out' / 'annotations.json')
    assert Path(sample.name).resolve() == tmp_path / 'moved' / 'a.png'


def test_what_is_not_defined_is_none(tmp_path, capsys):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / 'a.png')
    coco, out = tmp_path / 'coco.json', tmp_path / 'out.json'
    coco.write_text(json.dumps({'images': [{'id': 1, 'file_name': 'a.png', 'height': 64,
                                            'width': 64}], 'annotations': []}))
    assert main(['evaluate', '--coco', str(coco), '--json', str(out), '--device', 'cpu']) == 0
    found = json.loads(out.read_text())
    assert found['hypotheses']['ece'] is None and found['objects']['ordered'] is None
    assert 'ECE none' in capsys.readouterr().out
