r"""
Train the paper's system (Alg. 1) on a data set in amodal COCO, or on a protocol's scenes.

    python -m training.paper.train --preset paper --coco TRAIN/annotations.json --out runs/paper
    python -m training.paper.train --preset paper_16 --protocol fruit --cutouts fruit.npz \
        --out runs/paper16
    torchrun --nproc-per-node 8 -m training.paper.train ...      # data-parallel

`--layer N` trains the comparison without cumulative mask instead, one network a layer (DIS,
Sec. 5.5). A run that is stopped or killed at any moment goes on when started again with the same
`--out` and ends with the same weights, bit by bit, as if it had not been.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
import logging
import math
from pathlib import Path
import signal
import time

from PIL import Image
from seq_amodal_ros.denoisers.concat_unet import ConcatUNet
from seq_amodal_ros.denoisers.prediction import predictor
from seq_amodal_ros.devices import choose_device, computes_in_bfloat16, DeviceError
from seq_amodal_ros.diffusion.samplers import dpm
from seq_amodal_ros.diffusion.schedules import SCHEDULES
import torch
from torch import nn, Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from training.commands import add_cutouts, add_device, check_folder, parser_of
from training.paper.batches import Batch, cumulative_batch, layer_batch, scenes_for, SceneSource
from training.paper.config import PaperConfig, read_preset
from training.paper.objective import loss_of
from training.paper.processes import Processes
from training.paper.sources import open_source, Rules, rules_of
from training.runs import generator_of, Learner, left, Run, TrainingError

log = logging.getLogger('training')
SAVE_EVERY, DRAW_EVERY = 100, 500  # steps
DRAWN, DRAWN_STEPS = 8, 20  # samples of a picture, and sampling steps for it


class PaperRun(Run):
    """A run of the paper's network, by one or several processes."""

    def __init__(self, folder: Path, config: PaperConfig, layer: int | None, data: Sequence[str],
                 processes: Processes) -> None:
        """
        Resume the run that `folder` holds, or begin one; `data` names its scenes.

        Raises ValueError as `Run`.
        """
        self.config, self.layer, self.data, self.processes = config, layer, list(data), processes
        super().__init__(folder, config, locks=processes.leads)

    def begin(self, anew: bool) -> None:
        """Make the network."""
        config, processes = self.config, self.processes
        model = ConcatUNet(config.network()).to(processes.device)
        self.learner = Learner(model, torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay),
            config.ema)
        fast = config.precision == 'bfloat16' and not processes.anywhere(
            not computes_in_bfloat16(processes.device))
        self.precision = 'bfloat16' if fast else 'float32'
        self.identity = {'layer': self.layer, 'data': self.data, **asdict(config)}
        del self.identity['steps']  # a run may be made longer


def batch_of(run: PaperRun, source: SceneSource, step: int) -> tuple[Batch, torch.Generator]:
    """Return a step's samples for this process, and the generator of their noise."""
    config, processes = run.config, run.processes
    count = config.batch // processes.count
    first = (step * processes.count + processes.rank) * scenes_for(count, run.layer)
    drawn = generator_of(config.seed, step, processes.rank, 'cpu')
    if run.layer is None:
        batch = cumulative_batch(source, first, count, config.mask_size, config.cumulative_noise,
                                 drawn)
    else:
        batch = layer_batch(source, first, count, config.mask_size, run.layer)
    return batch, generator_of(config.seed, step, processes.rank, processes.device.type)


def train(run: PaperRun, source: SceneSource, minutes: float, facts: dict) -> None:
    """Walk the remaining steps, at most `minutes` of them."""
    config, processes = run.config, run.processes
    alpha_bar = SCHEDULES[config.schedule]().to(processes.device)
    network = processes.parallel(run.learner.model)
    writer = SummaryWriter(str(run.folder)) if processes.leads else None
    began, before = time.monotonic(), run.seconds
    bar = tqdm(total=config.steps, initial=run.step, unit='step', mininterval=5,
               disable=not processes.leads)
    try:
        while run.step < config.steps and not processes.anywhere(
                time.monotonic() - began > 60 * minutes):
            loss = advance(run, network, source, alpha_bar)
            run.seconds = before + time.monotonic() - began
            bar.update()
            if writer is not None and run.step % 20 == 0:
                writer.add_scalar('loss', loss, run.step)
                bar.set_postfix(loss=f'{loss:.4f}')
            if writer is not None and run.step % DRAW_EVERY == 0:
                draw(run, source, alpha_bar, writer)
            if writer is not None and run.step % SAVE_EVERY == 0:
                run.save(facts)
    finally:
        bar.close()
        if writer is not None:
            writer.close()
    if processes.leads:
        run.save(facts)


def advance(run: PaperRun, network: nn.Module, source: SceneSource, alpha_bar: Tensor) -> float:
    """Take one step; return its loss; raises TrainingError, naming the batch, unless finite."""
    config, processes = run.config, run.processes
    run.learner.model.train()
    batch, generator = batch_of(run, source, run.step)
    for group in run.learner.optimiser.param_groups:
        group['lr'] = config.learning_rate * min(1.0, (run.step + 1) / (config.warmup + 1))
    with torch.autocast(processes.device.type, torch.bfloat16,
                        enabled=run.precision == 'bfloat16'):
        loss = loss_of(network, batch, alpha_bar, config, generator)
    if processes.anywhere(not math.isfinite(loss.item())):
        last = source.next
        first = last - scenes_for(len(batch.target), run.layer)
        raise TrainingError(
            f'{run.folder}: loss {loss.item()} at step {run.step + 1}, process {processes.rank}, '
            f'scenes {first} to {last - 1} of seed {config.seed}; the last saved state is kept: '
            'lower learning_rate or take precision float32, in another --out')
    run.learner.learn(loss)
    return loss.item()


@torch.no_grad()
def draw(run: PaperRun, source: SceneSource, alpha_bar: Tensor, writer: SummaryWriter) -> None:
    """Draw image, cumulative mask, true and sampled mask of the first step's samples."""
    batch, generator = batch_of(run, source, 0)
    image, cumulative, target = (part[:DRAWN] for part in (batch.image, batch.cumulative,
                                                           batch.target))
    average = run.learner.average
    predict = predictor(average, average.encode(image), cumulative, alpha_bar,
                        run.config.mask_values)
    noise = torch.randn(target.shape, generator=generator, device=target.device)
    low, high = run.config.mask_values
    sampled = (dpm(predict, noise, alpha_bar, DRAWN_STEPS) - low) / (high - low)
    rows = [image, *(mask.expand_as(image) for mask in (cumulative, target, sampled))]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).clamp(0, 1)
    writer.add_image('samples', sheet, run.step)
    folder = run.folder / 'samples'
    folder.mkdir(exist_ok=True)
    pixels = (sheet.permute(1, 2, 0) * 255).byte().cpu().numpy()
    Image.fromarray(pixels).save(folder / f'step_{run.step:06d}.png')


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument('--preset', default='paper', help='name or path of a .yaml file')
    parser.add_argument('--out', type=Path, required=True, help='folder, made or resumed')
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument('--coco', type=Path, nargs='+', default=[], metavar='JSON',
                      help='data sets in amodal COCO')
    data.add_argument('--protocol', default='', help='compose scenes of this protocol instead')
    add_cutouts(parser, 'what --protocol composes from')
    parser.add_argument('--layer', type=int, help='train DIS for this layer')
    parser.add_argument('--steps', type=int, help="instead of the preset's")
    parser.add_argument('--cumulative-noise', type=float, metavar='SHARE',
                        help="instead of the preset's (Sec. 5.4)")
    parser.add_argument('--minutes', type=float, default=math.inf,
                        help='stop after so long, when the step in work is done')
    add_device(parser)
    return parser


def _prepared(given: argparse.Namespace, processes: Processes,
              ) -> tuple[PaperRun, SceneSource, Rules]:
    config = read_preset(given.preset)
    if given.steps is not None:
        config = replace(config, steps=given.steps)
    if given.cumulative_noise is not None:
        config = replace(config, cumulative_noise=given.cumulative_noise)
    if given.layer is not None:
        if given.layer < 1:
            raise ValueError(f'--layer counts from 1, got {given.layer}')
        config = replace(config, cumulative=False)
    if config.batch % processes.count:
        raise ValueError(f'a batch of {config.batch} cannot be shared out evenly among '
                         f'{processes.count} processes; change batch, or their number')
    source = open_source(given.coco, given.protocol, given.cutouts, config.mask_size, config.seed,
                         str(processes.device))
    rules = rules_of(source, config.mask_size)
    if given.layer is not None and given.layer > rules.max_layers:
        raise ValueError(f'--layer {given.layer}: the scenes have {rules.max_layers} layers')
    check_folder(given.out)
    data = [str(path) for path in given.coco] or [given.protocol, *map(str, given.cutouts)]
    return PaperRun(given.out, config, given.layer, data, processes), source, rules


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        device = str(choose_device(given.device))
    except DeviceError as error:
        log.error('%s', error)
        return 2
    with Processes(device) as processes:
        try:
            run, source, rules = _prepared(given, processes)
        except (ValueError, OSError) as error:
            log.error('%s', error)
            return 2
        facts = {'config': asdict(run.config), 'layer': given.layer, 'rules': asdict(rules),
                 'data': run.identity['data'],
                 'device': str(processes.device), 'processes': processes.count}
        try:
            train(run, source, given.minutes, facts)
            if run.step < run.config.steps:
                log.info('--minutes are over: %s', left(run.step, run.config.steps))
        except (TrainingError, OSError) as error:
            log.error('%s', error)
            return 1
        except KeyboardInterrupt:
            log.info('stopped at step %d; the same command goes on from the last saved state',
                     run.step)
            return 128 + signal.SIGINT
        finally:
            run.close()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
