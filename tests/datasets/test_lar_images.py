"""LArTPC's network: pixels with charge alone against whole images, mirrors, events without pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pd4ml.datasets.lar_tpc.images import Layer, Sites, Whole
from pd4ml.datasets.lar_tpc.reference import LArCNN, images, mirrored
from pd4ml.models import build
from pd4ml.models.batch import GraphBatch


def sparse_images(n: int = 3, side: int = 16, seed: int = 0) -> Tensor:
    """Charge in one of eight pixels, none in the last image."""
    generator = torch.Generator().manual_seed(seed)
    charge = torch.rand(n, side, side, generator=generator, dtype=torch.float64)
    charge = torch.where(torch.rand(charge.shape, generator=generator) < 1 / 8, charge, 0.0)
    charge[-1] = 0
    return charge


def on_images(found: Sites) -> Tensor:
    whole = found.x.new_zeros(found.n_images * found.side**2, found.x.shape[1])
    whole = whole.index_copy(0, found.place, found.x)
    return whole.view(found.n_images, found.side, found.side, -1).permute(0, 3, 1, 2)


def test_convolutions_are_those_of_whole_images_where_charge_is() -> None:
    charge = sparse_images()
    weight = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    expected = functional.conv2d(torch.stack([charge, (charge != 0).double()], dim=1), weight, padding=1)
    expected = expected * (charge != 0)[:, None]
    torch.testing.assert_close(on_images(Sites.of(charge).convolved(weight)), expected)


def test_a_pixel_of_half_the_side_is_made_of_four() -> None:
    charge = sparse_images()
    weight = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    weight[0, 1] = torch.tensor([[1.0, 10.0], [100.0, 1000.0]])
    halved = Sites.of(charge).halved(weight)
    active = (charge != 0).double()
    expected = active[:, ::2, ::2] + 10 * active[:, ::2, 1::2] + 100 * active[:, 1::2, ::2]
    torch.testing.assert_close(on_images(halved)[:, 0], expected + 1000 * active[:, 1::2, 1::2])
    assert len(halved.place) == int((expected + active[:, 1::2, 1::2] > 0).sum())


@pytest.mark.parametrize("training", [True, False])
def test_layers_do_the_same_on_pixels_and_on_whole_images(training: bool) -> None:
    charge = sparse_images()
    found, statistics = [], []
    for start in (Sites.of(charge), Whole.of(charge)):
        torch.manual_seed(1)
        last = Layer(4, 6, 2)
        layers = torch.nn.Sequential(Layer(2, 4, 3), Layer(4, 4, 3, residual=True), last).double()
        layers.train(training)
        found.append(layers(start).pooled())
        statistics.append(last.norm.running_var)
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*statistics)
    assert not found[0][-1].any()  # the image without charge
    assert found[0][0].any()


def test_the_drift_is_turned_around_and_slanted_planes_are_exchanged() -> None:
    torch.manual_seed(1)
    image = torch.rand(40, 3, 8, 8)
    turned, exchanged = image.flip(3), image[:, [1, 0, 2]]
    kinds = [image, turned, exchanged, exchanged.flip(3)]
    which = [[torch.equal(a, b[i]) for b in kinds].index(True) for i, a in enumerate(mirrored(image))]
    assert np.bincount(which, minlength=4).min() >= 4


def test_an_event_does_not_feel_the_others_of_its_batch() -> None:
    """Nor need it have any pixels."""
    torch.manual_seed(1)
    assert LArCNN.made_for is not None
    model = build("lar_cnn", LArCNN.made_for, widths=(4, 6)).eval()
    rng = np.random.default_rng(1)
    sizes = [50, 0, 20]
    places = torch.from_numpy(rng.permutation(3 * 128 * 128)[:70])
    plane, row, column = places // 128**2, places // 128 % 128, places % 128
    nodes = torch.stack([3.0 * (plane - 1), (row - 63.5) / 64, (column - 63.5) / 64, 1 + row / 128, plane == 2], 1)
    offsets = torch.tensor([0, *np.cumsum(sizes)])

    def batch(low: int, high: int) -> GraphBatch:
        rows = slice(int(offsets[low]), int(offsets[high]))
        no_edges = torch.empty((2, 0), dtype=torch.int64)
        return GraphBatch(nodes[rows], no_edges, offsets[low : high + 1] - offsets[low], 1536, has_edges=False)

    together = batch(0, 3)
    with torch.no_grad():
        alone = torch.cat([model(batch(i, i + 1)) for i in range(3)])
        torch.testing.assert_close(model(together), alone, rtol=1e-5, atol=1e-5)
    assert (images(together.nodes, together.graph_index, 3) != 0).sum(dim=(1, 2, 3)).tolist() == sizes
