"""The network on edges of an edge convolution and its mean over neighbours, as one autograd function.

Written for the memory: the plain way makes some ten arrays of (edges, width) per layer, each of 100 MB for 128
jets, and on a CPU spends more time on them than on its matrix products. Here the first layer's values, sums of two
rows, are made anew whenever they are needed, and each later layer keeps one array. Edges are worked off in pieces
that stay in the cache from the product to the sums that batch norm asks for. Backward adds along lists of edges
sorted by neighbour, instead of scattering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pd4ml.models.kernels import twin_gradients, use_kernels
from pd4ml.models.neighbours import Neighbours

__all__ = ["mean_of_edges"]


def mean_of_edges(
    edges: Neighbours, centre: Tensor, other: Tensor, weights: Sequence[Tensor], norms: Sequence[nn.Module]
) -> Tensor:
    """(N, W) mean over each node's edges of what the layers make of its ``centre`` plus the neighbour's ``other``.

    centre, other: (N, W_1), what node and neighbour give to the first layer. weights: of the later layers, which
    have no bias. norms: one batch norm for each layer, followed by a ReLU; in training they use and learn the
    statistics of the edges. Zero for a node without edges.
    """
    if not use_kernels(centre):
        return _plain_mean(edges, centre, other, weights, lambda layer, z: norms[layer](z))
    affine = [parameter for norm in norms for parameter in (norm.weight, norm.bias)]
    if torch.is_grad_enabled() or norms[0].training:
        mean: Tensor = _EdgeNetwork.apply(edges, norms, centre, other, *weights, *affine)  # type: ignore[no-untyped-call]
        return mean
    return _predict(edges, centre, other, weights, [_running(norm) for norm in norms])


def _plain_mean(
    edges: Neighbours,
    centre: Tensor,
    other: Tensor,
    weights: Sequence[Tensor],
    normalise: Callable[[int, Tensor], Tensor],
) -> Tensor:
    """The twin: all edges at once, a layer after the other."""
    z = centre.index_select(0, edges.target) + other.index_select(0, edges.source)
    z = functional.relu(normalise(0, z))
    for layer, weight in enumerate(weights, 1):
        z = functional.relu(normalise(layer, z @ weight.t()))
    total = z.new_zeros(len(centre), z.shape[1]).index_add(0, edges.target, z)
    return total / edges.degree.clamp(min=1)[:, None].to(total.dtype)


class _Affine(NamedTuple):
    """Batch norm as it is applied, y * scale + shift, and the mean and 1 / sqrt(variance + epsilon) behind it."""

    scale: Tensor
    shift: Tensor
    mean: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, norm: Any, mean: Tensor, variance: Tensor) -> Self:
        inverse = (variance + norm.eps).rsqrt()
        scale = norm.weight * inverse
        return cls(scale, norm.bias - mean * scale, mean, inverse)

    def relu(self, y: Tensor) -> Tensor:
        return torch.addcmul(self.shift, y, self.scale).relu_()

    def gradients(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Of batch norm's weight and bias, from the sums of the gradient g and of g * y over all edges."""
        return ((second - self.mean * first) * self.inverse).to(self.mean.dtype), first.to(self.mean.dtype)


class _Sums:
    """Sums over all edges of x (rows, width) and of x * y, in double precision from piece to piece."""

    def __init__(self, like: Tensor, width: int) -> None:
        self.first, self.second = like.new_zeros(2, width, dtype=torch.float64)

    def add(self, x: Tensor, y: Tensor) -> None:
        self.first += x.sum(0)
        self.second += (x * y).sum(0)


def _running(norm: Any) -> _Affine:
    return _Affine.of(norm, norm.running_mean, norm.running_var)


def _batch_norm(norm: Any, sums: _Sums, n: int) -> _Affine:
    """The affine map of ``norm`` for n edges; in training with their statistics, which the running ones learn."""
    if not norm.training or n == 0:
        return _running(norm)
    mean = sums.first / n
    variance = (sums.second / n - mean.square()).clamp(min=0)
    dtype = norm.weight.dtype
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(dtype), norm.momentum)
    norm.running_var.lerp_((variance * n / (n - 1)).to(dtype), norm.momentum)
    return _Affine.of(norm, mean.to(dtype), variance.to(dtype))


def _predict(
    edges: Neighbours, centre: Tensor, other: Tensor, weights: Sequence[Tensor], affines: Sequence[_Affine]
) -> Tensor:
    """The mean at each node where all statistics are known: each piece of edges goes through all layers."""
    mean = centre.new_zeros(len(centre), len(affines[-1].scale))
    for nodes, rows in edges.pieces:
        z = affines[0].relu(edges.join(centre, other, rows))
        for weight, affine in zip(weights, affines[1:], strict=True):
            z = affine.relu(z @ weight.t())
        mean[nodes] = edges.mean(z, nodes)
    return mean


class _Network(NamedTuple):
    """What both ways need: products of the first layer, later layers' weights and values before batch norm."""

    edges: Neighbours
    centre: Tensor
    other: Tensor
    weights: Sequence[Tensor]
    values: Sequence[Tensor]
    affines: Sequence[_Affine]

    def value(self, layer: int, rows: slice) -> Tensor:
        """The values of a layer before batch norm; those of the first are made anew."""
        return self.values[layer - 1][rows] if layer else self.edges.join(self.centre, self.other, rows)


class _EdgeNetwork(torch.autograd.Function):
    """Mean over each node's edges of the network; ``centre`` and ``other`` are the first layer's two products.

    ``parameters`` are the weights of the later layers, then weight and bias of each batch norm.
    """

    @staticmethod
    def forward(
        ctx: Any, edges: Neighbours, norms: Sequence[Any], centre: Tensor, other: Tensor, *parameters: Tensor
    ) -> Tensor:
        weights, n = parameters[: len(norms) - 1], len(edges.source)
        values: list[Tensor] = []
        affines: list[_Affine] = []
        network = _Network(edges, centre, other, weights, values, affines)
        for layer, norm in enumerate(norms):
            sums = _Sums(centre, len(norm.weight))
            if layer:
                values.append(centre.new_empty(n, len(norm.weight)))
            for _, rows in edges.pieces:
                if layer:
                    z = affines[-1].relu(network.value(layer - 1, rows))
                    torch.mm(z, weights[layer - 1].t(), out=values[-1][rows])
                y = network.value(layer, rows)
                sums.add(y, y)
            affines.append(_batch_norm(norm, sums, n))
        mean = centre.new_zeros(len(centre), len(norms[-1].weight))
        for nodes, rows in edges.pieces:
            mean[nodes] = edges.mean(affines[-1].relu(network.value(len(norms) - 1, rows)), nodes)
        ctx.save_for_backward(
            *(centre, other, *weights, *values), *(torch.stack(affine) for affine in affines), *parameters
        )
        ctx.edges, ctx.n_in_statistics = edges, n if norms[0].training else 0
        ctx.eps, ctx.n_layers = [norm.eps for norm in norms], len(norms)
        return mean

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        n = ctx.n_layers - 1
        centre, other, *saved = ctx.saved_tensors
        saved, parameters = saved[: 3 * n + 1], saved[3 * n + 1 :]
        edges, affines = ctx.edges, [_Affine(*affine.unbind()) for affine in saved[2 * n :]]
        if torch.is_grad_enabled():
            return None, None, *_again(ctx, affines, [centre, other, *parameters], grads[0])
        network = _Network(edges, centre, other, saved[:n], saved[n : 2 * n], affines)
        grad_weights: list[Tensor] = []
        grad_affine: list[Tensor] = []
        grad, sums = _into_last(network, grads[0])
        for layer in range(n, -1, -1):
            affine = affines[layer]
            grad_affine[:0] = affine.gradients(sums.first, sums.second)
            mean_terms = _through_statistics(affine, grad_affine[0], grad_affine[1], ctx.n_in_statistics)
            if layer:
                grad_weight, grad, sums = _into_layer(network, layer, grad, mean_terms)
                grad_weights.insert(0, grad_weight)
        for _, rows in edges.pieces:
            grad[rows] = _before_norm(network, 0, grad, mean_terms, rows)
        at_nodes = edges.sum_at_targets(grad), edges.sum_at_sources(grad)
        return (None, None, *at_nodes, *grad_weights, *grad_affine)


def _again(
    ctx: Any, affines: Sequence[_Affine], inputs: Sequence[Tensor], grad: Tensor
) -> Sequence[Tensor | None]:
    """The gradients of the twin, to be differentiated again; running statistics are what they were then."""

    def twin(centre: Tensor, other: Tensor, *parameters: Tensor) -> Tensor:
        weights, affine = parameters[: ctx.n_layers - 1], parameters[ctx.n_layers - 1 :]

        def normalise(layer: int, z: Tensor) -> Tensor:
            weight, bias, eps = *affine[2 * layer : 2 * layer + 2], ctx.eps[layer]
            if ctx.n_in_statistics:
                return functional.batch_norm(z, None, None, weight, bias, training=True, eps=eps)
            return (z - affines[layer].mean) * affines[layer].inverse * weight + bias

        return _plain_mean(ctx.edges, centre, other, weights, normalise)

    return twin_gradients(twin, inputs, grad)


def _through_statistics(affine: _Affine, grad_weight: Tensor, grad_bias: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """What the mean and variance of n edges add to the gradient before batch norm: a and b of a + b * y.

    Running statistics (n = 0) add nothing.
    """
    slope = -affine.scale * affine.inverse * grad_weight / max(n, 1)
    constant = -affine.scale * grad_bias / max(n, 1) - slope * affine.mean
    return (constant, slope) if n else (0 * constant, 0 * slope)


def _before_norm(
    network: _Network, layer: int, grad: Tensor, mean_terms: tuple[Tensor, Tensor], rows: slice
) -> Tensor:
    """Gradient before batch norm for some edges, from ``grad``, the one behind it for all."""
    constant, slope = mean_terms
    result = torch.addcmul(constant, grad[rows], network.affines[layer].scale)
    return result.addcmul_(network.value(layer, rows), slope)


def _into_last(network: _Network, grad_mean: Tensor) -> tuple[Tensor, _Sums]:
    """Gradient (edges, width) before the last ReLU, from the one of the means."""
    edges, last = network.edges, len(network.weights)
    grad_mean = grad_mean / edges.degree.clamp(min=1)[:, None].to(grad_mean.dtype)
    grad, sums = grad_mean.new_empty(len(edges.source), grad_mean.shape[1]), _Sums(grad_mean, grad_mean.shape[1])
    for _, rows in edges.pieces:
        y = network.value(last, rows)
        g = torch.index_select(grad_mean, 0, edges.target[rows], out=grad[rows])
        _mask(g, network.affines[last].relu(y))
        sums.add(g, y)
    return grad, sums


def _into_layer(
    network: _Network, layer: int, grad: Tensor, mean_terms: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, _Sums]:
    """Gradients of the layer's weight and before the previous ReLU, from the one behind the layer's batch norm."""
    weight, previous = network.weights[layer - 1], network.affines[layer - 1]
    grad_weight, width = torch.zeros_like(weight), weight.shape[1]
    result, sums = grad.new_empty(len(grad), width), _Sums(grad, width)
    for _, rows in network.edges.pieces:
        before = _before_norm(network, layer, grad, mean_terms, rows)
        y = network.value(layer - 1, rows)
        z = previous.relu(y)
        grad_weight.addmm_(before.t(), z)
        g = torch.mm(before, weight, out=result[rows])
        _mask(g, z)
        sums.add(g, y)
    return grad_weight, result, sums


def _mask(grad: Tensor, z: Tensor) -> None:
    """Zero where the ReLU's output ``z`` is."""
    torch.ops.aten.threshold_backward.grad_input(grad, z, 0, grad_input=grad)
