"""Weights in guided-diffusion's names arrive in ours, each once, and what is amiss is named."""

from pathlib import Path

import pytest
from safetensors.torch import save_file
from seq_amodal_ros import checkpoint as checkpoints
from seq_amodal_ros.checkpoint import load_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
import torch
from training.paper.config import FOLDER, read_preset
from training.paper.sas_keys import main, names, renamed
import yaml

NARROW = ConcatUNetConfig(mask_size=16, channels=32, multipliers=(1, 2), blocks=1,
                          attention_size=8)


def conv(name, wide, narrow, side=3):
    """Return the shapes of a convolution."""
    return {f'{name}.weight': (wide, narrow, side, side), f'{name}.bias': (wide,)}


def norm(name, width):
    """Return the shapes of a norm."""
    return {f'{name}.weight': (width,), f'{name}.bias': (width,)}


def residual(name, narrow, wide):
    """Return the shapes of guided-diffusion's ResBlock; its embedding has 128 channels here."""
    skip = conv(f'{name}.skip_connection', wide, narrow, 1) if narrow != wide else {}
    return {**norm(f'{name}.in_layers.0', narrow), **conv(f'{name}.in_layers.2', wide, narrow),
            f'{name}.emb_layers.1.weight': (wide, 128), f'{name}.emb_layers.1.bias': (wide,),
            **norm(f'{name}.out_layers.0', wide), **conv(f'{name}.out_layers.3', wide, wide),
            **skip}


def attention(name, width):
    """Return the shapes of guided-diffusion's AttentionBlock, convolutions of length 1."""
    return {**norm(f'{name}.norm', width),
            f'{name}.qkv.weight': (3 * width, width, 1), f'{name}.qkv.bias': (3 * width,),
            f'{name}.proj_out.weight': (width, width, 1), f'{name}.proj_out.bias': (width,)}


# UNetModel(image_size=16, in_channels=5, model_channels=32, out_channels=2, num_res_blocks=1,
# attention_resolutions=(2,), channel_mult=(1, 2)), as its constructor makes it.
SHAPES = {
    'time_embed.0.weight': (128, 32), 'time_embed.0.bias': (128,),
    'time_embed.2.weight': (128, 128), 'time_embed.2.bias': (128,),
    **conv('input_blocks.0.0', 32, 5),
    **residual('input_blocks.1.0', 32, 32),
    **conv('input_blocks.2.0.op', 32, 32),
    **residual('input_blocks.3.0', 32, 64), **attention('input_blocks.3.1', 64),
    **residual('middle_block.0', 64, 64), **attention('middle_block.1', 64),
    **residual('middle_block.2', 64, 64),
    **residual('output_blocks.0.0', 128, 64), **attention('output_blocks.0.1', 64),
    **residual('output_blocks.1.0', 96, 64), **attention('output_blocks.1.1', 64),
    **conv('output_blocks.1.2.conv', 64, 64),
    **residual('output_blocks.2.0', 96, 32), **residual('output_blocks.3.0', 64, 32),
    **norm('out.0', 32), **conv('out.2', 2, 32)}


@pytest.fixture
def state():
    """Return random weights in guided-diffusion's names."""
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in SHAPES.items()}


@pytest.fixture
def narrow(tmp_path):
    """Return the path of the narrow preset."""
    content = {**yaml.safe_load((FOLDER / 'sas.yaml').read_text()), 'mask_size': 16,
               'channels': 32, 'multipliers': [1, 2], 'blocks': 1, 'attention_size': 8}
    path = tmp_path / 'narrow.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def converted(source, preset, out, layers='6'):
    """Run the command line; return its exit status."""
    return main([str(source), '--preset', str(preset), '--max-layers', layers, '--min-area', '20',
                 '--out', str(out)])


def written(path, state):
    """Write a state dict in the format that the name says."""
    if path.suffix == '.pt':
        torch.save(state, path)
    else:
        save_file(state, path)
    return path


@pytest.mark.parametrize('config', [
    NARROW, read_preset('sas').network(),
    ConcatUNetConfig(channels=32, multipliers=(1, 1, 2, 2), blocks=3, attention_size=64),
    ConcatUNetConfig(channels=32, multipliers=(1,), blocks=1, attention_size=1)])
def test_every_key_has_exactly_one_place(config):
    with torch.device('meta'):
        expected = ConcatUNet(config).state_dict()
    ours = [name for group in names(config).values() for name in group]
    assert len(ours) == len(set(ours))
    assert set(ours) == set(expected)


def test_the_other_names_are_those_of_guided_diffusion():
    assert names(NARROW).keys() == SHAPES.keys()


def test_numbers_follow_levels_and_blocks():
    given = names(read_preset('sas').network())
    for theirs, ours in [('input_blocks.6.0.op', 'down_blocks.1.downsamplers.0.conv'),
                         ('input_blocks.8.1.norm', 'down_blocks.2.attentions.1.group_norm'),
                         ('input_blocks.11.0.in_layers.2', 'down_blocks.3.resnets.1.conv1'),
                         ('output_blocks.2.1.conv', 'up_blocks.0.upsamplers.0.conv'),
                         ('output_blocks.5.2.conv', 'up_blocks.1.upsamplers.0.conv'),
                         ('output_blocks.11.0.skip_connection',
                          'up_blocks.3.resnets.2.conv_shortcut')]:
        assert given[f'{theirs}.weight'] == (f'unet.{ours}.weight',)


def test_values_arrive_where_they_belong(state):
    ours = renamed(state, NARROW, 'file')
    ConcatUNet(NARROW).load_state_dict(ours)
    attends = 'unet.up_blocks.0.attentions.1'
    for part, name in enumerate(('to_q', 'to_k', 'to_v')):
        third = slice(64 * part, 64 * (part + 1))
        weight = state['output_blocks.1.1.qkv.weight'][third, :, 0]
        assert torch.equal(ours[f'{attends}.{name}.weight'], weight)
        assert torch.equal(ours[f'{attends}.{name}.bias'],
                           state['output_blocks.1.1.qkv.bias'][third])
    assert torch.equal(ours[f'{attends}.to_out.0.weight'],
                       state['output_blocks.1.1.proj_out.weight'][:, :, 0])
    for theirs, name in [('input_blocks.0.0', 'conv_in'), ('out.2', 'conv_out'),
                         ('middle_block.2.emb_layers.1', 'mid_block.resnets.1.time_emb_proj'),
                         ('output_blocks.3.0.out_layers.3', 'up_blocks.1.resnets.1.conv2')]:
        assert torch.equal(ours[f'unet.{name}.weight'], state[f'{theirs}.weight'])


@pytest.mark.parametrize('suffix', ['.pt', '.safetensors'])
def test_a_converted_file_is_a_checkpoint(tmp_path, narrow, state, suffix):
    out = tmp_path / 'out' / 'weights.safetensors'
    assert converted(written(tmp_path / f'ema{suffix}', state), narrow, out) == 0
    loaded = load_checkpoint(out)
    assert (loaded.schedule, loaded.mask_values) == ('linear', (0.0, 1.0))
    assert loaded.training == {'source': f'ema{suffix}',
                               'rules': {'max_layers': 6, 'min_area': 20}}
    for name, value in renamed(state, NARROW, 'file').items():
        assert torch.allclose(loaded.model.state_dict()[name], value, atol=2e-3)  # float16


def changed(state, key, value):
    """Return the state with one key set, or without it."""
    rest = {name: tensor for name, tensor in state.items() if name != key}
    return rest if value is None else {**rest, key: value}


@pytest.mark.parametrize('key, value, reason', [
    ('out.2.bias', None, "missing keys: 'out.2.bias'; superfluous keys: none; take the preset"),
    ('label_emb.weight', torch.zeros(3, 128), "superfluous keys: 'label_emb.weight'; take the"),
    ('middle_block.1.qkv.weight', torch.zeros(192, 64),
     'middle_block.1.qkv.weight: must be real numbers of shape [192, 64, 1], got torch.float32 '
     '[192, 64]; take the preset'),
    ('out.0.bias', torch.zeros(32, dtype=torch.int64), 'out.0.bias: must be real numbers'),
    ('out.0.bias', torch.full((32,), torch.inf), 'out.0.bias: holds values that are not finite'),
    ('time_embed.0.weight', torch.full((128, 32), 1e5), 'time_embed.0.weight: holds values')])
def test_what_does_not_fit_is_named(tmp_path, narrow, state, capsys, key, value, reason):
    source, out = tmp_path / 'ema.pt', tmp_path / 'weights.safetensors'
    assert converted(written(source, changed(state, key, value)), narrow, out) == 2
    error = capsys.readouterr().err
    assert error.startswith(f'sas_keys: {source}: ') and error.count('\n') == 1
    assert reason in error
    assert not out.exists()


def test_many_keys_are_counted(state):
    with pytest.raises(ValueError, match=r"missing keys: 'time_embed.0.weight', .* and \d+ more"):
        renamed({}, NARROW, 'file')


@pytest.mark.parametrize('config', [ConcatUNetConfig(channels=16),
                                    ConcatUNetConfig(multipliers=(2, 2))])
def test_sizes_that_guided_diffusion_has_not_are_refused(config):
    with pytest.raises(ValueError, match='begin with 1 and channels a multiple of 32'):
        names(config)


class Code:
    """An object whose unpickling would touch a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        """Return what a pickle would call."""
        return Path.touch, (self.path,)


def test_no_code_of_a_file_is_run(tmp_path, narrow, capsys):
    trace = tmp_path / 'trace'
    source = written(tmp_path / 'ema.pt', {'out.2.bias': Code(trace)})
    assert converted(source, narrow, tmp_path / 'weights.safetensors') == 2
    assert f'{source}: truncated, or not a file of plain tensors' in capsys.readouterr().err
    assert not trace.exists()


@pytest.mark.parametrize('name', ['ema.pt', 'ema.safetensors', 'ema.ckpt'])
@pytest.mark.parametrize('content', [b'', b'not weights at all'])
def test_other_files_are_refused(tmp_path, narrow, capsys, name, content):
    source = tmp_path / name
    source.write_bytes(content)
    assert converted(source, narrow, tmp_path / 'weights.safetensors') == 2
    error = capsys.readouterr().err
    assert error.startswith(f'sas_keys: {source}: ') and error.count('\n') == 1


@pytest.mark.parametrize('content', [[torch.zeros(2)], {'model': {'out.2.bias': torch.zeros(2)}}])
def test_a_nested_state_dict_is_refused(tmp_path, narrow, capsys, content):
    source = written(tmp_path / 'ema.pt', content)
    assert converted(source, narrow, tmp_path / 'weights.safetensors') == 2
    assert 'save model.state_dict() alone' in capsys.readouterr().err


def test_large_files_are_not_read(tmp_path, narrow, capsys):
    source = tmp_path / 'ema.pt'
    with source.open('wb') as file:
        file.truncate(checkpoints.MAX_BYTES + 1)
    assert converted(source, narrow, tmp_path / 'weights.safetensors') == 2
    assert f'{source}: larger than 1024 MiB' in capsys.readouterr().err


def test_options_and_missing_files_are_named(tmp_path, narrow, state, capsys):
    source = written(tmp_path / 'ema.pt', state)
    for given, reason in [((source, narrow, tmp_path / 'w.safetensors', '0'), '--max-layers'),
                          ((source, narrow, tmp_path / 'w.pt'), 'a file that ends in .safetensors'),
                          ((tmp_path / 'no.pt', narrow, tmp_path / 'w.safetensors'), 'no.pt')]:
        assert converted(*given) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count('\n') == 1
