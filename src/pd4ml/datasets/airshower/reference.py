"""The published reference model of Airshower: LSTMs over the traces, a residual network over the array.

As in arXiv:2107.00656, after arXiv:1708.00647. This module imports torch and numba; it is imported when a model
is built.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.datasets.airshower.lstm import ROWS, lstm
from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import use_kernels
from pd4ml.models.registry import ModelInputs, register

__all__ = ["LSTMResidual", "ResidualUnit", "TraceEncoder", "residual_network"]

_SIDE, _BINS = 9, 80
_BOTH_WAYS, _LAST = 32, 10  # hidden units of the two recurrent layers
_START = 0.01  # of the last layer, in units of its usual start


class TraceEncoder(nn.Module):
    """A bidirectional LSTM of 32 units and, on its outputs, an LSTM of 10 units whose last state is kept.

    They start as published: Glorot-uniform on inputs, orthogonal on states, forget gates open (bias 1). PyTorch's
    LSTM has two biases where the published one has their sum. With ``long_memory`` gates start so that units
    remember for up to the whole trace (arXiv:1804.11188), and the states, which are small then, are normalised
    over the stations of a batch; those of silent stations are 0.
    """

    def __init__(self, *, long_memory: bool = False) -> None:
        super().__init__()
        self.both_ways = nn.LSTM(1, _BOTH_WAYS, bidirectional=True)
        self.last = nn.LSTM(2 * _BOTH_WAYS, _LAST)
        for name, parameter in self.named_parameters():
            _start(name, parameter, long_memory)
        self.norm = nn.BatchNorm1d(_LAST, eps=1e-8) if long_memory else None

    def forward(self, traces: Tensor) -> Tensor:
        """(N, 80) traces to (N, 10).

        Silent stations, nearly nine of ten, have the same trace, zeros. It is worked off once for all of them, and
        so is its gradient; the result is that of all stations one by one, to rounding. Where a gradient in the
        traces is wanted each has its own, and where the program is traced nothing may depend on what they hold.
        """
        active = traces.any(dim=1)
        if torch.compiler.is_compiling() or (traces.requires_grad and torch.is_grad_enabled()):
            return self._normalised(self._encoded(traces), active)
        distinct = torch.cat([traces.new_zeros(1, traces.shape[1]), traces[active]])
        states = self._normalised(self._encoded(distinct), distinct.any(dim=1))
        return states.index_select(0, active.cumsum(0) * active)

    def _normalised(self, states: Tensor, active: Tensor) -> Tensor:
        """States (N, 10) with mean 0 and spread 1 over the active stations, and 0 in the others."""
        if self.norm is None:
            return states
        if not self.training:
            return self.norm(states) * active.unsqueeze(1)  # type: ignore[no-any-return]
        if active.sum() < 2:  # no spread to be had
            return torch.zeros_like(states)
        return torch.zeros_like(states).masked_scatter(active.unsqueeze(1), self.norm(states[active]))

    def _encoded(self, traces: Tensor) -> Tensor:
        if use_kernels(traces) and traces.dtype == torch.float32:
            return self._compiled(traces)
        return self._plain(traces)

    def _plain(self, traces: Tensor) -> Tensor:
        """The last states (N, 10), by nn.LSTM, in single precision: not every processor has one in half."""
        if traces.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return self._plain(traces.float())
        sequence, _ = self.both_ways(traces.t().unsqueeze(-1))
        state: Tensor = self.last(sequence)[1][0][0]
        return state

    def _compiled(self, traces: Tensor) -> Tensor:
        """The same by the compiled LSTM; the last block is filled up with zeros."""
        n = len(traces)
        blocks = functional.pad(traces, (0, 0, 0, -n % ROWS)).view(-1, ROWS, 1, _BINS).permute(0, 3, 2, 1)
        directions = [_lstm(blocks, self.both_ways, "_l0"), _lstm(blocks, self.both_ways, "_l0_reverse")]
        states = _lstm(torch.cat(directions, dim=2), self.last, "_l0")
        return states[:, -1].transpose(1, 2).flatten(0, 1)[:n]


def _lstm(x: Tensor, layer: nn.LSTM, which: str) -> Tensor:
    inputs, states, bias, other = (
        getattr(layer, name + which) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return lstm(x, inputs, states, bias + other, reverse=which.endswith("reverse"))


def _start(name: str, parameter: nn.Parameter, long_memory: bool) -> None:
    if "weight_ih" in name:
        nn.init.xavier_uniform_(parameter)
    elif "weight_hh" in name:
        nn.init.orthogonal_(parameter)
    else:
        nn.init.zeros_(parameter)
    if "bias_ih" in name:  # in the order input, forget, cell, output
        let_in, forget = parameter.detach().chunk(4)[:2]
        if long_memory:
            forget.uniform_(1, _BINS - 1).log_()  # the time after which a unit forgets, in bins
            let_in.copy_(-forget)
        else:
            nn.init.ones_(forget)


class ResidualUnit(nn.Module):
    """ReLU(x + F(x)) with F: 3x3 convolution, batch norm, ReLU, 3x3 convolution, batch norm (arXiv:1512.03385).

    Where the number of filters changes, x goes through a 1x1 convolution and a ReLU first. The 3x3 convolutions
    have no bias, which batch norm would take away again.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else None
        self.convolutions = nn.ModuleList(nn.Conv2d(n_out, n_out, 3, padding=1, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(n_out, eps=1e-3) for _ in range(2))
        for layer in (self.widen, *self.convolutions):
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
        if self.widen is not None and self.widen.bias is not None:
            nn.init.zeros_(self.widen.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) to (B, n_out, H, W)."""
        if self.widen is not None:
            x = functional.relu(self.widen(x), inplace=True)
        y = functional.relu(self.norms[0](self.convolutions[0](x)), inplace=True)
        return functional.relu(self.norms[1](self.convolutions[1](y)).add_(x), inplace=True)


def residual_network(n_in: int, depth: int = 5) -> nn.Sequential:
    """``depth`` units of 64 filters, max-pooling by 2, as many of 128; it works with channels last in memory."""
    units = [ResidualUnit(n_in, 64), *(ResidualUnit(64, 64) for _ in range(depth - 1)), nn.MaxPool2d(2)]
    units += [ResidualUnit(64, 128), *(ResidualUnit(128, 128) for _ in range(depth - 1))]
    return nn.Sequential(*units).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@register("lstm_residual")
class LSTMResidual(Model):
    """Each station's trace becomes ten numbers; with the arrival time they are an image of 9x9 stations.

    The image goes through the residual network; the maximum over the array, dropout 0.3 and a dense layer give
    Xmax, scaled with mean and spread of the label in the training part. Batch norm's running statistics follow
    faster than published (by 0.1 a step instead of 0.01), since short trainings have few steps. The dense layer
    starts a hundred times smaller than usual: the maxima over ten units are large, and with an output far beyond
    the label's spread the first epochs do nothing but bring it back.

    Published are a ``depth`` of five units of each width and no ``long_memory``; without it the LSTMs learn
    the traces' times only after some thousand steps.
    """

    permutation_invariant: ClassVar[bool] = False
    needs_edges = False
    made_for: ClassVar[ModelInputs | None] = ModelInputs(_BINS + 1, _SIDE**2, "regression")
    made_for_dataset: ClassVar[str] = "Airshower"

    def __init__(
        self, inputs: ModelInputs, *, dropout: float = 0.3, depth: int = 5, long_memory: bool = False
    ) -> None:
        super().__init__(inputs)
        self.traces = TraceEncoder(long_memory=long_memory)
        self.array = residual_network(_LAST + 1, depth)
        self.dropout = nn.Dropout(dropout)
        self.add_head(128)
        for parameter in self.head.parameters():
            parameter.detach().mul_(_START)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, 128)."""
        return self.arrays(batch.to_dense())

    def arrays(self, features: Tensor) -> Tensor:
        """(B, 128) of all stations, (B, 81, 81)."""
        stations = features.flatten(0, 1)
        image = torch.cat([self.traces(stations[:, :_BINS]), stations[:, _BINS:]], dim=1)
        image = image.view(features.shape[0], _SIDE, _SIDE, -1).permute(0, 3, 1, 2)
        result: Tensor = self.dropout(self.array(image).amax(dim=(2, 3)))
        return result

    def dense_form(self) -> DenseForm:
        """On all stations: the 80 bins of the trace, then the time."""
        return _Dense(self)


class _Dense(DenseForm):
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, 128)."""
        return cast("LSTMResidual", self.model).arrays(features)
