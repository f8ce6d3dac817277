"""A preview shows scenes and counts what is in them."""

import numpy as np
from PIL import Image
from seq_amodal_ros.evaluation.photographs import load_image
import torch
from training.engine.protocols import FOLDER
from training.engine.scenes import clear_layers, Scenes
from training.preview import main, PANEL, statistics


def test_sheet_and_statistics_are_drawn(tmp_path, capsys):
    assert main(['--protocols', 'tools', '--out', str(tmp_path), '--scenes', '9',
                 '--side', '64']) == 0
    sheet = load_image(tmp_path / 'tools.sheet.png')
    assert sheet.shape == (4 * PANEL, 8 * PANEL, 3)  # eight scenes, their masks, the ninth, its own
    assert load_image(tmp_path / 'tools.statistics.png').std() > 0
    assert '9 scenes' in capsys.readouterr().out


def test_statistics_count_what_is_there():
    masks = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, :4], masks[0, 1, 2:6] = True, True  # half of the second is hidden; no third
    found = statistics(Scenes(torch.zeros(1, 3, 8, 8), masks, clear_layers(masks, 1, 1)))
    assert found['objects'].tolist() == [2]
    assert found['depth'].tolist() == [2]
    assert found['layer'].tolist() == [1, 2]
    assert np.allclose(found['visible'], [1, 0.5])
    assert np.allclose(found['size'], [0.5, 0.5])
    assert np.allclose(found['overlap'], [0.5])


def test_an_unknown_protocol_is_said(tmp_path, capsys):
    assert main(['--protocols', 'nothing', '--out', str(tmp_path)]) == 2
    known = 'bin, close, flat, fruit, mixed, room, stacks, tools'
    assert f'take one of {known}' in capsys.readouterr().err


def test_scenes_lie_on_photographs_where_some_are_given(edited, tmp_path, capsys):
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    Image.new('RGB', (400, 400), (0, 255, 0)).save(photographs / 'green.png')
    protocol = edited(FOLDER / 'tools.yaml', tmp_path / 'green.yaml',
                      backgrounds={'photograph': 1}, objects=[1, 1], procedural=20)
    command = ['--protocols', str(protocol), '--out', str(tmp_path), '--scenes', '2',
               '--side', '64']
    assert main(command) == 2
    assert '--backgrounds' in capsys.readouterr().err
    assert main([*command, '--backgrounds', str(photographs)]) == 0
    corner = load_image(tmp_path / 'green.sheet.png')[:8, :8].mean(axis=(0, 1))
    assert corner.argmax() == 1 and corner[1] > 2 * corner[[0, 2]].max()


def test_two_protocols_of_one_name_would_share_a_file(edited, tmp_path, capsys):
    other = edited(FOLDER / 'tools.yaml', tmp_path / 'tools.yaml')
    assert main(['--protocols', 'tools', str(other), '--out', str(tmp_path / 'out')]) == 2
    assert 'are both of the name tools; rename a file' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_photographs_that_no_scene_can_lie_on_are_said(photographs, tmp_path, capsys):
    assert main(['--protocols', 'bin', 'room', '--backgrounds', str(photographs), '--out',
                 str(tmp_path / 'out')]) == 2
    assert 'no scene of bin, room lies on any' in capsys.readouterr().err
