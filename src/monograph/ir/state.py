"""The tensors of a program under their dotted names, in modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from monograph.torch_internals import Holder, child_of, hold, set_child

__all__ = ["Place", "State", "fresh_tensors", "owner_of", "put", "register", "tensor_at"]

# By dotted name: the tensor, its kind ("parameter", "buffer", "constant"), whether it is saved.
State = Mapping[str, tuple[torch.Tensor, str, bool]]
Place = tuple[Holder, str]


def tensor_at(place: Place) -> torch.Tensor:
    """What ``register`` has put there, or what has taken its place since."""
    holder, name = place
    tensor = holder[name]
    assert tensor is not None
    return tensor


def fresh_tensors(state: State) -> dict[str, torch.Tensor]:
    """New tensors over the same memory, by name; tied ones are the same object."""
    made: dict[int, torch.Tensor] = {}
    for tensor, kind, _ in state.values():
        if id(tensor) not in made:
            found = tensor.detach()
            is_parameter = kind == "parameter"
            made[id(tensor)] = nn.Parameter(found, tensor.requires_grad) if is_parameter else found
    return {name: made[id(tensor)] for name, (tensor, _, _) in state.items()}


def register(module: nn.Module, state: State, *, as_they_are: bool = False) -> dict[str, Place]:
    """Put each tensor under its dotted name; returns where each name lives.

    New tensors over the same memory are put there, unless they are wanted ``as_they_are``.
    """
    fresh = {} if as_they_are else fresh_tensors(state)
    return {
        name: put(module, name, fresh.get(name, tensor), kind != "constant" and persistent)
        for name, (tensor, kind, persistent) in state.items()
    }


def put(root: nn.Module, name: str, tensor: torch.Tensor, persistent: bool) -> Place:
    """Put one tensor under its dotted name; ``persistent``: it is saved, if it is a buffer."""
    *path, last = name.split(".")
    return hold(owner_of(root, path), last, tensor, persistent), last


def owner_of(root: nn.Module, path: Sequence[str]) -> nn.Module:
    """The module at a path below ``root``, with plain modules on the way where there are none."""
    owner = root
    for step in path:
        child = child_of(owner, step)
        if child is None:
            child = nn.Module()
            set_child(owner, step, child)
        owner = child
    return owner
