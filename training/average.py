r"""
Average two checkpoints: what one forgot while it learnt something new comes back in part.

    python -m training.average default runs/default/weights.safetensors --share 0.75 \
        --out both.safetensors

Weights of a run and of the one that it started from can be averaged (Wortsman et al., CVPR 2022,
"Robust fine-tuning of zero-shot models"). `--share` is the second's; choose it on scenes that are
for validation.
"""

from collections.abc import Sequence
from pathlib import Path

from seq_amodal_ros.checkpoint import check_target, Checkpoint, load_checkpoint, save_checkpoint
from training.commands import command, parser_of


def averaged(first: Checkpoint, second: Checkpoint, share: float) -> None:
    """
    Move the second's weights towards the first's, in place, until `share` of them is its own.

    It keeps the second's mask_size, on which no weight of encode_once depends. Raises ValueError
    for a share out of 0 to 1 and for networks or noise that differ.
    """
    if not 0 <= share <= 1:
        raise ValueError(f'a share must lie in 0 to 1, got {share}')
    for name in ('schedule', 'mask_values'):
        if getattr(first, name) != getattr(second, name):
            raise ValueError(f'{first.label} and {second.label} differ in {name}: their weights '
                             'cannot be averaged')
    mine, other = ({**checkpoint.model.config_dict(), 'mask_size': None}
                   for checkpoint in (first, second))
    if mine != other:
        raise ValueError(f'{first.label} and {second.label} differ in their sizes: their weights '
                         'cannot be averaged')
    olds, news = first.model.state_dict(), second.model.state_dict()
    if {name: value.shape for name, value in olds.items()} != \
            {name: value.shape for name, value in news.items()}:
        raise ValueError(f'{first.label} and {second.label} hold other weights, for their masks '
                         'differ in size: they cannot be averaged')
    for name, new in news.items():
        if new.is_floating_point():
            new.lerp_(olds[name], 1 - share)


@command('average')
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('checkpoints', nargs=2, metavar='WEIGHTS', help='names or paths')
    parser.add_argument('--share', type=float, default=0.5, help='of the second, 0 to 1')
    parser.add_argument('--out', type=Path, required=True)
    given = parser.parse_args(arguments)
    check_target(given.out)
    first, second = (load_checkpoint(path) for path in given.checkpoints)
    averaged(first, second, given.share)
    before = second.training.get('averaged', [])
    save_checkpoint(given.out, second.model, second.schedule, second.mask_values, {
        **second.training,
        'averaged': [*before, {'with': first.label, 'share': given.share}]},
        second.temperature, second.offset)
    print(given.out)


if __name__ == '__main__':
    raise SystemExit(main())
