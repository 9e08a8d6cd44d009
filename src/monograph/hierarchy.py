"""An exported program as a tree of modules: ``unflatten``."""

from __future__ import annotations

import abc
import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

from monograph.ir.call_plan import CallPlan, arguments_of
from monograph.ir.state import Place, State, put, tensor_at
from monograph.module import ProgramModule
from monograph.passes.place import Move, place_within
from monograph.torch_internals import TreeSpec, holder_of, share_contents, tree_flatten

__all__ = ["FlatArgsAdapter", "UnflattenedModule"]


class FlatArgsAdapter(abc.ABC):
    """Makes the arguments of a call, that come in another structure, those of the program.

    A subclass of torch's class of this name will do as well.
    """

    @abc.abstractmethod
    def adapt(
        self,
        target_spec: TreeSpec,
        input_spec: TreeSpec,
        input_args: list[Any],
        metadata: dict[str, Any] | None = None,
        obj: nn.Module | None = None,
    ) -> list[object]:
        """The leaves of ``target_spec``, made of those of ``input_spec``.

        Both are the structures of ``(args, kwargs)``, as torch's pytree sees them; ``obj``: the
        module that is called.
        """

    def get_flat_arg_paths(self) -> list[str]:
        """The paths of the leaves that ``adapt`` reads; Monograph does not ask for them."""
        return []


class UnflattenedModule(ProgramModule):
    """The modules of an exported program, each with its part of the graph as its ``forward``.

    It is called like the original module, and checks its inputs. Children may be exchanged
    (``module.set_submodule("layers.0", other)``) for modules that take and return what the child's
    graph does: tensors in the order of their first use, or, where
    ``preserve_module_call_signature`` asked for it, what the original took and returned. Buffers
    that the program writes are replaced after a call.
    """

    def __init__(
        self,
        root: GraphModule,
        plan: CallPlan,
        state: State,
        adapter: FlatArgsAdapter | None = None,
    ) -> None:
        super().__init__(root, plan, {})
        self.__dict__["_adapter"] = adapter
        share_contents(self, root)
        names: dict[int, list[str]] = {}
        for name, (tensor, _, _) in state.items():
            names.setdefault(id(tensor), []).append(name)
        self.__dict__["_ties"] = {n: names[id(t)] for n, (t, _, _) in state.items()}

    def forward(self, *args: object, **kwargs: object) -> object:
        """Run the program, with arguments in the structure that it, or its adapter, takes."""
        adapter: FlatArgsAdapter | None = self.__dict__["_adapter"]
        if adapter is not None:
            leaves, given = tree_flatten((args, kwargs))
            structure = arguments_of(self.__dict__["_plan"])
            target = tree_flatten(structure.unflatten(range(structure.num_leaves)))[1]
            if given != target:
                args, kwargs = target.unflatten(
                    adapter.adapt(target, given, leaves, metadata=None, obj=self)
                )
        return super().forward(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> UnflattenedModule:
        """A module with tensors of its own, in graphs of its own."""
        made = super().__deepcopy__(memo)
        assert isinstance(made, UnflattenedModule)
        root = copy.deepcopy(self.__dict__["_graph_module"], memo)
        share_contents(root, made)
        made.__dict__["_graph_module"] = root
        # A copy of a graph's module forgets what the graph does not read, and what is not saved.
        saved = self.state_dict().keys()
        everything = {
            **dict(self.named_parameters(remove_duplicate=False)),
            **dict(self.named_buffers(remove_duplicate=False)),
        }
        for name, tensor in everything.items():
            put(made, name, copy.deepcopy(tensor, memo), name in saved)
        return made

    def _state(self, name: str) -> Place:
        *path, last = name.split(".")
        return holder_of(self.get_submodule(".".join(path)), last), last

    def _results(self, plan: CallPlan, leaves: list[Any]) -> Sequence[Any]:
        results: Sequence[Any] = self.__dict__["_graph_module"].forward(*leaves)
        return results

    def _place(self, move: Move) -> None:
        """The modules, which may be held elsewhere, stay the same ones."""
        place_within(self.__dict__["_graph_module"], move)

    def _store(self, name: str, content: torch.Tensor, is_hidden: bool) -> None:
        for tied in self.__dict__["_ties"][name]:
            holder, last = self._state(tied)
            holder[last] = content.detach()

    def _held(self, name: str) -> torch.Tensor:
        return tensor_at(self._state(name))
