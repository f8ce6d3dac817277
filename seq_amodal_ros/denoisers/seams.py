"""
Where objects of a layer touch each other, so that two that touch are not taken for one.

A layer's amodal mask says which pixels are objects, not which belong together. This network sees
the image's features, the cumulative mask and the layer's mask, and marks the seams. Called with
each layer: which of its objects are kept, and so cover what follows, hangs on them (parts.py).
"""

from seq_amodal_ros.denoisers.blocks import Halving, Norm, patches, ResidualBlock, upsample
import torch
from torch import nn, Tensor


class SeamNet(nn.Module):
    """Two levels of a U-Net over the finer two levels of the pyramid."""

    def __init__(self, fine: int, middle: int, patch: int) -> None:
        """Build it for pyramid levels of `fine` and `middle` channels, masks in cells of patch."""
        super().__init__()
        self.patch = patch
        self.stem = nn.Conv2d(2 * patch ** 2, fine, 3, padding=1)
        self.fine_in = ResidualBlock(fine)
        self.to_middle = Halving(fine, middle)
        self.middle = nn.Sequential(ResidualBlock(middle), ResidualBlock(middle))
        self.from_middle = nn.Conv2d(middle, fine, 1)
        self.fine_out = ResidualBlock(fine)
        self.head = nn.Sequential(Norm(fine), nn.SiLU(),
                                  nn.Conv2d(fine, patch ** 2, 3, padding=1))
        nn.init.zeros_(self.head[-1].weight)  # no seams until they are learnt
        nn.init.constant_(self.head[-1].bias, -4)

    def forward(self, pyramid: tuple[Tensor, ...], cumulative: Tensor, mask: Tensor) -> Tensor:
        """
        Return the logit of a seam at each pixel, [B, 1, H, W].

        cumulative mask 0 or 1 and the layer's mask or its probability, 0 to 1, [B, 1, H, W].
        """
        cells = patches([mask * 2 - 1, cumulative * 2 - 1], self.patch)
        fine = self.fine_in(self.stem(cells) + pyramid[0])
        middle = self.middle(self.to_middle(fine) + pyramid[1])
        fine = self.fine_out(fine + upsample(self.from_middle(middle)))
        return torch.pixel_shuffle(self.head(fine), self.patch)
