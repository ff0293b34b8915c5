"""Models are counted before they are built: what no machine has room for is refused."""

from __future__ import annotations

import pytest
import torch

from pd4ml.errors import DataError
from pd4ml.models import ModelInputs, available, build
from pd4ml.models.registry import model_class, parameter_count

INPUTS = ModelInputs(7, 20, "classification")


@pytest.mark.parametrize("name", available())
def test_counting_is_right_and_draws_no_random_numbers(name: str) -> None:
    inputs = model_class(name).made_for or INPUTS
    before = torch.random.get_rng_state()
    counted = parameter_count(name, inputs)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert counted == sum(parameter.numel() for parameter in build(name, inputs).parameters())


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"depth": 2**63}, "9223372036854775808 is more than 8,192"),
        ({"depth": 200, "width": 8192}, "GB of memory: make it narrower or less deep"),
        ({"width": -1}, "cannot be built"),
    ],
)
def test_what_no_machine_has_room_for(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build("fcn", INPUTS, **sizes)
    with pytest.raises(DataError, match="GB of memory"):
        build("fcn", ModelInputs(2**40, 20, "classification"))
