"""What all models share: a trunk, which makes numbers of a batch, and a head, which makes the output of these."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pd4ml.errors import DataError
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import without_kernels
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs

__all__ = ["DenseForm", "Model", "PlainModel"]


class Model(nn.Module, abc.ABC):
    """Base of the models.

    The trunk gives `features`, one row per event, and where the model has them `nodes`, one row per node. The
    ``head``, a layer from ``width`` to ``n_outputs`` numbers, works on the one, or on the other where the inputs
    say ``per_node``. Calling a model on a `GraphBatch` of B events gives (B,) for one output, else (B, n_outputs);
    per node (sum P,) or (sum P, n_outputs). These are logits (classification) or values in the target's unit
    (regression). The network itself always works with numbers of order one; for regression ``target_mean`` and
    ``target_scale``, taken from the training target, bring them to the unit.

    ``needs_edges`` says whether it looks at the edges of a batch, ``has_nodes`` whether it has `nodes`; a class
    says so, or an instance whose inputs decide it.
    """

    permutation_invariant: ClassVar[bool]
    made_for: ClassVar[ModelInputs | None] = None  # the only inputs that it takes, if it is made for one dataset
    made_for_dataset: ClassVar[str] = ""  # its name
    needs_edges: bool = True
    has_nodes: bool = False
    head: nn.Module
    width: int
    target_mean: Tensor
    target_scale: Tensor

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__()
        if self.made_for is not None and inputs != self.made_for:
            raise ValueError(
                f"it is the reference model of {self.made_for_dataset} and takes no other events: choose another "
                "recipe, `pd4ml recipes` shows them"
            )
        if inputs.n_outputs < 1:
            raise ValueError(f"a model needs at least one output, found {inputs.n_outputs}")
        if inputs.per_node and not self.has_nodes:
            raise ValueError("it has no output per node: its nodes are joined on the way; choose another model")
        self.inputs = inputs
        shape = () if inputs.n_outputs == 1 else (inputs.n_outputs,)
        self.register_buffer("target_mean", torch.zeros(shape))
        self.register_buffer("target_scale", torch.ones(shape))

    def add_head(self, width: int, head: nn.Module | None = None) -> None:
        """Take ``head``, or a dense layer, as the one from ``width`` numbers to the outputs."""
        self.width, self.head = width, dense(width, self.n_outputs) if head is None else head

    @abc.abstractmethod
    def features(self, batch: GraphBatch) -> Tensor:
        """(B, W) of the trunk: what the head of events sees; where outputs are per node the nodes' average."""

    def nodes(self, batch: GraphBatch) -> Tensor | None:
        """(sum P, W) of the trunk or None: one row per node, which the head sees where outputs are per node."""
        return None

    def forward(self, batch: GraphBatch) -> Tensor:
        """Logits or values in the target's unit, shaped as the class says."""
        if self.needs_edges and not batch.has_edges:
            raise DataError(f"{type(self).__name__} looks at edges: build the graphs with them")
        x = self.nodes(batch) if self.inputs.per_node else self.features(batch)
        return self.output(x)

    def output(self, x: Tensor | None) -> Tensor:
        """What the head makes of the trunk's rows (.., W): (..) for one output, else (.., n_outputs)."""
        output: Tensor = self.head(x)
        return (output.squeeze(-1) if self.n_outputs == 1 else output) * self.target_scale + self.target_mean

    def set_target(self, mean: float | Sequence[float], scale: float | Sequence[float]) -> None:
        """Set mean and spread of the training target, one for all outputs or one for each (regression only)."""
        for buffer, value in ((self.target_mean, mean), (self.target_scale, scale)):
            given = torch.as_tensor(value, dtype=buffer.dtype)
            if given.numel() not in (1, buffer.numel()):
                raise DataError(f"expected a target's mean and scale for {buffer.numel()} outputs, found {value}")
            buffer.copy_(given.reshape(buffer.shape if given.numel() == buffer.numel() else ()))

    def plain(self) -> PlainModel:
        """The network with the same parameters, shared, in PyTorch's own operations alone."""
        return PlainModel(self)

    def dense_form(self) -> DenseForm | None:
        """The network on padded features, for models that have such a form; else None."""
        return None

    @property
    def n_outputs(self) -> int:
        """Numbers per event, or per node."""
        return self.inputs.n_outputs

    @property
    def n_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


class PlainModel(nn.Module):
    """``model`` without kernels: to be exported, differentiated more than once, or run where kernels cannot be.

    Parameters and statistics are those of ``model``, and so is the mode, training or evaluation. The numbers are
    the same but for rounding and for what dropout draws.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self.needs_edges, self.width, self.n_outputs = model.needs_edges, model.width, model.n_outputs

    def forward(self, batch: GraphBatch) -> Tensor:
        """As the model's."""
        with without_kernels():
            output: Tensor = self.model(batch)
        return output

    def features(self, batch: GraphBatch) -> Tensor:
        """As the model's."""
        with without_kernels():
            return self.model.features(batch)

    def nodes(self, batch: GraphBatch) -> Tensor | None:
        """As the model's."""
        with without_kernels():
            return self.model.nodes(batch)

    @property
    def head(self) -> nn.Module:
        """The model's."""
        return self.model.head


class DenseForm(nn.Module):
    """A model on tensors of fixed shape: padded features (B, max_nodes, F), zero where no node is.

    Where nodes are of kinds, these come beside, (B, max_nodes) int64, -1 where no node is. Parameters are shared
    with ``model``. Subclasses say what the trunk is.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, features: Tensor, tokens: Tensor | None = None) -> Tensor:
        """(B,) or (B, n_outputs); per node (B, max_nodes) or (B, max_nodes, n_outputs)."""
        with without_kernels():
            return self.model.output(self.trunk(features, tokens))

    @abc.abstractmethod
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, W), or (B, max_nodes, W) per node."""
