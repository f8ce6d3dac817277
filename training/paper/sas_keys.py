r"""
Bring weights of a guided-diffusion U-Net, such as the authors', into this project's checkpoint.

    python -m training.paper.sas_keys ema_0.9999_200000.pt --preset sas \
        --max-layers 6 --min-area 20 --out weights.safetensors

The authors' code builds on OpenAI's `UNetModel` (guided-diffusion, guided_diffusion/unet.py; its
forerunner improved-diffusion has the same names). Of the same structure ours differs in the names:

    theirs                         ours, after `unet.`
    time_embed.0 .2                time_embedding.linear_1 .linear_2
    input_blocks.0.0               conv_in
    input_blocks.N.0               down_blocks.L.resnets.B     N = L (blocks + 1) + B + 1
    input_blocks.N.1               down_blocks.L.attentions.B  where level L has attention
    input_blocks.N.0.op            down_blocks.L.downsamplers.0.conv   the same N with B = blocks
    middle_block.0 .1 .2           mid_block.resnets.0 .attentions.0 .resnets.1
    output_blocks.N.0              up_blocks.U.resnets.B       N = U (blocks + 1) + B, coarsest 0
    output_blocks.N.1              up_blocks.U.attentions.B    where that level has attention
    output_blocks.N.1 or .2 .conv  up_blocks.U.upsamplers.0.conv   after the level's last block
    out.0 .2                       conv_norm_out conv_out

    of a residual block   in_layers.0 .2 to norm1 conv1, emb_layers.1 to time_emb_proj,
                          out_layers.0 .3 to norm2 conv2, skip_connection to conv_shortcut
    of an attention       norm to group_norm, qkv to to_q to_k to_v (its thirds in this order),
                          proj_out to to_out.0; convolutions of length 1 become matrices

Only what changes shapes or names can be checked. What a file does not tell is taken from the
paper and from the preset: the input channels are I ⊕ CM ⊕ M_t in this order (without CM for DIS),
scaled as the preset says, the outputs are the noise and v, attention has one head, and T = 1000.
Weights trained with more heads or another order of channels would be taken without a word.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from seq_amodal_ros.checkpoint import check_target, MAX_BYTES, save_checkpoint
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet, ConcatUNetConfig
import torch
from torch import Tensor
from training.commands import command, parser_of
from training.paper.config import read_preset
from training.paper.sources import Rules

Pair = tuple[str, tuple[str, ...]]

ENDS = {'time_embed.0': 'time_embedding.linear_1', 'time_embed.2': 'time_embedding.linear_2',
        'input_blocks.0.0': 'conv_in', 'out.0': 'conv_norm_out', 'out.2': 'conv_out'}
RESIDUAL = {'in_layers.0': 'norm1', 'in_layers.2': 'conv1', 'emb_layers.1': 'time_emb_proj',
            'out_layers.0': 'norm2', 'out_layers.3': 'conv2'}
ATTENTION = {'norm': ('group_norm',), 'qkv': ('to_q', 'to_k', 'to_v'), 'proj_out': ('to_out.0',)}
FLAT = ('.qkv.weight', '.proj_out.weight')  # theirs are convolutions, [out, in, 1]
GROUPS = 32  # of their group norms, whatever the channels
SHOWN = 3  # keys in a message


def names(config: ConcatUNetConfig) -> dict[str, tuple[str, ...]]:
    """
    Return for each of their keys ours: one, or three that share it out along its first axis.

    Raises ValueError for sizes with which guided-diffusion makes another network or none.
    """
    if config.multipliers[0] != 1 or config.channels % GROUPS:
        raise ValueError('guided-diffusion has this network only with multipliers that begin with '
                         f'1 and channels a multiple of {GROUPS}, got {config.multipliers} and '
                         f'{config.channels}; take another preset')
    return {f'{theirs}.{part}': tuple(f'unet.{name}.{part}' for name in ours)
            for theirs, ours in _modules(config) for part in ('weight', 'bias')}


def renamed(state: Mapping[str, Tensor], config: ConcatUNetConfig, file: str) -> dict[str, Tensor]:
    """
    Return their state dict as ours, in float32; tensors may share memory with those given.

    Raises ValueError, naming `file` and the keys, for keys that are missing or not known, and for
    shapes or values that the network cannot have.
    """
    known = names(config)
    missing = [key for key in known if key not in state]
    superfluous = [key for key in state if key not in known]
    if missing or superfluous:
        raise ValueError(f'{file}: missing keys: {_few(missing)}; superfluous keys: '
                         f'{_few(superfluous)}; take the preset with the sizes of this network')
    with torch.device('meta'):
        shapes = {key: value.shape for key, value in ConcatUNet(config).state_dict().items()}
    result: dict[str, Tensor] = {}
    for key, ours in known.items():
        value = _checked(key, state[key], [shapes[name] for name in ours], file)
        result.update(zip(ours, value.chunk(len(ours))))
    return result


def read_state(path: Path) -> dict[str, Tensor]:
    """
    Return the tensors by name in a .safetensors or .pt file; no code in it is run.

    Raises ValueError, naming the file, for what is too large or is no state dict, and OSError
    where it cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f'{path}: larger than {MAX_BYTES >> 20} MiB; give the weights alone, '
                         "without the optimiser's state")
    if path.suffix not in ('.safetensors', '.pt'):
        raise ValueError(f'{path}: give a .safetensors or .pt file')
    try:
        state = _parsed(path)
    except OSError:
        raise
    except Exception as error:  # a malformed file fails in whatever way it is malformed
        raise ValueError(f'{path}: truncated, or not a file of plain tensors '
                         f'({type(error).__name__}); save its state dict alone') from error
    if not isinstance(state, dict) or not all(
            isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()):
        raise ValueError(f'{path}: not tensors by name; save model.state_dict() alone')
    return state


def _parsed(path: Path) -> Any:
    if path.suffix == '.safetensors':
        return safetensors.torch.load(path.read_bytes())
    return torch.load(path, map_location='cpu', weights_only=True)


def _checked(key: str, value: Tensor, shapes: Sequence[torch.Size], file: str) -> Tensor:
    """Return their tensor in the shape of ours, those of `shapes` one after the other."""
    shape = (len(shapes) * shapes[0][0], *shapes[0][1:])
    given = (*shape, 1) if key.endswith(FLAT) else shape
    if tuple(value.shape) != given or not value.is_floating_point():
        raise ValueError(f'{file}: {key}: must be real numbers of shape {list(given)}, got '
                         f'{value.dtype} {list(value.shape)}; take the preset with the sizes of '
                         'this network')
    value = value.float().reshape(shape)
    # Checkpoints keep matrices in float16, where large values would become infinite.
    if not torch.isfinite(value.half() if value.ndim > 1 else value).all():
        raise ValueError(f'{file}: {key}: holds values that are not finite or, for float16, too '
                         'large; take an earlier checkpoint')
    return value


def _few(keys: Sequence[str]) -> str:
    more = f' and {len(keys) - SHOWN} more' if len(keys) > SHOWN else ''
    return (', '.join(map(repr, keys[:SHOWN])) or 'none') + more


def _modules(config: ConcatUNetConfig) -> Iterator[Pair]:
    """Yield each of their layers that has weights, with ours."""
    for theirs, ours in ENDS.items():
        yield theirs, (ours,)
    yield from _residual('middle_block.0', 'mid_block.resnets.0')
    yield from _attention('middle_block.1', 'mid_block.attentions.0')
    yield from _residual('middle_block.2', 'mid_block.resnets.1')
    for level in range(len(config.multipliers)):
        yield from _down(config, level)
        yield from _up(config, level)


def _down(config: ConcatUNetConfig, level: int) -> Iterator[Pair]:
    """Yield the layers of a level on the way down."""
    first, ours = level * (config.blocks + 1) + 1, f'down_blocks.{level}'
    widens = level > 0 and config.multipliers[level] != config.multipliers[level - 1]
    for block in range(config.blocks):
        theirs = f'input_blocks.{first + block}'
        yield from _residual(f'{theirs}.0', f'{ours}.resnets.{block}', widens and block == 0)
        if _attends(config, level):
            yield from _attention(f'{theirs}.1', f'{ours}.attentions.{block}')
    if level < len(config.multipliers) - 1:
        yield f'input_blocks.{first + config.blocks}.0.op', (f'{ours}.downsamplers.0.conv',)


def _up(config: ConcatUNetConfig, level: int) -> Iterator[Pair]:
    """Yield the layers of a level on the way up, which counts from the coarsest."""
    up = len(config.multipliers) - 1 - level
    first, ours, attends = up * (config.blocks + 1), f'up_blocks.{up}', _attends(config, level)
    for block in range(config.blocks + 1):
        theirs = f'output_blocks.{first + block}'
        # What comes from the way down is joined on, so every block narrows what it gets.
        yield from _residual(f'{theirs}.0', f'{ours}.resnets.{block}', shortcut=True)
        if attends:
            yield from _attention(f'{theirs}.1', f'{ours}.attentions.{block}')
    if level > 0:
        last = f'output_blocks.{first + config.blocks}.{2 if attends else 1}'
        yield f'{last}.conv', (f'{ours}.upsamplers.0.conv',)


def _residual(theirs: str, ours: str, shortcut: bool = False) -> Iterator[Pair]:
    layers = {**RESIDUAL, 'skip_connection': 'conv_shortcut'} if shortcut else RESIDUAL
    for name, new in layers.items():
        yield f'{theirs}.{name}', (f'{ours}.{new}',)


def _attention(theirs: str, ours: str) -> Iterator[Pair]:
    for name, new in ATTENTION.items():
        yield f'{theirs}.{name}', tuple(f'{ours}.{part}' for part in new)


def _attends(config: ConcatUNetConfig, level: int) -> bool:
    return config.mask_size >> level == config.attention_size


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument('checkpoint', type=Path, metavar='CHECKPOINT',
                        help='.safetensors or .pt file of a state dict')
    parser.add_argument('--preset', default='sas', help='its sizes: name or .yaml file')
    parser.add_argument('--max-layers', type=int, required=True,
                        help="most layers of an image in the weights' training data, N_max")
    parser.add_argument('--min-area', type=int, required=True,
                        help='smallest object in them, pixels at the size of the masks, Area_min')
    parser.add_argument('--out', type=Path, required=True, help='.safetensors file to write')
    return parser


@command('sas_keys')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = _parser().parse_args(arguments)
    if given.max_layers < 1 or given.min_area < 1:
        raise ValueError('--max-layers and --min-area must be at least 1, got '
                         f'{given.max_layers} and {given.min_area}')
    check_target(given.out)
    preset = read_preset(given.preset)
    model = ConcatUNet(preset.network())
    model.load_state_dict(renamed(read_state(given.checkpoint), model.config,
                                  str(given.checkpoint)))
    rules = Rules(given.max_layers, given.min_area)
    save_checkpoint(given.out, model, preset.schedule, preset.mask_values,
                    {'source': given.checkpoint.name, 'rules': asdict(rules)})


if __name__ == '__main__':
    raise SystemExit(main())
