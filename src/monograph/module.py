"""An exported program as a module: checks its inputs, runs the graph, writes state back."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar

import torch
from torch import nn
from torch.fx import Graph, GraphModule

from monograph.diagnostics import InputError, note_source
from monograph.ir.call_plan import CallPlan, Check, Looks
from monograph.ir.layouts import require_layouts
from monograph.ir.state import Place, State, register, tensor_at
from monograph.passes.place import Move, devices_in, placed_module
from monograph.torch_internals import bits_of, share_memory, with_bits

__all__ = ["ProgramModule", "checked", "device_after", "leaves_of", "require_leaf"]


class ProgramModule(nn.Module):
    """Calls an exported program.

    Parameters and buffers have the original names and share the original storage; the tensors
    themselves are new objects, so that ``to()`` leaves the original model where it is.

    Raises:
        InputError: when called with other structures, sizes, dtypes, devices or constants than
            the program was exported for.
    """

    _shared: ClassVar = frozenset({"_graph_module", "_plan"})  # with copies of the module

    def __init__(
        self,
        graph_module: GraphModule,
        plan: CallPlan,
        state: State,
        owners: dict[str, Place] | None = None,
    ) -> None:
        """``owners``: where another module keeps the tensors of ``state``; None: this one does."""
        nn.Module.__init__(self)
        # Plain attributes, so that the graph's module is not a child with a name in state_dict.
        self.__dict__["_graph_module"] = graph_module
        self.__dict__["_plan"] = plan
        self.__dict__["_owners"] = register(self, state) if owners is None else owners
        self.training = bool(plan.training)

    def __deepcopy__(self, memo: dict[int, Any]) -> ProgramModule:
        """A module with tensors of its own; the graph is the program's, as before."""
        made = memo[id(self)] = type(self).__new__(type(self))
        for name, value in self.__dict__.items():
            is_shared = name in self._shared
            made.__dict__[name] = value if is_shared else copy.deepcopy(value, memo)
        return made

    @property
    def graph(self) -> Graph:
        """The program's graph."""
        graph: Graph = self.__dict__["_graph_module"].graph
        return graph

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program."""
        return self._run(checked(self.__dict__["_plan"], args, kwargs))

    def _run(self, leaves: list[Any]) -> object:
        """Run the program on the leaves of a call, which ``checked`` has found to be right."""
        plan: CallPlan = self.__dict__["_plan"]
        results = self._results(plan, leaves)
        for write in plan.writes:
            if isinstance(write.target, int):
                _write_back(leaves[write.target], results[write.index], write.is_hidden)
            else:
                self._store(write.target, results[write.index], write.is_hidden)
        outputs = []
        for (constant, index), alias in zip(plan.outputs, plan.aliases, strict=True):
            if alias is not None:
                outputs.append(self._held(alias) if isinstance(alias, str) else leaves[alias])
            else:
                outputs.append(constant if index is None else results[index])
        return plan.result.unflatten(outputs)

    def _results(self, plan: CallPlan, leaves: list[Any]) -> Sequence[Any]:
        """What the graph gives for the leaves of a call."""
        inputs = [*(self._held(name) for name in plan.state), *leaves]
        for i, check in enumerate(plan.checks, len(plan.state)):
            looks = check.example
            if looks.__class__ is Looks and bits_of(inputs[i]) != looks.bits:
                inputs[i] = with_bits(inputs[i], looks.bits)  # what the operators were told
        if plan.writes and torch.is_grad_enabled():
            _keep_for_backward(plan, inputs)
        try:
            results: Sequence[Any] = self.__dict__["_graph_module"].forward(*inputs)
        except Exception as error:
            note_source(error)
            raise
        return results

    def _store(self, name: str, content: torch.Tensor, is_hidden: bool) -> None:
        held = self._held(name)
        is_weight = held.is_leaf and held.requires_grad  # eager mode has written it under no_grad
        _write_back(held, content, is_hidden or is_weight)

    def _held(self, name: str) -> torch.Tensor:
        return tensor_at(self.__dict__["_owners"][name])

    def train(self, mode: bool = True) -> ProgramModule:
        """Only the mode that the program was captured in; the graph holds for that one.

        Raises:
            InputError: MG-I105, for the other mode.
        """
        captured = self.__dict__["_plan"].training
        if captured is not None and mode != captured:
            now, wanted = ("train", "eval") if captured else ("eval", "train")
            raise InputError(
                f"this program was captured in {now} mode and cannot be put into {wanted} mode",
                code="MG-I105",
                hint=f"call model.{wanted}() and export it again.",
            )
        return self

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> ProgramModule:
        device = device_after(self, fn)
        is_moved = self._is_moved_to(device)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if is_moved:
            self._follow(device)
        return self

    def _follow(self, device: torch.device) -> None:
        """Compute on the device that the tensors have been moved to."""
        self._place(lambda _: device)
        self.__dict__["_plan"] = self.__dict__["_plan"].placed(device)

    def _is_moved_to(self, device: torch.device) -> bool:
        """Whether the program is for another device; it must be for one."""
        checks = self.__dict__["_plan"].checks
        devices = {c.example.device for c in checks if isinstance(c.example, Looks)}
        devices |= devices_in(self.__dict__["_graph_module"])
        if len(devices) > 1:
            raise InputError(
                f"this program uses several devices ({', '.join(sorted(map(str, devices)))}) and "
                f"cannot be moved to {device}",
                code="MG-I105",
                hint="move the model and export it again.",
            )
        return not devices <= {device}

    def _place(self, move: Move) -> None:
        """The graph, which is the program's, stays where it is: this module gets one of its own."""
        self.__dict__["_graph_module"] = placed_module(self.__dict__["_graph_module"], move)

    def extra_repr(self) -> str:
        """The size of the graph."""
        return f"nodes={len(self.__dict__['_graph_module'].graph.nodes)}"


def device_after(module: nn.Module, change: Callable[..., torch.Tensor]) -> torch.device:
    """Where the tensors of a program's module are after a change, as ``to`` makes it.

    Raises:
        InputError: MG-I105, for a change of dtypes.
    """
    before = {name: t.dtype for name, t in _tensors(module)}
    probe = change(torch.empty(0))
    changes_dtype = probe.dtype != torch.float32 or any(
        t.is_floating_point() and change(t[:0] if t.dim() else t).dtype != before[name]
        for name, t in _tensors(module)
    )
    if changes_dtype:
        raise InputError(
            f"this program was captured for its dtypes and cannot be converted to {probe.dtype}",
            code="MG-I105",
            hint="convert the model and export it again.",
        )
    # A change of dtype leaves tensors where they are, which may not be where the probe is.
    found = [change(t[:0] if t.dim() else t).device for _, t in _tensors(module)[:1]]
    return found[0] if found else probe.device


def _tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


# Input checks --------------------------------------------------------------------------------


def checked(plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The leaves of the arguments of a call, which are as the program demands.

    Raises:
        InputError: saying what is otherwise.
    """
    leaves = leaves_of(plan, args, kwargs)
    for check, leaf in zip(plan.checks, leaves, strict=True):
        require_leaf(check, leaf)
    sizes = {} if plan.sizes is None else plan.sizes.run(leaves)
    if plan.layouts:
        require_layouts(plan.layouts, leaves, sizes)
    if plan.writes or plan.twins:
        _check_memory(plan, leaves)
    return leaves


def leaves_of(plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The leaves of the arguments of a call, which have the structure that the program demands.

    Raises:
        InputError: MG-I101, for another structure.
    """
    if len(args) != len(plan.args.keys) or set(kwargs) != {n for _, n in plan.kwargs.keys}:
        args, kwargs = _bind_again(plan, args, kwargs)
    return plan.args.match(args, "*args") + plan.kwargs.match(kwargs, "*kwargs")


def require_leaf(check: Check, leaf: Any) -> None:
    """Require of one leaf of the arguments what does not depend on the others."""
    example, path = check.example, check.path
    if isinstance(example, Looks):
        if not isinstance(leaf, torch.Tensor):
            raise InputError(
                f"Expected input at {path} to be a tensor, but got {leaf!r}",
                hint=_tensor_instead(example, leaf),
            )
        if check.varies or leaf.shape != example.shape:
            _require_shape(check, leaf.shape)
        if leaf.dtype != example.dtype:
            raise InputError(
                f"Expected input at {path} to have dtype {example.dtype}, but got {leaf.dtype}",
                hint=f"pass it .to({example.dtype}), or export a variant for each: "
                "export_variants.",
            )
        if leaf.device != example.device:
            raise InputError(
                f"Expected input at {path} to be on {example.device}, but got {leaf.device}",
                hint=f'pass it .to("{example.device}"), or move the program\'s module: .to(...).',
            )
    elif check.varies:
        if type(leaf) is not type(example) and (type(leaf), type(example)) != (int, float):
            kind = type(example).__name__
            raise InputError(
                f"Expected input at {path} to be of the type {kind}, but got {leaf!r}",
                hint=f"pass {kind}(...), or export with such a number as the example.",
            )
    elif isinstance(leaf, torch.Tensor) or not _is_same_constant(leaf, example):
        raise InputError(
            f"Expected input at {path} to be equal to {example!r}, but got {leaf!r}",
            code="MG-I103",
            hint=_ways_to_vary(check),
        )


def _tensor_instead(example: Looks, leaf: object) -> str:
    """What to pass in the place of ``leaf``, which is no tensor."""
    if isinstance(leaf, (bool, int, float)) and not example.shape:
        return f"pass torch.tensor({leaf!r}, dtype={example.dtype})."
    return "for calls without a tensor there, a variant of their own: export_variants."


def _same_rank(missing: int) -> str:
    """What to do with a tensor that has ``missing`` dimensions too few, or too many."""
    if missing == 1:
        return "add the dimension that it lacks: .unsqueeze(0) adds a first one."
    return "a program is for one number of dimensions: for another one, export_variants."


def _declared(check: Check, dim: int) -> str | None:
    """What to write where a size is to vary."""
    if not check.name:
        return None
    return f'where it varies: export(..., dynamic_shapes={{"{check.name}": {{{dim}: Dim("n")}}}}).'


def _ways_to_vary(check: Check) -> str:
    """What to write where a constant is to have other values."""
    ways = []
    if type(check.example) in (int, float) and check.name:
        ways.append(
            f'where it varies: export(..., dynamic_shapes={{"{check.name}": Dim.DYNAMIC}}).'
        )
    ways.append("one program for several values: export_variants.")
    return "\n".join(ways)


def _is_same_constant(given: Any, expected: Any) -> bool:
    if given is expected:
        return True
    if isinstance(expected, Enum) or type(given) is not type(expected):
        return False
    if isinstance(expected, nn.Module):  # without state: what it computes is in its attributes
        return _is_same_module(given, expected)
    return bool(given == expected) or (given != given and expected != expected)


def _is_same_module(given: nn.Module, expected: nn.Module) -> bool:
    pairs = zip(given.modules(), expected.modules(), strict=False)
    return len([*given.modules()]) == len([*expected.modules()]) and all(
        type(one) is type(other)
        and one._modules.keys() == other._modules.keys()
        and vars(one) | {"_modules": None} == vars(other) | {"_modules": None}
        for one, other in pairs
    )


def _require_shape(check: Check, given: torch.Size) -> None:
    path, expected = check.path, check.example.shape
    if len(expected) != len(given):
        raise InputError(
            f"Expected input at {path} to have {len(expected)} dimensions "
            f"{tuple(expected)}, but got {len(given)} {tuple(given)}",
            hint=_same_rank(len(expected) - len(given)),
        )
    for i, (want, have) in enumerate(zip(expected, given, strict=True)):
        if i not in (check.varies or ()) and want != have:  # a size may be a symbol of torch's
            raise InputError(
                f"Expected input at {path}.shape[{i}] to be equal to {want}, but got {have}",
                hint=_declared(check, i),
            )


def _check_memory(plan: CallPlan, leaves: list[Any]) -> None:
    """An argument that is written must not share memory with another, unless it did before."""
    for first, second in plan.twins:
        if leaves[first] is not leaves[second]:
            raise InputError(
                f"Expected inputs at {plan.checks[first].path} and {plan.checks[second].path} to "
                "be the same tensor, which the program writes, or asks to be one",
                code="MG-I104",
                hint="pass one tensor as both, or export with two.",
            )
    partners = {frozenset(pair) for pair in plan.twins}
    addressed = {index for index, fact in plan.layouts if fact.kind == "strides"}
    for i, check in enumerate(plan.checks):
        if not check.is_written:
            continue
        if i not in addressed and _overlaps_itself(leaves[i]):
            raise InputError(
                f"Expected input at {check.path} to have no two elements in one place of memory, "
                "because the program writes it",
                code="MG-I104",
                hint="pass a copy: .clone(); or export with an example that lies like this one.",
            )
        for j, other in enumerate(leaves):
            if (
                j != i
                and isinstance(other, torch.Tensor)
                and frozenset((i, j)) not in partners
                and share_memory(leaves[i], other)
            ):
                raise InputError(
                    f"Expected inputs at {check.path} and {plan.checks[j].path} not to share "
                    "memory, because the program writes the first",
                    code="MG-I104",
                    hint="pass a copy: .clone().",
                )


def _overlaps_itself(tensor: torch.Tensor) -> bool:
    """Whether two elements may lie at one address, as those of an expanded tensor do."""
    if tensor.is_contiguous() or not tensor.numel():
        return False
    reach = 0
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if stride <= reach:
                return True
            reach += stride * (size - 1)
    return False


def _keep_for_backward(plan: CallPlan, inputs: list[Any]) -> None:
    """Replace what the write-back will overwrite, because the backward pass may need it.

    Running statistics are saved by batch norm and never read again: they are passed under
    another version counter, without a copy.
    """
    addressed = {index for index, fact in plan.layouts if fact.kind == "strides"}
    for write in plan.writes:
        name = write.target
        index = plan.state.index(name) if isinstance(name, str) else len(plan.state) + name
        tensor = inputs[index]
        if name in plan.statistics:
            inputs[index] = tensor.data
        elif name in addressed:
            inputs[index] = _copy_of_memory(tensor)
        else:
            inputs[index] = tensor.clone()


def _copy_of_memory(tensor: torch.Tensor) -> torch.Tensor:
    """A copy that lies as ``tensor`` does, in memory with the same gaps and what is in them."""
    if not tensor.numel():
        return tensor.clone()
    once = tensor
    for dim in _repeated(tensor):
        once = once.narrow(dim, 0, 1)
    start, strides = int(once.storage_offset()), once.stride()
    reach = sum((n - 1) * stride for n, stride in zip(once.shape, strides, strict=True))
    memory = once.detach().as_strided((start + reach + 1,), (1,), 0).clone()
    kept = memory.as_strided(once.shape, strides, start)
    return kept.copy_(once).expand(tensor.shape)  # the gradient flows through the copy


def _repeated(tensor: torch.Tensor) -> list[int]:
    """The dimensions along which an expanded tensor has one element many times."""
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return [dim for dim, (size, stride) in enumerate(sizes) if stride == 0 and size > 1]


def _write_back(destination: torch.Tensor, content: torch.Tensor, is_hidden: bool) -> None:
    with torch.set_grad_enabled(torch.is_grad_enabled() and not is_hidden):
        if 0 in destination.stride():
            for dim in _repeated(destination):
                destination, content = destination.narrow(dim, 0, 1), content.narrow(dim, 0, 1)
        destination.copy_(content)


def _call_of(plan: CallPlan, signature: inspect.Signature) -> str:
    """The call that the program was exported with, as text."""
    named = [name for _, name in plan.kwargs.keys]
    names = [name for name in signature.parameters if name not in named]
    positional = names[: len(plan.args.keys)]
    return f"module({', '.join([*positional, *(f'{name}={name}' for name in named)])})"


def _bind_again(
    plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Let arguments be passed by position or by name, or not at all where they have a default."""
    signature = plan.signature
    if signature is None:
        return args, kwargs
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        names = ", ".join(signature.parameters)
        raise InputError(
            f"Expected the arguments ({names}) as they were exported: {error}",
            code="MG-I101",
            hint=f"call it as {_call_of(plan, signature)}.",
        ) from None
    wanted = _wanted(plan, signature)
    named = {name for _, name in plan.kwargs.keys}
    by_name: dict[str, Any] = {}
    positional: list[Any] = []
    for name, parameter in signature.parameters.items():
        default = parameter.default
        if name in given:
            value = given[name]
            if name not in wanted and _is_same_constant(value, default):
                continue
        elif name in wanted and _is_taken(wanted[name], default):
            value = default
        else:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            by_name.update(value)
        elif name in wanted and name not in named:
            positional.append(value)
        else:
            by_name[name] = value
    return tuple(positional), by_name


def _wanted(plan: CallPlan, signature: inspect.Signature) -> dict[str, object]:
    """The parameters that the program was exported with: a check, or None for a container."""
    checks = iter(plan.checks)
    found: list[Check | None] = []
    for part in (*plan.args.children, *plan.kwargs.children):
        own = list(itertools.islice(checks, part.num_leaves))
        found.append(own[0] if part.kind is None else None)
    count = len(plan.args.keys)
    names = (name for _, name in plan.kwargs.keys)
    return signature.bind(*found[:count], **dict(zip(names, found[count:], strict=True))).arguments


def _is_taken(check: object, default: object) -> bool:
    """Whether a default value is what the program wants where nothing is passed."""
    if not isinstance(check, Check) or isinstance(check.example, Looks):
        return False
    if check.varies:
        return type(default) in (int, float)
    return _is_same_constant(default, check.example)
