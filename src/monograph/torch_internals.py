"""Every touch of torch's private parts, in one place.

Nothing else in the package reads an underscore name of torch. ``tests/test_torch_internals.py``
names each fact relied on here, so that a new torch release fails there first.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch._higher_order_ops.associative_scan import associative_scan as torch_associative_scan
from torch._higher_order_ops.auto_functionalize import auto_functionalized
from torch._higher_order_ops.map import map as torch_map
from torch._higher_order_ops.scan import scan as torch_scan
from torch._higher_order_ops.while_loop import while_loop as torch_while_loop
from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx import Graph, Node
from torch.fx.node import Argument
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import SUPPORTED_NODES, KeyEntry, NodeDef

__all__ = [
    "BACKWARD_ENTRY",
    "COMPILER",
    "COMPOSITE",
    "DispatchMode",
    "FakeTensor",
    "HigherOrderOperator",
    "Holder",
    "NodeDef",
    "Operator",
    "OperatorPacket",
    "append_attribute",
    "append_node",
    "append_placeholder",
    "autocast_handles",
    "below_autograd",
    "bits_of",
    "bits_untouched",
    "child_of",
    "claim_names",
    "copied_node",
    "core_decompositions",
    "exporting_flags",
    "fake_mode",
    "functionalized",
    "functorch_is_active",
    "has_own_behaviour",
    "hold",
    "holder_of",
    "install_metadata",
    "make_alias",
    "make_wrapper",
    "mark_bits",
    "materialises",
    "name_of",
    "no_python_dispatch",
    "node_is_marked_constant",
    "plain_name",
    "pytree_node",
    "read_as_marked",
    "registered_key_paths",
    "schema_of",
    "set_child",
    "share_contents",
    "share_memory",
    "storage_key",
    "torch_associative_scan",
    "torch_map",
    "torch_scan",
    "torch_while_loop",
    "with_bits",
    "without_modes",
]

_C: Any = torch._C
Operator = OpOverload
OperatorPacket = OpOverloadPacket
make_wrapper: Callable[..., Any] = torch.Tensor._make_wrapper_subclass
disabled_torch_function = _C._disabled_torch_function_impl
COMPOSITE = "CompositeImplicitAutograd"
# Both ``torch.autograd.grad`` and ``torch.autograd.backward`` look this name up and call it.
BACKWARD_ENTRY = "_engine_run_backward"
# The package of the compiler: read where the program has loaded it, never imported here.
COMPILER = "torch._dynamo"


class DispatchMode(TorchDispatchMode):
    """A dispatch mode that torch does not wrap in ``torch._disable_dynamo``.

    The wrapper would import the compiler (about a second) at the first operator.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


_BITS = (_C.DispatchKey.Conjugate, _C.DispatchKey.Negative)
_BIT_KEYS = _C.DispatchKeySet(_BITS[0]) | _C.DispatchKeySet(_BITS[1])


@contextlib.contextmanager
def below_autograd() -> Iterator[None]:
    """Operators reach a dispatch mode whole: no autograd, no composite is opened."""
    inplace_or_view = _C.DispatchKeySet(_C.DispatchKey.ADInplaceOrView)
    with _C._AutoDispatchBelowAutograd(), _C._ExcludeDispatchKeyGuard(inplace_or_view):
        yield


def bits_untouched() -> contextlib.AbstractContextManager[None]:
    """Operators reach a dispatch mode with conjugated and negated tensors as they are.

    Elsewhere torch copies such a tensor before an operator that does not know it. Inside, a real
    kernel would read its memory as if it were not marked: see ``read_as_marked``.
    """
    guard: contextlib.AbstractContextManager[None] = _C._ExcludeDispatchKeyGuard(_BIT_KEYS)
    return guard


def read_as_marked() -> contextlib.AbstractContextManager[None]:
    """Conjugated and negated tensors are again copied for kernels that do not know them."""
    included = _C._dispatch_tls_local_include_set()
    excluded = _C._dispatch_tls_local_exclude_set()
    guard: contextlib.AbstractContextManager[None] = _C._ForceDispatchKeyGuard(
        included, excluded - _BIT_KEYS
    )
    return guard


def mark_bits(tensor: torch.Tensor, bits: int) -> None:
    """Let a tensor be read as the conjugate (1), the negative (2) or both of its memory."""
    if bits & 1:
        _C._set_conj(tensor, True)
    if bits & 2:
        _C._set_neg(tensor, True)


def bits_of(tensor: torch.Tensor) -> int:
    """How a tensor is marked, as ``mark_bits`` takes it."""
    return 1 * tensor.is_conj() | 2 * tensor.is_neg()


def with_bits(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    """The same values, marked like this."""
    if bits_of(tensor) == bits:
        return tensor
    tensor = tensor.resolve_conj().resolve_neg()
    if bits & 2:
        tensor = torch.neg(tensor)
    if bits & 1:
        tensor = torch._conj(torch.conj_physical(tensor))
    return torch._neg_view(tensor) if bits & 2 else tensor


def materialises(op: Any, bits: int) -> bool:
    """Whether torch copies an argument with some of ``bits`` before ``op`` sees it.

    Views and the kernels that compute with conjugates themselves (matrix products) do without,
    and a composite operator is opened first.
    """
    if has_kernel(op, COMPOSITE):
        return False
    marked = [key for i, key in enumerate(_BITS) if bits >> i & 1]
    return not all(_C._dispatch_has_kernel_for_dispatch_key(op.name(), key.name) for key in marked)


def no_python_dispatch() -> contextlib.AbstractContextManager[None]:
    """Operators on wrapper tensors skip Python; only for metadata surgery."""
    guard: contextlib.AbstractContextManager[None] = _C._DisableTorchDispatch()
    return guard


@contextlib.contextmanager
def exporting_flags() -> Iterator[None]:
    """What ``torch.compiler.is_exporting()`` reads; libraries steer by it."""
    names = ("_is_exporting_flag", "_is_compiling_flag")
    before = [getattr(torch.compiler, name) for name in names]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        for name in names:
            setattr(torch.compiler, name, True)
        # The fused encoder kernel is an inference shortcut that hides the operators.
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(torch.compiler, name, value)
        torch.backends.mha.set_fastpath_enabled(fast_path)


def compiled_functions_run_as_written() -> contextlib.AbstractContextManager[Any]:
    """What ``torch.compile`` has wrapped runs uncompiled, ``fullgraph=True`` or not."""
    if COMPILER not in sys.modules:  # nothing can have been compiled
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


@contextlib.contextmanager
def not_exporting() -> Iterator[None]:
    """TorchScript methods refuse to be called while ``is_exporting()`` holds."""
    before, torch.compiler._is_exporting_flag = torch.compiler._is_exporting_flag, False
    try:
        yield
    finally:
        torch.compiler._is_exporting_flag = before


def make_alias(kind: type, wrapper: torch.Tensor) -> Any:
    """Another wrapper tensor with the sizes and strides of ``wrapper``, which are not worked out

    again: 2 us instead of 50 where they are symbolic.
    """
    with _C._DisableTorchDispatch():
        return torch.Tensor._make_subclass(kind, wrapper)


def hide_from_compiler(function: Callable[..., Any]) -> None:
    """Keep the compiler's frame hook, where it is active, away from ``function``.

    ``torch.cond`` in eager mode compiles itself, and would compile our dispatch mode too.
    """
    frames = _C._dynamo.eval_frame
    skip = frames._FrameExecStrategy(frames._FrameAction.SKIP, frames._FrameAction.SKIP)
    frames.set_code_exec_strategy(function.__code__, skip)


@contextlib.contextmanager
def without_modes() -> Iterator[None]:
    """Operators inside are real ones: no dispatch mode sees them."""
    with _disable_current_modes(), read_as_marked():
        yield


def install_metadata(target: torch.Tensor, source: torch.Tensor) -> None:
    """Give the wrapper ``target`` the sizes and strides of ``source``, in place."""
    with no_python_dispatch():
        target.data = source


def schema_of(op: Operator) -> torch._C.FunctionSchema:
    """An operator's arguments and results: their names, kinds, and which are written."""
    schema: torch._C.FunctionSchema = op._schema
    return schema


def plain_name(op: Operator) -> str:
    """``add`` of ``aten.add.Tensor``."""
    name: str = op._opname
    return name


def name_of(target: object) -> str:
    """The plain name of an operator, or of another function that graphs call."""
    return plain_name(target) if isinstance(target, Operator) else str(getattr(target, "__name__"))


def has_kernel(op: Any, key: str) -> bool:
    """Whether operator ``op`` has a kernel of its own for the dispatch key ``key``."""
    return bool(_C._dispatch_has_kernel_for_dispatch_key(op.name(), key))


def autocast_handles(op: Any, device_type: str) -> bool:
    """Whether autocast casts the arguments of ``op`` itself, before it arrives here."""
    return has_kernel(op, "AutocastCPU" if device_type == "cpu" else "AutocastCUDA")


@contextlib.contextmanager
def quiet_fakes() -> Iterator[None]:
    """Without the log lines that a failing fake kernel writes before it raises."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def functorch_is_active() -> bool:
    """Whether a ``torch.func`` transform (``vmap``, ``grad`` ...) is running."""
    return _C._functorch.peek_interpreter_stack() is not None


def opened_composite(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a composite operator as the operators it is made of."""
    return op.decompose(*args, **kwargs)


def core_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operators that are not Core ATen, and the functions that compute them with such."""
    found: dict[Any, Callable[..., Any]] = torch._decomp._core_aten_decompositions_post_autograd()
    return found


_fake_mode: Any = None


def fake_mode() -> Any:
    """The one ``FakeTensorMode`` behind the inference fallback, made when first needed."""
    global _fake_mode
    if _fake_mode is None:
        from torch._subclasses.fake_tensor import FakeTensorMode

        _fake_mode = FakeTensorMode(allow_non_fake_inputs=False)
        _fake_mode.cache_enabled = False  # our memo stands in front of it
    return _fake_mode


def symbolic_fake_mode(shape_env: Any) -> Any:
    """A ``FakeTensorMode`` whose sizes belong to ``shape_env``, which need not be torch's."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    mode = FakeTensorMode(allow_non_fake_inputs=False, shape_env=shape_env, static_shapes=False)
    mode.cache_enabled = False  # it wants sympy
    return mode


@contextlib.contextmanager
def symbolic_dispatch(mode: Any) -> Iterator[None]:
    """Python meta functions come before the C++ ones, which want plain integers.

    Sizes that a custom operator's fake implementation asks for (``new_dynamic_size``) come from
    the shape environment of ``mode``; torch's own function wants symbols of sympy.
    """
    from torch._library import fake_impl

    def allocate(shape_env: Any, low: int = 0, high: int | None = None) -> Any:
        return shape_env.new_size(low, high)

    before = fake_impl.allocate_size
    fake_impl.allocate_size = allocate
    try:
        with _C._EnablePythonDispatcher():
            yield
    finally:
        fake_impl.allocate_size = before


def dynamic_output_errors() -> tuple[type[BaseException], ...]:
    """What a fake kernel raises when a result's size or value depends on data."""
    from torch._subclasses import fake_tensor

    return (
        fake_tensor.DynamicOutputShapeException,
        fake_tensor.DataDependentOutputException,
    )


def unsupported_operator_error() -> type[BaseException]:
    """What ``FakeTensorMode`` raises for an operator without a fake implementation."""
    from torch._subclasses import fake_tensor

    return fake_tensor.UnsupportedOperatorException


def storage_key(tensor: torch.Tensor) -> int:
    """The identity of the memory behind a strided tensor, shared by its views."""
    return int(tensor.untyped_storage()._cdata)


def share_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two strided tensors lie in one memory, and not one after the other."""
    if storage_key(one) != storage_key(other):
        return False
    if not (one.numel() and other.numel()):
        return False
    (start, end), (first, last) = map(_bytes_of, (one, other))
    return start < last and first < end


def _bytes_of(tensor: torch.Tensor) -> tuple[int, int]:
    size = tensor.element_size()
    start = int(tensor.storage_offset())
    reach = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return start * size, (start + reach + 1) * size


# ``auto_functionalized(op, **arguments)`` calls an operator that writes, on copies; it returns
# what the operator returns, then the copies in the order of the arguments.
functionalized = auto_functionalized

# torch.nn ------------------------------------------------------------------------------------

# Set directly: ``register_buffer`` and its relatives refuse names that a class uses itself.
Holder = dict[str, torch.Tensor | None]


def child_of(module: torch.nn.Module, name: str) -> torch.nn.Module | None:
    """A module's child of this name."""
    return module._modules.get(name)


def set_child(module: torch.nn.Module, name: str, child: torch.nn.Module) -> None:
    """Give a module a child."""
    module._modules[name] = child


def holder_of(module: torch.nn.Module, name: str) -> Holder:
    """The dictionary that a module keeps its tensor of this name in."""
    holders = vars(module)
    found: Holder = holders["_parameters" if name in module._parameters else "_buffers"]
    return found


def hold(module: torch.nn.Module, name: str, tensor: torch.Tensor, persistent: bool) -> Holder:
    """Give a module a parameter or a buffer; returns the dictionary that it is kept in."""
    if isinstance(tensor, torch.nn.Parameter):
        module._parameters[name] = tensor
    else:
        module._buffers[name] = tensor
        if persistent:
            module._non_persistent_buffers_set.discard(name)
        else:
            module._non_persistent_buffers_set.add(name)
    return holder_of(module, name)


def share_contents(module: torch.nn.Module, other: torch.nn.Module) -> None:
    """Let ``module`` have the children, parameters and buffers of ``other``, now and later."""
    module._modules, module._parameters = other._modules, other._parameters
    module._buffers = other._buffers
    module._non_persistent_buffers_set = other._non_persistent_buffers_set


# torch.fx ------------------------------------------------------------------------------------


def _inserted(graph: Graph, node: Node) -> Node:
    graph._insert(node)
    graph._find_nodes_lookup_table.insert(node)
    graph._len += 1
    return node


def append_node(graph: Graph, name: str, target: Any, args: Any, kwargs: Any) -> Node:
    """``graph.call_function`` under a name known to be free: 5 us instead of 12."""
    node = Node(graph, name, "call_function", target, args, kwargs)
    return _inserted(graph, node)


def append_attribute(graph: Graph, name: str) -> Node:
    """``graph.get_attr`` under a name known to be free."""
    node = Node(graph, name, "get_attr", name, (), {})
    return _inserted(graph, node)


def copied_node(graph: Graph, node: Node, mapped: Callable[[Node], Argument]) -> Node:
    """``node`` at the end of another graph under its own name; ``meta`` is left to the caller."""
    args = torch.fx.map_arg(node.args, mapped)
    kwargs = torch.fx.map_arg(node.kwargs, mapped) if node.kwargs else {}
    return _inserted(graph, Node(graph, node.name, node.op, node.target, args, kwargs))


def append_placeholder(graph: Graph, name: str) -> Node:
    """``graph.placeholder`` under a name known to be free, at the graph's insertion point."""
    node = Node(graph, name, "placeholder", name, (), {})
    return _inserted(graph, node)


def erase_nodes(graph: Graph) -> None:
    """Empty a graph that was given up, so that its nodes are no longer users of others."""
    for node in reversed(list(graph.nodes)):
        node.users.clear()
        graph.erase_node(node)


def claim_names(graph: Graph, names: set[str]) -> None:
    """Tell the graph which names ``append_node`` has used."""
    graph._graph_namespace._used_names.update(names)


def operator_packet(namespace: str, name: str) -> Any:
    """``torch.ops.<namespace>.<name>``, or None where there is no such operator."""
    return getattr(getattr(torch.ops, namespace), name, None)


# torch.utils._pytree -------------------------------------------------------------------------


def pytree_node(kind: type) -> NodeDef | None:
    """How torch's registry takes ``kind`` apart, or None where it is not registered."""
    return SUPPORTED_NODES.get(kind)


def registered_key_paths(definition: NodeDef, tree: Any) -> list[KeyEntry] | None:
    """The keys of a registered container's children, where its author gave them."""
    flatten = definition.flatten_with_keys_fn
    if flatten is None:
        return None
    pairs, _context = flatten(tree)
    return [key for key, _child in pairs]


# torch._dynamo, read where the user's program has loaded it, never imported -------------------


def node_is_marked_constant(function: Any) -> bool:
    """Whether ``torch._dynamo.assume_constant_result`` (or ours) decorates ``function``."""
    return bool(getattr(function, "_dynamo_marked_constant", False))


def mark_constant(function: Any) -> None:
    """The mark of ``assume_constant_result``."""
    function._dynamo_marked_constant = True


def has_own_behaviour(cls: type[torch.Tensor]) -> bool:
    """Whether a class of tensors has methods or operators of its own: ``Parameter`` has none."""
    if cls is torch.Tensor or issubclass(cls, FakeTensor):
        return False
    if cls.__torch_function__ is not disabled_torch_function:
        return True
    return cls.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__


def is_compiled_module(module: torch.nn.Module) -> bool:
    """Whether ``module`` is what ``torch.compile(module)`` returned."""
    eval_frame = sys.modules.get(f"{COMPILER}.eval_frame")
    return eval_frame is not None and isinstance(module, eval_frame.OptimizedModule)


def compiled_original(module: torch.nn.Module) -> torch.nn.Module:
    """The module that ``torch.compile`` wrapped."""
    original: torch.nn.Module = module._orig_mod  # type: ignore[assignment]
    return original
