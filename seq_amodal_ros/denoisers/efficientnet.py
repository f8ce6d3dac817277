"""
EfficientNet-Lite0 without its classifier: the image encoder (Tan and Le 2019; Lite: Liu 2020).

Parameter names follow the published ImageNet weights, so these load without translation.
"""

import torch
from torch import nn, Tensor
from torch.nn import functional
from torch.nn.utils import fuse_conv_bn_eval

# repeats, kernel, stride, expansion, channels
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
          (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
TAPS = {4: 2, 8: 4, 16: 10, 32: 15}  # stride -> last block at it
CHANNELS = {4: 24, 8: 40, 16: 112, 32: 320}


class _SamePadConv(nn.Conv2d):
    """A convolution padded as TensorFlow pads: the odd pixel goes to the right and the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        pad = self.kernel_size[0] - self.stride[0]
        x = functional.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2))
        return super().forward(x)


def _conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1,
          groups: int = 1) -> nn.Conv2d:
    layer = _SamePadConv if stride > 1 else nn.Conv2d
    padding = 0 if stride > 1 else kernel // 2
    return layer(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[nn.Conv2d, nn.Identity]:
    return fuse_conv_bn_eval(conv, norm), nn.Identity()


class _Block(nn.Module):
    """Inverted bottleneck: expand, filter each channel, project; a shortcut where sizes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands = expansion > 1
        self.shortcut = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv, self._bn0 = _conv(inputs, wide), _norm(wide)
        self._depthwise_conv, self._bn1 = _conv(wide, wide, kernel, stride, wide), _norm(wide)
        self._project_conv, self._bn2 = _conv(wide, outputs), _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expands:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y

    def fold_norms(self) -> None:
        if self.expands:
            self._expand_conv, self._bn0 = _folded(self._expand_conv, self._bn0)
        self._depthwise_conv, self._bn1 = _folded(self._depthwise_conv, self._bn1)
        self._project_conv, self._bn2 = _folded(self._project_conv, self._bn2)


class EfficientNetLite0(nn.Module):
    """Image float [B, 3, H, W] in 0 to 1 -> features at strides 4, 8, 16 and 32 (see CHANNELS)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _conv(3, 32, 3, 2), _norm(32)
        blocks, inputs = [], 32
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for repeat in range(repeats):
                blocks.append(_Block(inputs, outputs, kernel, 1 if repeat else stride, expansion))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Return {stride: features [B, CHANNELS[stride], H / stride, W / stride]}."""
        x = functional.relu6(self._bn0(self._conv_stem(image * 2 - 1)))
        features = {}
        for index, block in enumerate(self._blocks):
            x = block(x)
            for stride, tap in TAPS.items():
                if index == tap:
                    features[stride] = x
        return features

    def train(self, mode: bool = True) -> 'EfficientNetLite0':
        """Learn or not; the norms' statistics stay: those of a small batch fit no single image."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def freeze_early(self) -> None:
        """Keep the filters up to stride 4 as they are: edges and colours, half of a step's time."""
        for part in (self._conv_stem, self._bn0, *self._blocks[:TAPS[4] + 1]):
            part.requires_grad_(False)

    def fold_norms(self) -> None:
        """Merge every norm into the filter before it: equal features, sooner; it learns no more."""
        self.eval()
        self._conv_stem, self._bn0 = _folded(self._conv_stem, self._bn0)
        for block in self._blocks:
            block.fold_norms()

    def load_imagenet(self, path: str) -> None:
        """Load published ImageNet weights (a .pth file of tensors); the classifier is left out."""
        state = torch.load(path, map_location='cpu', weights_only=True)
        own = self.state_dict()
        self.load_state_dict({name: state[name] for name in own})
