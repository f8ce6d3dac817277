"""
The compositor: batches of scenes by tensor operations, with exact masks and layers, on any device.

Objects are cutouts, warped and lit, stacked on a background from back to front. Amodal masks,
Eq. 1-2 layers and Alg. 1's blank step N + 1 follow exactly from the stack. What draws objects looks
only at pixels that they may touch, and nothing at one scene at a time.
"""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
import math
from typing import NamedTuple

from seq_amodal_ros.scene import area_at
import torch
from torch import Tensor
from training.cutouts import Cutouts
from training.engine.atlas import Atlas
from training.engine.backgrounds import backgrounds, PHOTOGRAPH
from training.engine.camera import developed
from training.engine.painting import painted
from training.engine.protocols import GROUPS, LEAST_SIZE, Protocol
from training.engine.randomness import SceneRandom
from training.engine.scenes import clear_layers, joined, MIN_OVERLAP, MIN_VISIBLE, Scenes
from training.engine.surfaces import camouflaged, chosen, light, roughen, tint
from training.engine.warps import draw_poses, Pixels, pixels_of, Poses

MARGIN = 0.15  # a soft rim reaches so far beyond object or shadow, share of the object's size
RIM = 1.1  # where a picture ends on an object, -1 to 1, with the last texel's way to nothing
AGAIN = 1 << 40  # a scene that shows too few objects gives way to the one so many further on,
TRIES = 15  # so often; then it is left: cutouts that nobody can see give no more
CHUNK = 1 << 22  # pixels of masks that are made at once on a CPU: more leaves its caches


class Stack(NamedTuple):
    """
    The objects of a batch of scenes, front to back, before any pixel of them is looked at.

    there     bool [B, N]
    poses     where they lie
    pictures  int64 [B * N], what they show, in the atlas
    level     int64 [B * N], the atlas's level that is as fine as the image
    dark      float [B * N], 0 to 1, of their shadows
    move      float [B, N, 2], from object to shadow, image coordinates
    """

    there: Tensor
    poses: Poses
    pictures: Tensor
    level: Tensor
    dark: Tensor
    move: Tensor


class Compositor:
    """Draws scenes without end from sources of cutouts; scene i of a seed is always the same."""

    def __init__(self, sources: Sequence[Cutouts], weights: Sequence[float], protocol: Protocol,
                 side: int = 128, device: str = 'cpu', seed: int = 0, first: int = 0,
                 photographs: Tensor | None = None, zoom: tuple[float, float] = (1, 1)) -> None:
        """
        Mix `sources` by `weights` into scenes of `side` pixels a side, counted from `first`.

        Photographs, uint8 [n, 3, h, w], are one more kind of background. Each scene is seen from
        farther or nearer, so that its objects are `zoom` times as large, least to most.
        Raises ValueError for empty sources, weights that do not match them or are all 0, and a
        protocol on photographs where none are given.
        """
        if not sources or len(weights) != len(sources) or not all(len(s) for s in sources):
            raise ValueError(f'{len(sources)} sources of {[len(s) for s in sources]} cutouts do '
                             f'not go with weights {list(weights)}; none may be empty')
        if not sum(weights) > 0:
            raise ValueError(f'protocol {protocol.name}: no source has a weight above 0; lower '
                             'procedural_share, or let it draw objects (procedural)')
        if PHOTOGRAPH in protocol.backgrounds and photographs is None:
            raise ValueError(f'protocol {protocol.name}: backgrounds: photograph needs some; give '
                             '--backgrounds a folder of them')
        self.protocol, self.side, self.device = protocol, side, torch.device(device)
        self.seed, self.next, self.zoom = seed, first, zoom
        self.photographs = None if photographs is None else photographs.to(self.device)
        ordered = [source.sorted() for source in sources]
        self.atlas = Atlas(ordered, self.device)
        self.weights = torch.tensor(weights, dtype=torch.float32, device=device)
        self._ranges = {
            'source': _ranges(ordered, lambda source, i: source.name, device),
            'class': _ranges(ordered, lambda source, i: source.classes[i], device),
            'object': _ranges(ordered, lambda source, i: (source.classes[i], source.varieties[i]),
                              device)}
        counts = torch.tensor([len(source) for source in ordered], device=device)
        self._starts, self._counts = counts.cumsum(0) - counts, counts

    def scenes(self, batch: int) -> Scenes:
        """Compose the next `batch` scenes."""
        numbers = torch.arange(self.next, self.next + batch, device=self.device)
        self.next += batch
        return self._settled(numbers)[0]

    def scene(self, number: int, there: Tensor | None = None) -> Scenes:
        """
        Return scene `number` again; if given, of its objects only those `there`, bool [N].

        An object that is left out changes nothing else, but a ground that is camouflaged. What lay
        beneath it may come to light.
        """
        scenes, numbers = self._settled(torch.tensor([number], device=self.device))
        return scenes if there is None else self._compose(numbers, there)

    def _chunk(self) -> int:
        pixels = self.protocol.objects[1] * self.side ** 2
        return max(1, CHUNK // pixels) if self.device.type == 'cpu' else 1 << 20

    def _settled(self, numbers: Tensor) -> tuple[Scenes, Tensor]:
        """
        Compose scenes that show as many objects as the protocol says at least.

        Where too few can be labelled, a scene far on stands in; its number is returned.
        """
        scenes = self._composed(numbers)
        for _ in range(TRIES):
            shown = (scenes.layers > 0).sum(dim=1)
            lacking = torch.nonzero(shown < self.protocol.objects[0])[:, 0]
            if not len(lacking):
                break
            numbers = numbers.index_add(0, lacking, torch.full_like(lacking, AGAIN))
            scenes.replace(lacking, self._composed(numbers[lacking]))
        return scenes, numbers

    def _composed(self, numbers: Tensor) -> Scenes:
        """Compose scenes; on a CPU in parts that stay in its caches."""
        parts, workers = numbers.split(self._chunk()), torch.get_num_threads()
        if self.device.type != 'cpu' or workers == 1 or len(parts) == 1:
            return joined([self._compose(part) for part in parts])
        # A part a core: shared among the cores each of these many small operations would wait.
        try:
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads,
                                    initargs=(1,)) as pool:
                return joined(list(pool.map(self._compose, parts)))
        finally:
            torch.set_num_threads(workers)  # threads to come would follow the last one's setting

    def _compose(self, numbers: Tensor, there: Tensor | None = None) -> Scenes:
        draw = SceneRandom(self.seed, numbers)
        stack = self._stack(draw, there)
        points, rgba, masks, layers = self._cleared(stack)
        shadow = self._shadows(stack, points)
        kept = torch.nonzero((rgba[3] > 0) | (shadow > 0))[:, 0]
        points, rgba, shadow = points.select(kept), chosen(rgba, kept), shadow[kept]
        light(draw, points, stack.poses, rgba)
        tint(draw, points, rgba, self.protocol)
        roughen(draw, points, rgba, self.protocol, self.side)
        canvas = backgrounds(self.side, draw, self.protocol.backgrounds, self.photographs)
        canvas = camouflaged(draw, canvas, points, rgba, self.protocol)
        image = painted(canvas, points, rgba, shadow, self.protocol.objects[1])
        return Scenes(developed(image, draw), masks, layers)

    def _stack(self, draw: SceneRandom, there: Tensor | None) -> Stack:
        """Return objects from front to back, as many as drawn or those `there`, bool [N]."""
        most = self.protocol.objects[1]
        pictures = self._pictures(draw).flatten()
        poses = self._poses(draw)
        dark = draw.uniform((1,), 0, self.protocol.shadow).expand_as(poses.size).flatten()
        move = 0.12 * draw.normal((1, 2)).clamp(-1.5, 1.5) * poses.size[..., None]
        count = draw.integers((1,), self.protocol.objects[0], most + 1)
        there = (torch.arange(most, device=self.device) < count) if there is None \
            else there.expand(poses.size.shape)
        level = self.atlas.level_of(poses.size * self.side).flatten()
        return Stack(there, poses, pictures, level, dark, move)

    def _cleared(self, stack: Stack) -> tuple[Pixels, Tensor, Tensor, Tensor]:
        """
        Return a stack's pixels, what they show, masks and layers, of objects that can be labelled.

        Pixels hold the way to an object's shadow, too. What they show is float [4, n], colour times
        alpha, and alpha; masks bool [B, N, side, side]; layers int64 [B, N], 0 where none is left.
        """
        (batch, most), side = stack.there.shape, self.side
        boxes = stack.poses.boxes(side, MARGIN, stack.move) * stack.there[..., None]
        points = pixels_of(*stack.poses.rows(boxes, side, RIM, stack.move))
        u, v = stack.poses.on_object(points.item, points.x, points.y)
        rgba = self.atlas.read(stack.pictures, stack.level, points.item, u, v)
        masks = torch.zeros((batch * most, side ** 2), dtype=torch.bool, device=self.device)
        number = torch.arange(batch * most, device=self.device)
        before = (number - number // most) * side ** 2  # a scene has one picture, but many masks
        place = points.pixel + before.index_select(0, points.item)
        masks.flatten().index_copy_(0, place, rgba[3] >= 0.5)
        layers = clear_layers(masks.reshape(batch, most, side, side),
                              area_at(MIN_VISIBLE, side, side), area_at(MIN_OVERLAP, side, side))
        clear = layers.flatten() > 0
        masks.index_fill_(0, torch.nonzero(~clear)[:, 0], False)
        kept = torch.nonzero(clear.index_select(0, points.item))[:, 0]
        return (points.select(kept), chosen(rgba, kept), masks.reshape(batch, most, side, side),
                layers)

    def _pictures(self, draw: SceneRandom) -> Tensor:
        """Return which picture each object shows, int64 [B, N], by the protocol's groups."""
        most = self.protocol.objects[1]
        groups = torch.tensor([self.protocol.groups.get(name, 0.0) for name in GROUPS],
                              device=self.device)
        group = draw.choices((1,), groups)
        anchor = self._any(draw, 1)
        source = self._any(draw, most)
        start, count = self._ranges['source'][source].unbind(-1)
        for number, name in enumerate(GROUPS[1:], start=1):
            first, size = self._ranges[name][anchor].unbind(-1)
            start = torch.where(group == number, first, start)
            count = torch.where(group == number, size, count)
        return start + (draw.uniform((most,)) * count).long().clamp(max=count - 1)

    def _any(self, draw: SceneRandom, count: int) -> Tensor:
        """Return pictures of sources drawn by their weight, int64 [B, count]."""
        source = draw.choices((count,), self.weights)
        size = self._counts[source]
        return self._starts[source] + (draw.uniform((count,)) * size).long().clamp(max=size - 1)

    def _poses(self, draw: SceneRandom) -> Poses:
        """Return sizes and places by the protocol, and random poses there."""
        given, most = self.protocol, self.protocol.objects[1]
        low, high = given.size
        size = torch.exp(draw.uniform((1,), math.log(low), math.log(high)) +
                         given.size_spread * draw.normal((most,)))
        spread = draw.uniform((1, 1), *given.crowding)
        middle = draw.uniform((1, 2), -0.3, 0.3)
        place = middle + spread * draw.normal((most, 2)).clamp(-1.8, 1.8)
        size, place = size.clamp(LEAST_SIZE, max(0.7, high)), place.clamp(-0.95, 0.95)
        if self.zoom != (1, 1):  # else nothing is drawn: scenes stay those of their seed
            zoom = torch.exp(draw.uniform((1,), *map(math.log, self.zoom)))
            size, place = size * zoom, place * zoom[..., None]
        return draw_poses(draw, size, place)

    def _shadows(self, stack: Stack, points: Pixels) -> Tensor:
        """Return how dark each point's own object makes what lies beneath it, float [n]."""
        right, down = (part.index_select(0, points.item)
                       for part in stack.move.flatten(0, 1).T.contiguous())
        u, v = stack.poses.on_object(points.item, points.x - right, points.y - down)
        alpha = self.atlas.read_alpha(stack.pictures, self.atlas.soft(stack.level), points.item,
                                      u, v)
        return alpha * stack.dark.index_select(0, points.item)


def _ranges(sources: Sequence[Cutouts], name_of: Callable[[Cutouts, int], Hashable],
            device: str) -> Tensor:
    """Return for each picture where those of the same name stand: int64 [n, 2], start, count."""
    names = [(number, name_of(source, i)) for number, source in enumerate(sources)
             for i in range(len(source))]
    spans: dict[tuple[int, Hashable], list[int]] = {}
    for i, name in enumerate(names):
        spans.setdefault(name, [i, 0])[1] += 1
    return torch.tensor([spans[name] for name in names], device=device)
