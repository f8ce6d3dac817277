"""What the encode-once denoiser learns by: Alg. 1's samples and their losses."""

from seq_amodal_ros.denoisers.encode_once import EncodeOnceDenoiser, Pyramid
from seq_amodal_ros.diffusion.schedules import add_noise
import torch
from torch import Tensor
from torch.nn import functional
from training.config import TrainConfig
from training.engine.scenes import Scenes

OWN_LAYERS = 3
SLACK = 0.005  # share of the picture that two masks may differ by and still overlap well


def layer_losses(model: EncodeOnceDenoiser, scenes: Scenes, alpha_bar: Tensor,
                 config: TrainConfig, generator: torch.Generator) -> dict[str, Tensor]:
    """
    Return Alg. 1's losses over every layer of every scene and the blank step behind them.

    The masks' loss is of the clean mask, the paper's of the noise: see mask_loss. A share of the
    samples is pure noise, where sampling starts, and at one step ends; of the others' times late
    ones are drawn more often. A share of the cumulative masks grew by the model's own next layer,
    and that share of these by one more, up to OWN_LAYERS, as at inference; their target is the one
    that belongs to them. Seams are learnt on the estimate of the mask of a share of the samples,
    inside of the objects alone. Only what config.learns names is returned.
    """
    scene, target, covered = scenes.samples(model.mask_size)
    image = scenes.image.contiguous(memory_format=torch.channels_last)
    pyramid = taken(model.encode(image), scene)
    own = _chance(target, config.own_cumulative, generator)
    _grow(model, pyramid, covered, own, config.own_cumulative, generator)
    with torch.autocast(target.device.type, enabled=False):  # it counts pixels, which bf16 cannot
        target[own] = scenes.targets(scene[own], covered[own])
        seams, inside = scenes.seams(scene, covered)
    time_index, starts = _times(target, len(alpha_bar), config.from_noise, generator)
    noise = torch.randn(target.shape, generator=generator, device=target.device)
    x_t = add_noise((target * 2 - 1) * config.signal_scale, noise, alpha_bar[time_index])
    t = (time_index + 1) / len(alpha_bar)
    # Nothing was estimated yet where sampling starts.
    conditioned = _chance(target, config.self_conditioning, generator) & ~starts
    previous = _earlier(model, pyramid, covered, x_t, t, conditioned)
    logit = model.denoise(pyramid, covered, x_t, t, previous).float()
    losses = {'masks': mask_loss(logit, target, inside * (1 - covered), config)}
    if 'seams' in config.learns:
        count = max(1, round(config.seams_share * len(scene)))
        rows = torch.randperm(len(scene), generator=generator, device=target.device)[:count]
        guess = model.seams(taken(pyramid, rows), covered[rows],
                            logit[rows].detach().sigmoid()).float()
        losses['seams'] = functional.binary_cross_entropy_with_logits(guess, seams[rows],
                                                                      inside[rows])
    return {name: losses[name] for name in config.learns}


def _chance(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return bool [n], True for about that share of the n entries of a batch."""
    return torch.rand(len(batch), generator=generator, device=batch.device) < share


def _grow(model: EncodeOnceDenoiser, pyramid: Pyramid, covered: Tensor, own: Tensor,
          share: float, generator: torch.Generator) -> None:
    """Let cumulative masks [n, 1, S, S] grow in place: `own` ones by a layer, a share by more."""
    growing = torch.nonzero(own)[:, 0]
    for _ in range(OWN_LAYERS):
        if not len(growing):
            break
        covered[growing] = advanced(model, taken(pyramid, growing), covered[growing], generator)
        growing = growing[_chance(growing, share, generator)]


def _times(batch: Tensor, total: int, from_noise: float, generator: torch.Generator,
           ) -> tuple[Tensor, Tensor]:
    """Return a time of each entry, int64 [n] below `total`, and which are noise alone, bool [n]."""
    draw = torch.rand(len(batch), generator=generator, device=batch.device)
    index = ((1 - draw ** 2) * total).long().clamp(max=total - 1)
    starts = _chance(batch, from_noise, generator)
    index[starts] = total - 1
    return index, starts


@torch.no_grad()
def _earlier(model: EncodeOnceDenoiser, pyramid: Pyramid, covered: Tensor, x_t: Tensor, t: Tensor,
             conditioned: Tensor) -> Tensor:
    """Return an earlier estimate of the conditioned entries, -1 to 1, [n, 1, S, S]; else 0."""
    previous = torch.zeros_like(covered)
    rows = torch.nonzero(conditioned)[:, 0]
    if len(rows):
        logit = model.denoise(taken(pyramid, rows), covered[rows], x_t[rows], t[rows],
                              previous[rows])
        previous[rows] = logit.float().sigmoid() * 2 - 1
    return previous


def taken(pyramid: Pyramid, rows: Tensor) -> Pyramid:
    """
    Return those rows, int64 [n], of every level.

    By index_select, whose gradient a CPU adds up in a fixed order: by [] several threads add as
    they come, and no run ends like another.
    """
    fine, middle, coarse = (level.index_select(0, rows) for level in pyramid)
    return fine, middle, coarse


def mask_loss(logit: Tensor, target: Tensor, visible: Tensor, config: TrainConfig) -> Tensor:
    """
    Return the mean loss of masks, logits and truths [n, 1, S, S].

    Sigmoid cross-entropy, which counts more where objects that are open yet are `visible`, 0 or 1
    [n, 1, S, S]: what a layer claims there wrongly is lost to the layer that it belongs to. Beside
    it what the overlap lacks, which counts a small deep layer as much as a large one.
    """
    weight = 1 + config.visible_weight * visible
    entropy = functional.binary_cross_entropy_with_logits(logit, target, weight)
    return entropy + config.overlap_weight * (1 - soft_iou(logit.sigmoid(), target)).mean()


def soft_iou(probability: Tensor, target: Tensor) -> Tensor:
    """
    Return intersection over union of masks [n, 1, S, S] in 0 to 1, [n]; of two blank ones 1.

    Both areas count SLACK of the picture more, so that blanks have a slope too.
    """
    both = (probability * target).sum(dim=(1, 2, 3))
    union = (probability + target).sum(dim=(1, 2, 3)) - both
    slack = SLACK * target[0].numel()
    return (both + slack) / (union + slack)


@torch.no_grad()
def advanced(model: EncodeOnceDenoiser, pyramid: Pyramid, covered: Tensor,
             generator: torch.Generator) -> Tensor:
    """Return cumulative masks grown by the model's own next layer, mistakes and all."""
    noise = torch.randn(covered.shape, generator=generator, device=covered.device)
    logit = model.denoise(pyramid, covered, noise, torch.ones_like(noise[:, 0, 0, 0]),
                          torch.zeros_like(noise))
    return torch.maximum(covered, (logit > 0).float())
