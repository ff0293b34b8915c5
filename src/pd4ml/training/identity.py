"""What a module of the user's is: a digest of its code, its settings and the weights it starts from.

Runs are told apart by it. Two modules that differ in an attribute, in ``forward`` or in a weight are different
models, however alike they print. This module loads torch.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from pd4ml.errors import DataError

__all__ = ["module_digest"]

_DEPTH = 8  # of values within values, beyond which only their types count
# What PyTorch keeps in a module for itself; parameters, buffers and submodules are taken one by one.
_OF_TORCH = set(vars(nn.Module())) | {"_is_full_backward_hook"}


def module_digest(module: nn.Module) -> str:
    """SHA-256 of the module: the same for the same code, settings and weights, in any process."""
    if not isinstance(module, nn.Module):
        raise DataError(f"model must be a torch.nn.Module, found {module!r}"[:200])
    digest = hashlib.sha256()
    for name, part in module.named_modules():
        digest.update(f"{name}:{type(part).__module__}.{type(part).__qualname__}\n".encode())
        for text in _code_of_class(type(part)):
            digest.update(text.encode())
        for key, value in sorted(vars(part).items()):
            if key not in _OF_TORCH or key == "training":
                digest.update(f"{key}={_text(value)}\n".encode())
    for name, tensor in module.state_dict().items():
        digest.update(f"{name}{_text(tensor)}".encode())
    return digest.hexdigest()


def _code_of_class(cls: type[Any]) -> Iterator[str]:
    """The code of all methods of a class and of its bases, but for those of PyTorch."""
    for base in cls.__mro__:
        if base in (nn.Module, object) or base.__module__.startswith("torch."):
            continue
        for name, value in sorted(vars(base).items(), key=lambda item: item[0]):
            if name.startswith("__") and name not in ("__init__", "__call__"):
                continue
            yield f"{name}={_text(value)}\n"


def _text(value: Any, depth: int = 0) -> str:
    """A value as text that is the same in every process, and another for another value."""
    if depth > _DEPTH:
        return type(value).__qualname__
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        return f"{value.dtype}{tuple(value.shape)}{_hash(value.reshape(-1).view(torch.uint8).numpy().tobytes())}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{_hash(np.ascontiguousarray(value).tobytes())}"
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property):
        return _text((value.fget, value.fset), depth + 1)
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return _code_text(value, depth)
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_text(k, depth + 1)}:{_text(v, depth + 1)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item, depth + 1) for item in value) + "]"
    if isinstance(value, set | frozenset):
        return "{" + ",".join(sorted(_text(item, depth + 1) for item in value)) + "}"
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, nn.Module):
        return module_digest(value)
    return _object_text(value, depth)


def _code_text(function: types.FunctionType, depth: int) -> str:
    """A function's code with its constants, defaults, closure, and the functions of its module that it calls."""
    code = function.__code__
    constants = [
        _code_object_text(c) if isinstance(c, types.CodeType) else _text(c, depth + 1) for c in code.co_consts
    ]
    closure = []
    for cell in function.__closure__ or ():
        try:
            closure.append(_text(cell.cell_contents, depth + 1))
        except ValueError:  # not filled yet
            closure.append("empty")
    # What it calls in its own module is a part of it; what others offer is known by its name.
    found = [function.__globals__.get(name) for name in code.co_names]
    called = [
        _text(value, depth + 1)
        for value in found
        if isinstance(value, int | float | str | tuple)
        or (isinstance(value, types.FunctionType) and value.__module__ == function.__module__ and depth < 3)
    ]
    return "".join(map(str, (code.co_code.hex(), constants, closure, called, code.co_names))) + _text(
        (function.__defaults__, function.__kwdefaults__), depth + 1
    )


def _code_object_text(code: types.CodeType) -> str:
    inner = [_code_object_text(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()}{inner}{code.co_names}"


def _object_text(value: Any, depth: int) -> str:
    """Anything else: its class with its attributes, or its pickle."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "__dict__"):
        return f"{kind}({_text(dict(sorted(vars(value).items())), depth + 1)})"
    try:
        stream = io.BytesIO()
        pickle.Pickler(stream, protocol=4).dump(value)
        return f"{kind}({_hash(stream.getvalue())})"
    except Exception:  # anything may refuse to be pickled
        return kind


def _hash(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()
