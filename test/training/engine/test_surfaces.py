"""What surfaces look like: finer detail than pictures hold, grounds of the objects' colour."""

from dataclasses import replace

import torch
from training.cutouts import Cutouts, SIDE
from training.engine.compositor import Compositor
from training.engine.protocols import read_protocol


def plain(colour, **settings):
    """Return a compositor of close-ups of a disc of one colour."""
    axis = torch.linspace(-1, 1, SIDE)
    disc = (axis[:, None] ** 2 + axis ** 2 < 1).to(torch.uint8) * 255
    rgba = torch.cat([torch.tensor(colour, dtype=torch.uint8)[:, None, None] * (disc > 0),
                      disc[None]])[None]
    protocol = replace(read_protocol('close'), alike=0.0, **settings)
    return Compositor([Cutouts('disc', rgba, ('disc',), ('disc',))], [1.0], protocol, 64)


def test_detail_roughens_objects_and_moves_no_mask():
    smooth, rough = (plain((120, 120, 120), detail=share, camouflage=0.0).scenes(16)
                     for share in (0.0, 1.0))
    assert torch.equal(smooth.masks, rough.masks)

    def roughness_of(scenes):
        step = (scenes.image[..., 1:] - scenes.image[..., :-1]).abs().mean(dim=1)
        inside = scenes.masks.any(dim=1)
        return step[inside[..., 1:] & inside[..., :-1]].mean()
    assert roughness_of(rough) > 1.3 * roughness_of(smooth)


def test_a_camouflaged_ground_has_the_colour_of_what_lies_on_it():
    def contrast(share):
        scenes = plain((200, 40, 40), detail=0.0, camouflage=share).scenes(16)
        inside = scenes.masks.any(dim=1)[:, None]
        mean = [(scenes.image * part).sum(dim=(2, 3)) / part.sum(dim=(2, 3)).clamp(min=1)
                for part in (inside, ~inside)]
        return (mean[0] - mean[1]).abs().mean()
    assert contrast(1.0) < 0.5 * contrast(0.0)
