"""Images that are nearly empty: convolutions on the pixels that hold charge, and their plain twins on all.

Only pixels with charge are computed and only they count where channels are normalised, as in submanifold sparse
networks (arXiv:1706.01307; of liquid argon arXiv:1903.05663). A twin does the same on whole images with a mask:
other devices, exported programs and second derivatives take it.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.layers import BatchNorm

__all__ = ["Images", "Layer", "Sites", "Whole"]


class Images(Protocol):
    """N images of some side, of which some pixels are active, with channels ``x``."""

    @property
    def x(self) -> Tensor:
        """As each class has them."""

    def convolved(self, weight: Tensor) -> Images:
        """Convolved with ``weight`` (W, C, 3, 3) where they are active."""

    def halved(self, weight: Tensor) -> Images:
        """Of half the side, each pixel from four with ``weight`` (W, C, 2, 2); active where one of them was."""

    def normalised(self, norm: BatchNorm) -> Images:
        """With the statistics of active pixels."""

    def rectified(self, before: Images | None = None) -> Images:
        """With ReLU, after ``before`` was added."""

    def pooled(self) -> Tensor:
        """(N, 2 C) sums, divided by the side, and maxima, at least 0, of each image."""


class Layer(nn.Module):
    """A convolution without bias, batch norm of active pixels, ReLU. ``size`` 3 keeps the side, 2 halves it.

    A ``residual`` one adds what comes in.
    """

    def __init__(self, n_in: int, n_out: int, size: int, residual: bool = False) -> None:
        super().__init__()
        spread = math.sqrt(2 / (n_in * size**2))
        self.weight = nn.Parameter(spread * torch.randn(n_out, n_in, size, size))
        self.norm, self.residual = BatchNorm(n_out), residual

    def forward(self, x: Images) -> Images:
        """Images of other channels."""
        y = x.convolved(self.weight) if self.weight.shape[-1] == 3 else x.halved(self.weight)
        return y.normalised(self.norm).rectified(x if self.residual else None)


class Sites:
    """Active pixels ``x`` (n, C) alone, at ``place`` (n,), rising: images, rows and columns of ``side`` in one."""

    def __init__(self, x: Tensor, place: Tensor, n_images: int, side: int) -> None:
        self.x: Tensor = x
        self.place, self.n_images, self.side = place, n_images, side
        self._around: Tensor | None = None

    @classmethod
    def of(cls, charge: Tensor) -> Sites:
        """Pixels of ``charge`` (N, S, S) that are not zero: the charge, and 1."""
        place = charge.flatten().nonzero().squeeze(1)
        x = charge.flatten()[place]
        return cls(torch.stack([x, torch.ones_like(x)], dim=1), place, len(charge), charge.shape[-1])

    def _like(self, x: Tensor) -> Sites:
        other = Sites(x, self.place, self.n_images, self.side)
        other._around = self._around
        return other

    def _where(self) -> tuple[Tensor, Tensor, Tensor]:
        image, row = self.place // self.side**2, self.place // self.side % self.side
        return image, row, self.place % self.side

    def _neighbours(self) -> Tensor:
        """(9 n,) of each pixel the nine around it, n where these are not active."""
        if self._around is None:
            n, padded = len(self.place), self.side + 2
            image, row, column = self._where()
            at = (image * padded + row + 1) * padded + column + 1
            table = torch.full((self.n_images * padded**2,), n)
            table[at] = torch.arange(n)
            shifts = torch.arange(-1, 2)
            self._around = table[at[:, None] + (shifts[:, None] * padded + shifts).flatten()].flatten()
        return self._around

    def convolved(self, weight: Tensor) -> Sites:
        """See `Images`."""
        around = self._neighbours()
        padded = torch.cat([self.x, self.x.new_zeros(1, self.x.shape[1])])
        rows = padded.index_select(0, around).view(-1, weight[0].numel())
        return self._like(rows @ weight.permute(2, 3, 1, 0).flatten(0, 2))

    def halved(self, weight: Tensor) -> Sites:
        """See `Images`."""
        image, row, column = self._where()
        half = self.side // 2
        above = (image * half + row // 2) * half + column // 2
        place, index = torch.unique(above, return_inverse=True)
        quarter = row % 2 * 2 + column % 2
        four = self.x.new_zeros(4 * len(place), self.x.shape[1]).index_copy(0, 4 * index + quarter, self.x)
        x = four.view(-1, weight[0].numel()) @ weight.permute(2, 3, 1, 0).flatten(0, 2)
        return Sites(x, place, self.n_images, half)

    def normalised(self, norm: BatchNorm) -> Sites:
        """See `Images`."""
        result: Tensor = norm(self.x)
        return self._like(result)

    def rectified(self, before: Images | None = None) -> Sites:
        """See `Images`."""
        return self._like(functional.relu(self.x if before is None else self.x + before.x))

    def pooled(self) -> Tensor:
        """See `Images`."""
        image, nothing = self._where()[0], self.x.new_zeros(self.n_images, self.x.shape[1])
        largest = nothing.scatter_reduce(0, image[:, None].expand_as(self.x), self.x, "amax")
        return torch.cat([nothing.index_add(0, image, self.x) / self.side, largest], dim=1)


class Whole:
    """All pixels ``x`` (N, C, S, S), zero where ``active`` (N, 1, S, S) is."""

    def __init__(self, x: Tensor, active: Tensor) -> None:
        self.x: Tensor = x
        self.active = active

    @classmethod
    def of(cls, charge: Tensor) -> Whole:
        """As `Sites.of`."""
        active = (charge != 0).to(charge.dtype)
        return cls(torch.stack([charge, active], dim=1), active[:, None])

    def convolved(self, weight: Tensor) -> Whole:
        """See `Images`."""
        return Whole(functional.conv2d(self.x, weight, padding=1) * self.active, self.active)

    def halved(self, weight: Tensor) -> Whole:
        """See `Images`."""
        return Whole(functional.conv2d(self.x, weight, stride=2), functional.max_pool2d(self.active, 2))

    def normalised(self, norm: BatchNorm) -> Whole:
        """See `Images`."""
        mean, variance, steps = norm.running_mean, norm.running_var, norm.num_batches_tracked
        assert mean is not None
        assert variance is not None
        assert steps is not None
        if norm.training:
            momentum = 0.1 if norm.momentum is None else norm.momentum
            n, over = self.active.sum().clamp(min=1), (0, 2, 3)
            found = self.x.sum(over) / n
            spread = ((self.x - found[:, None, None]) * self.active).square().sum(over)
            with torch.no_grad():
                steps += 1
                mean.lerp_(found.to(mean), momentum)
                variance.lerp_((spread / (n - 1).clamp(min=1)).to(variance), momentum)
            mean, variance = found, spread / n
        scale = norm.weight * (variance + norm.eps).rsqrt()
        x = (self.x - mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        return Whole(x * self.active, self.active)

    def rectified(self, before: Images | None = None) -> Whole:
        """See `Images`."""
        return Whole(functional.relu(self.x if before is None else self.x + before.x), self.active)

    def pooled(self) -> Tensor:
        """See `Images`."""
        return torch.cat([self.x.sum((2, 3)) / self.x.shape[-1], self.x.amax((2, 3))], dim=1)
