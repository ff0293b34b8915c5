"""Fast versions of what models compute, each beside its plain twin in PyTorch's own operations.

A kernel works on a CPU and gives first derivatives. Its twin is used everywhere else: on other devices, in a
model's ``plain()``, where a program is traced, and for derivatives of derivatives of what a kernel computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

__all__ = ["count", "twin_gradients", "use_kernels", "without_kernels"]

_WITHOUT: ContextVar[bool] = ContextVar("without_kernels", default=False)


@contextmanager
def without_kernels() -> Iterator[None]:
    """Within it the plain twins are used."""
    token = _WITHOUT.set(True)
    try:
        yield
    finally:
        _WITHOUT.reset(token)


def use_kernels(x: Tensor) -> bool:
    """Whether ``x`` may be given to a kernel."""
    return x.device.type == "cpu" and not _WITHOUT.get() and not torch.compiler.is_compiling()


def twin_gradients(
    twin: Callable[..., Tensor], inputs: Sequence[Tensor], grad: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of ``twin(*inputs)``, times ``grad``, that can be differentiated again; None if none is asked for.

    For a kernel's backward under ``create_graph``, which is when gradients are recorded there. ``inputs`` are the
    kernel's own, as they were given: a copy would have no history.
    """
    with torch.enable_grad():
        # An alias: one input may be made of another, and its share must not be counted twice.
        own = [x.view_as(x) if x.requires_grad else x for x in inputs]
        asked = [x for x in own if x.requires_grad]
        found = iter(torch.autograd.grad(twin(*own), asked, grad, create_graph=True, allow_unused=True))
    return tuple(next(found) if x.requires_grad else None for x in own)


def count(index: Tensor, n: int) -> Tensor:
    """(n,) how often each number below ``n`` is in ``index``; its shape does not depend on what is in there."""
    if use_kernels(index):
        return torch.bincount(index, minlength=n)
    return index.new_zeros(n).index_add(0, index, torch.ones_like(index))
