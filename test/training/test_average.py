"""Averaged weights lie between their parents; what does not go together is refused."""

import pytest
from seq_amodal_ros.checkpoint import load_checkpoint, save_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
import torch
from training.average import main


def saved(path, seed, width=16, mask_size=32):
    """Write an untrained checkpoint; return its path."""
    torch.manual_seed(seed)
    model = EncodeOnceDenoiser(EncodeOnceConfig(mask_size, widths=(width, 16, 16), time_width=16))
    save_checkpoint(path, model, 'cosine', (-0.5, 0.5), {'steps': seed}, 1 + seed, seed / 10)
    return path


def test_the_average_lies_where_the_share_says(tmp_path):
    paths = [saved(tmp_path / f'{seed}.safetensors', seed) for seed in (1, 2)]
    out = tmp_path / 'both.safetensors'
    assert main([*map(str, paths), '--share', '0.75', '--out', str(out)]) == 0
    first, second, both = (load_checkpoint(path) for path in (*paths, out))
    name = 'stem.weight'
    expected = 0.25 * first.model.state_dict()[name] + 0.75 * second.model.state_dict()[name]
    assert torch.allclose(both.model.state_dict()[name], expected, atol=1e-4)  # kept in float16
    assert (both.temperature, both.offset) == (second.temperature, second.offset) == (3, 0.2)
    assert both.training == {'steps': 2, 'averaged': [{'with': first.label, 'share': 0.75}]}


def test_the_second_says_how_fine_the_masks_are(tmp_path):
    fine = saved(tmp_path / 'fine.safetensors', 1, mask_size=64)
    coarse = saved(tmp_path / 'coarse.safetensors', 2, mask_size=32)
    out = tmp_path / 'both.safetensors'
    assert main([str(fine), str(coarse), '--out', str(out)]) == 0
    assert load_checkpoint(out).model.mask_size == 32


@pytest.mark.parametrize('width, share, reason', [(32, '0.5', 'differ in their sizes'),
                                                  (16, '1.5', 'share must lie in 0 to 1')])
def test_what_does_not_go_together_is_refused(tmp_path, capsys, width, share, reason):
    first = saved(tmp_path / 'first.safetensors', 1)
    second = saved(tmp_path / 'second.safetensors', 2, width)
    out = tmp_path / 'both.safetensors'
    assert main([str(first), str(second), '--share', share, '--out', str(out)]) == 2
    assert reason in capsys.readouterr().err
    assert not out.exists()


def test_networks_whose_size_decides_where_they_attend_are_refused(tmp_path, capsys):
    paths = [tmp_path / f'{size}.safetensors' for size in (32, 64)]
    for path, size in zip(paths, (32, 64)):
        model = ConcatUNet(ConcatUNetConfig(size, 16, (1, 1, 1), 1))
        save_checkpoint(path, model, 'linear', (-1.0, 1.0), {})
    before = paths[1].read_bytes()
    assert main([*map(str, paths), '--out', str(paths[1])]) == 2
    assert 'hold other weights' in capsys.readouterr().err
    assert paths[1].read_bytes() == before


@pytest.mark.parametrize('name', ['both', 'both.json', 'second.pt'])
def test_weights_go_to_a_file_that_they_load_from_again(tmp_path, capsys, name):
    paths = [saved(tmp_path / f'{name}.safetensors', seed)
             for seed, name in enumerate(('first', 'second'))]
    assert main([*map(str, paths), '--out', str(tmp_path / name)]) == 2
    assert f'{name}: weights are written to a file that ends in' in capsys.readouterr().err
    assert load_checkpoint(paths[1]).training == {'steps': 1}


@pytest.mark.parametrize('name, schedule, values', [('schedule', 'flow', (-0.5, 0.5)),
                                                    ('mask_values', 'cosine', (0.0, 1.0))])
def test_what_was_noised_otherwise_is_not_averaged(tmp_path, capsys, name, schedule, values):
    first, out = saved(tmp_path / 'first.safetensors', 1), tmp_path / 'both.safetensors'
    second = tmp_path / 'second.safetensors'
    save_checkpoint(second, load_checkpoint(first).model, schedule, values, {})
    assert main([str(first), str(second), '--out', str(out)]) == 2
    assert f'differ in {name}' in capsys.readouterr().err


def test_an_average_of_an_average_tells_both_and_is_half_and_half_by_itself(tmp_path):
    paths = [saved(tmp_path / f'{seed}.safetensors', seed) for seed in (1, 2)]
    out = tmp_path / 'both.safetensors'
    assert main([*map(str, paths), '--out', str(out)]) == 0
    assert main([str(paths[0]), str(out), '--share', '0.9', '--out', str(out)]) == 0
    assert [each['share'] for each in load_checkpoint(out).training['averaged']] == [0.5, 0.9]
