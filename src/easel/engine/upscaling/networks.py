"""The two super-resolution networks. Names of layers are those of Real-ESRGAN's files."""

from typing import Final

import torch
from torch import nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from easel.engine.upscaling.layout import COLOURS, Compact, Residual

LEAK: Final = 0.2
"""Of the leaky ReLUs."""
SHARE: Final = 0.2
"""How much of what a residual block finds is added to what it was given."""
MOST: Final = 4
"""Times that an RRDBNet enlarges what it convolves."""


class RRDBNet(nn.Module):
    """ESRGAN's generator (arXiv:1809.00219, section 3.1)."""

    def __init__(self, made_of: Residual) -> None:
        super().__init__()
        self._fold = MOST // made_of.factor
        features = made_of.features
        self.conv_first = _conv(COLOURS * self._fold**2, features)
        self.body = nn.Sequential(*(_ResidualInResidual(features, made_of.growth) for _ in range(made_of.blocks)))
        self.conv_body = _conv(features, features)
        self.conv_up1 = _conv(features, features)
        self.conv_up2 = _conv(features, features)
        self.conv_hr = _conv(features, features)
        self.conv_last = _conv(features, COLOURS)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """1 x 3 x h x w, from 0 to 1 -> the same, enlarged. Sides must be multiples of what is folded."""
        first = self.conv_first(pixel_unshuffle(picture, self._fold))
        found = first + self.conv_body(self.body(first))
        for enlarge in (self.conv_up1, self.conv_up2):
            found = _leaky(enlarge(interpolate(found, scale_factor=2, mode="nearest")))
        return self.conv_last(_leaky(self.conv_hr(found)))


class _ResidualInResidual(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _Dense(features, growth)
        self.rdb2 = _Dense(features, growth)
        self.rdb3 = _Dense(features, growth)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given + SHARE * self.rdb3(self.rdb2(self.rdb1(given)))


class _Dense(nn.Module):
    """Five convolutions, each of which sees what all before it found."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _conv(features, growth)
        self.conv2 = _conv(features + growth, growth)
        self.conv3 = _conv(features + 2 * growth, growth)
        self.conv4 = _conv(features + 3 * growth, growth)
        self.conv5 = _conv(features + 4 * growth, features)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        seen = given
        for convolve in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, _leaky(convolve(seen))], dim=1)
        return given + SHARE * self.conv5(seen)


class CompactNet(nn.Module):
    """Real-ESRGAN's small network: it finds what the nearest pixels lack."""

    def __init__(self, made_of: Compact) -> None:
        super().__init__()
        self._factor = made_of.factor
        layers: list[nn.Module] = [_conv(COLOURS, made_of.features), nn.PReLU(made_of.features)]
        for _ in range(made_of.convolutions):
            layers += [_conv(made_of.features, made_of.features), nn.PReLU(made_of.features)]
        self.body = nn.Sequential(*layers, _conv(made_of.features, COLOURS * made_of.factor**2))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """1 x 3 x h x w, from 0 to 1 -> the same, enlarged."""
        nearest = interpolate(picture, scale_factor=self._factor, mode="nearest")
        return nearest + pixel_shuffle(self.body(picture), self._factor)


def network_of(made_of: Residual | Compact) -> nn.Module:
    return RRDBNet(made_of) if isinstance(made_of, Residual) else CompactNet(made_of)


def _conv(channels: int, features: int) -> nn.Conv2d:
    return nn.Conv2d(channels, features, 3, padding=1)


def _leaky(given: torch.Tensor) -> torch.Tensor:
    return nn.functional.leaky_relu(given, LEAK)
