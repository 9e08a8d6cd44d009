"""Every touch of torch's private parts, in one place.

Nothing else in the package reads an underscore name of torch. ``tests/test_torch_internals.py``
names each fact relied on here, so that a new torch release fails there first.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, BuiltinMethodType, CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import overrides
from torch._higher_order_ops.associative_scan import associative_scan as torch_associative_scan
from torch._higher_order_ops.auto_functionalize import auto_functionalized
from torch._higher_order_ops.map import map as torch_map
from torch._higher_order_ops.scan import scan as torch_scan
from torch._higher_order_ops.while_loop import while_loop as torch_while_loop
from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch._tensor_str import PRINT_OPTS
from torch.fx import Graph, Node, traceback
from torch.fx.graph import _PyTreeCodeGen, _PyTreeInfo, _register_custom_builtin
from torch.fx.node import Argument, Target
from torch.nn.modules import module as nn_module
from torch.nn.modules.transformer import _detect_is_causal_mask as detect_causal_mask
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    _disable_current_modes,
    _pop_mode,
    _push_mode,
)
from torch.utils._pytree import SUPPORTED_NODES, KeyEntry, NodeDef, TreeSpec, tree_flatten

__all__ = [
    "BACKWARD_ENTRY",
    "COMPILER",
    "COMPOSITE",
    "GLOBAL_HOOKS",
    "MAPPING_BEGINS",
    "MAPPING_ENDS",
    "MAPPING_ENTERS",
    "STANCE",
    "SWITCHES",
    "DispatchMode",
    "FakeTensor",
    "FunctionSchema",
    "HigherOrderOperator",
    "Holder",
    "NodeDef",
    "Operator",
    "OperatorPacket",
    "Switch",
    "TreeSpec",
    "append_attribute",
    "append_node",
    "append_placeholder",
    "as_mapped",
    "autocast_handles",
    "batching_rules",
    "below_autograd",
    "bits_of",
    "bits_untouched",
    "child_of",
    "claim_names",
    "copied_node",
    "core_decompositions",
    "detect_causal_mask",
    "dispatch_kept",
    "dispatch_of_a_new_thread",
    "fake_mode",
    "functionalized",
    "functorch_is_active",
    "has_own_behaviour",
    "hold",
    "holder_of",
    "install_metadata",
    "is_function_of_torch",
    "is_same_generator",
    "is_torchs_mark",
    "make_alias",
    "make_wrapper",
    "mapped_over",
    "mapping",
    "mapping_module",
    "mark_bits",
    "materialises",
    "name_of",
    "no_python_dispatch",
    "node_is_marked_constant",
    "numpy_in_torch",
    "outside_of_mapping",
    "plain_name",
    "propagates_real_tensors",
    "pytree_node",
    "read_as_marked",
    "real_operators",
    "registered_key_paths",
    "release_frames",
    "remove_batching_rules",
    "replaying_views",
    "schema_of",
    "set_child",
    "share_contents",
    "share_memory",
    "storage_key",
    "tables_of_functions",
    "torch_associative_scan",
    "torch_map",
    "torch_scan",
    "torch_while_loop",
    "torchs_decomposition",
    "transform_levels",
    "tree_flatten",
    "users_annotations",
    "wants_plain_sizes",
    "with_bits",
    "without_modes",
]

_C: Any = torch._C
Operator = OpOverload
FunctionSchema = torch._C.FunctionSchema
OperatorPacket = OpOverloadPacket
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
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
    is_conjugate = tensor.dtype.is_complex and tensor.is_conj()
    return 1 * is_conjugate | 2 * tensor.is_neg()


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


def compiled_functions_run_as_written() -> contextlib.AbstractContextManager[Any]:
    """What ``torch.compile`` has wrapped runs uncompiled, ``fullgraph=True`` or not."""
    if COMPILER not in sys.modules:  # nothing can have been compiled
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


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


@contextlib.contextmanager
def real_operators() -> Iterator[None]:
    """Operators inside compute values, wherever in a capture the question for one comes up.

    A fake kernel that asks runs with the dispatcher bent: Python's own kernels first, all tensors
    taken for meta tensors, no way back to Python.
    """
    included, excluded = _plain_dispatch()
    with (
        dispatch_kept(),
        without_modes(),
        _C._ForceDispatchKeyGuard(included, excluded),
    ):
        yield


Keys = tuple[_C.DispatchKeySet, _C.DispatchKeySet]  # included and excluded


@contextlib.contextmanager
def dispatch_of_a_new_thread() -> Iterator[None]:
    """Operators inside are as in a thread that has just begun: no mode, autograd, no transform."""
    included, excluded = _new_dispatch()
    with dispatch_kept(), without_modes(), _C._ForceDispatchKeyGuard(included, excluded):
        yield


@functools.cache
def _plain_dispatch() -> Keys:
    """The dispatcher's keys of a thread in which nothing has been done but to go below autograd."""
    return _keys_in_a_new_thread(below_autograd)


@functools.cache
def _new_dispatch() -> Keys:
    """The dispatcher's keys of a thread in which nothing has been done."""
    return _keys_in_a_new_thread(contextlib.nullcontext)


def _keys_in_a_new_thread(
    inside: Callable[[], contextlib.AbstractContextManager[None]],
) -> Keys:
    found: list[_C.DispatchKeySet] = []

    def note() -> None:
        with inside():
            found.append(_C._dispatch_tls_local_include_set())
            found.append(_C._dispatch_tls_local_exclude_set())

    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    return found[0], found[1]


# Functions that make a table of torch's functions when they are first called, for the process.
_TABLES = (
    overrides.get_ignored_functions,
    overrides.get_default_nowrap_functions,
    overrides.get_testing_overrides,
    overrides._get_overridable_functions,
    overrides._get_tensor_methods,
)


_device_constructors()  # 0.04 ms: ``with torch.device(..):`` asks this one, inside as well


@contextlib.contextmanager
def tables_of_functions() -> Iterator[None]:
    """Torch's tables of its functions have the functions, not what is in their places inside."""
    counts = [table.cache_info().currsize for table in _TABLES]
    try:
        yield
    finally:
        for table, count in zip(_TABLES, counts, strict=True):
            if table.cache_info().currsize > count:
                table.cache_clear()


@contextlib.contextmanager
def dispatch_kept() -> Iterator[None]:
    """This thread's dispatcher has afterwards the keys that it had before.

    Some functions of torch (``Tensor.__repr__``) keep a guard in a local variable, which puts the
    keys "back" when the variable dies. An exception keeps it alive: for as long as somebody keeps
    the exception, or until garbage is collected. So the variables of torch's frames die here.
    """
    with _C._PreserveDispatchKeyGuard():
        try:
            yield
        except BaseException as error:
            release_frames(error)
            raise


def release_frames(error: BaseException) -> None:
    """Forget the local variables of the frames of torch that ``error`` has come through."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        waiting += [current.__cause__, current.__context__]
        entry = current.__traceback__
        while entry is not None:
            if entry.tb_frame.f_code.co_filename.startswith(_TORCH):
                with contextlib.suppress(RuntimeError):  # it is still running
                    entry.tb_frame.clear()
            entry = entry.tb_next


def dispatcher_keys() -> tuple[str, ...]:
    """The keys of this thread's dispatcher, its modes, and the transforms of ``torch.func``."""
    return (
        str(_C._dispatch_tls_local_include_set()),
        str(_C._dispatch_tls_local_exclude_set()),
        str([id(mode) for mode in _dispatch_modes()]),
        str(_C._functorch.peek_interpreter_stack() is not None),
    )


def function_modes() -> tuple[Any, ...]:
    """The modes of this thread that see calls of torch's functions."""
    return tuple(_C._get_function_stack_at(i) for i in range(_C._len_torch_function_stack()))


def is_compiler_loaded() -> bool:
    """Whether the program, or a part of torch, has imported the compiler."""
    return f"{COMPILER}.eval_frame" in sys.modules


@dataclass(frozen=True)
class Switch:
    """One setting of torch, for this thread or for the process."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], Any]


def _backend_switches() -> Iterator[Switch]:
    for name in ("cudnn", "mkldnn"):
        for flag in ("enabled", "benchmark", "deterministic"):
            setter = getattr(_C, f"_set_{name}_{flag}", None)
            getter = getattr(_C, f"_get_{name}_{flag}", None)
            if setter is not None and getter is not None:
                yield Switch(f"torch.backends.{name}.{flag}", getter, setter)
    for kind in ("flash", "mem_efficient", "math", "cudnn"):
        getter = getattr(torch.backends.cuda, f"{kind}_sdp_enabled")
        setter = getattr(torch.backends.cuda, f"enable_{kind}_sdp")
        yield Switch(f"torch.backends.cuda.{kind}_sdp", getter, setter)


def _autocast_switches() -> Iterator[Switch]:
    for device in ("cpu", "cuda"):
        yield Switch(
            f"autocast on {device}",
            functools.partial(torch.is_autocast_enabled, device),
            functools.partial(torch.set_autocast_enabled, device),
        )
        yield Switch(
            f"dtype of autocast on {device}",
            functools.partial(torch.get_autocast_dtype, device),
            functools.partial(torch.set_autocast_dtype, device),
        )
    is_cached, set_cached = torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled
    yield Switch("autocast cache", is_cached, set_cached)

    def nesting() -> int:
        torch.autocast_increment_nesting()
        return int(torch.autocast_decrement_nesting())

    def set_nesting(wanted: int) -> None:
        now = nesting()
        for _ in range(now - wanted):
            torch.autocast_decrement_nesting()
        for _ in range(wanted - now):
            torch.autocast_increment_nesting()

    yield Switch("nesting of autocast", nesting, set_nesting)


def _set_function_modes(modes: tuple[Any, ...]) -> None:
    for _ in range(_C._len_torch_function_stack()):
        _C._pop_torch_function_stack()
    for mode in modes:
        _C._push_on_torch_function_stack(mode)


def _dispatch_modes() -> tuple[Any, ...]:
    return tuple(_C._get_dispatch_stack_at(i) for i in range(_C._len_torch_dispatch_stack()))


def _set_dispatch_modes(modes: tuple[Any, ...]) -> None:
    for _ in range(_C._len_torch_dispatch_stack()):
        _pop_mode()
    for mode in modes:
        _push_mode(mode)


def _set_default_device(context: Any) -> None:
    torch._GLOBAL_DEVICE_CONTEXT.device_context = context


def _stance() -> object:
    """What ``torch.compiler.set_stance`` has set; None: nothing."""
    stance = getattr(sys.modules.get(f"{COMPILER}.eval_frame"), "_stance", None)
    return None if stance is None or stance == type(stance)() else stance


def _set_stance(stance: object) -> None:
    eval_frame = sys.modules.get(f"{COMPILER}.eval_frame")
    if eval_frame is not None:
        eval_frame._stance = stance or eval_frame.DynamoStance()  # type: ignore[attr-defined]


def _set_full_backward_hooks(value: bool | None) -> None:
    nn_module._global_is_full_backward_hook = value


STANCE = Switch("stance of the compiler", _stance, _set_stance)
SWITCHES: tuple[Switch, ...] = (
    Switch("dispatch modes", _dispatch_modes, _set_dispatch_modes),
    Switch("function modes", function_modes, _set_function_modes),
    Switch("overriding of functions", _C._get_torch_function_state, _C._set_torch_function_state),
    Switch("grad mode", torch.is_grad_enabled, _C._set_grad_enabled),
    Switch("forward-mode gradients", _C._is_fwd_grad_enabled, _C._set_fwd_grad_enabled),
    Switch("threads of backward", _C._is_multithreading_enabled, _C._set_multithreading_enabled),
    Switch("replay of views", _C._is_view_replay_enabled, _C._set_view_replay_enabled),
    *_autocast_switches(),
    Switch("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Switch(
        "default device",
        lambda: getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None),
        _set_default_device,
    ),
    Switch(
        "deterministic algorithms",
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda values: torch.use_deterministic_algorithms(values[0], warn_only=values[1]),
    ),
    Switch(
        "filling of uninitialized memory",
        _C._get_deterministic_fill_uninitialized_memory,
        _C._set_deterministic_fill_uninitialized_memory,
    ),
    Switch(
        "precision of matmul",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    Switch(
        "anomaly mode",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda values: torch.set_anomaly_enabled(*values),
    ),
    Switch("repeated warnings", torch.is_warn_always_enabled, torch.set_warn_always),
    Switch("threads", torch.get_num_threads, torch.set_num_threads),
    Switch("printing", vars(PRINT_OPTS).copy, vars(PRINT_OPTS).update),
    Switch(
        "kind of global backward hooks",
        lambda: nn_module._global_is_full_backward_hook,
        _set_full_backward_hooks,
    ),
    STANCE,
    *_backend_switches(),
)  # fmt: skip
# The hooks that run for every module of the process.
GLOBAL_HOOKS: dict[str, dict[Any, Any]] = {
    name: held
    for name, held in vars(nn_module).items()
    if name.startswith("_global_") and isinstance(held, dict)
}


def install_metadata(target: torch.Tensor, source: torch.Tensor) -> None:
    """Give the wrapper ``target`` the sizes and strides of ``source``, in place."""
    with no_python_dispatch():
        target.data = source


# The names under which ``vmap`` looks up what begins and ends a level, and what a tensor becomes
# in it: in ``mapping_module()``.
MAPPING_BEGINS, MAPPING_ENDS = "_vmap_increment_nesting", "_vmap_decrement_nesting"
MAPPING_ENTERS = "_add_batch_dim"


def mapping_module() -> ModuleType:
    """The module of ``vmap``, which ``import torch`` has loaded."""
    return sys.modules["torch._functorch.vmap"]


def transform_levels() -> list[tuple[ModuleType, str, str]]:
    """Where torch's transforms of functions look up what begins and what ends a level."""
    of_gradients = sys.modules["torch._functorch.eager_transforms"]
    return [
        (mapping_module(), MAPPING_BEGINS, MAPPING_ENDS),
        (of_gradients, "_grad_increment_nesting", "_grad_decrement_nesting"),
        (of_gradients, "_jvp_increment_nesting", "_jvp_decrement_nesting"),
    ]


def mapping() -> tuple[int, int | torch.SymInt]:
    """The innermost ``vmap`` that runs: its level, and how many rows it maps over."""
    innermost = _C._functorch.peek_interpreter_stack()
    size = _C._functorch.CVmapInterpreterPtr(innermost).batchSize()
    return innermost.level(), size


def mapped_over(tensor: torch.Tensor, level: int) -> tuple[torch.Tensor, int | None]:
    """A tensor as it is outside of a ``vmap``, and which of its dimensions is mapped over there."""
    ask = _C._functorch
    if not ask.is_batchedtensor(tensor) or ask.maybe_get_level(tensor) != level:
        return tensor, None
    return ask.get_unwrapped(tensor), ask.maybe_get_bdim(tensor)


def is_mapped(tensor: torch.Tensor) -> bool:
    """Whether a tensor is another one in each row of a ``vmap`` that runs."""
    ask = _C._functorch
    while ask.is_functorch_wrapped_tensor(tensor):
        if ask.is_batchedtensor(tensor):
            return True
        tensor = ask.get_unwrapped(tensor)
    return False


def is_of_transform(tensor: torch.Tensor) -> bool:
    """Whether a tensor stands for another one inside of a transform of ``torch.func``."""
    return bool(_C._functorch.is_functorch_wrapped_tensor(tensor))


def as_mapped(tensor: torch.Tensor, dim: int, level: int) -> torch.Tensor:
    """A tensor as it is seen inside of a ``vmap``, without the dimension that is mapped over."""
    found: torch.Tensor = _C._functorch._add_batch_dim(tensor, dim, level)
    return found


def outside_of_mapping() -> contextlib.AbstractContextManager[None]:
    """Operators that a batching rule calls are those of the next transform, or nobody's."""
    keys = _C.DispatchKeySet(_C.DispatchKey.FuncTorchBatched)
    found: contextlib.AbstractContextManager[None] = _C._ExcludeDispatchKeyGuard(keys)
    return found


def wants_plain_sizes(error: BaseException) -> bool:
    """Whether code in C++ has asked for the sizes or strides of a mapped tensor, which vary."""
    return isinstance(error, RuntimeError) and "on tensor with symbolic sizes" in str(error)


def batching_rules(
    rules: dict[Any, Callable[..., Any]], applies: Callable[[], bool]
) -> torch.library.Library:
    """Python rules of ``vmap`` in place of those in C++, where and while ``applies()`` says so.

    They hold until the result's ``_destroy()``; ``remove_batching_rules`` calls it.
    """
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rules that are replaced
        for op, rule in rules.items():
            before = torch.library.get_kernel(op, _BATCHED)
            library.impl(
                op, _instead(before, rule, applies), _BATCHED, with_keyset=True, allow_override=True
            )
    return library


_BATCHED = "FuncTorchBatched"


def _instead(
    before: torch._C._SafeKernelFunction, rule: Callable[..., object], applies: Callable[[], bool]
) -> Callable[..., Any]:
    def kernel(keys: torch._C.DispatchKeySet, *args: object, **kwargs: object) -> object:
        if applies():
            return rule(*args, **kwargs)
        return before.call_boxed(keys, *args, **kwargs)

    return kernel


def remove_batching_rules(library: torch.library.Library) -> None:
    """What held before ``batching_rules`` holds again."""
    library._destroy()


def torchs_decomposition(op: Operator) -> Callable[..., Any] | None:
    """The Python function that computes an operator with others, where torch has one."""
    from torch._decomp import decomposition_table

    found: Callable[..., Any] | None = decomposition_table.get(op)
    return found


def schema_of(op: Operator) -> FunctionSchema:
    """An operator's arguments and results: their names, kinds, and which are written."""
    schema: FunctionSchema = op._schema
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
    """Without the log lines that a failing fake kernel writes before it raises, in this thread."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    thread = threading.get_ident()

    def is_heard(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(is_heard)
    try:
        yield
    finally:
        logger.removeFilter(is_heard)


def functorch_is_active() -> bool:
    """Whether a ``torch.func`` transform (``vmap``, ``grad`` ...) is running."""
    return _C._functorch.peek_interpreter_stack() is not None


def only_vmap_is_active() -> bool:
    """Whether ``vmap`` is running, and no transform that takes gradients."""
    stack = _C._functorch.get_interpreter_stack() or ()
    return bool(stack) and all(each.key() == _C._functorch.TransformType.Vmap for each in stack)


def opened_composite(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a composite operator as the operators it is made of."""
    return op.decompose(*args, **kwargs)


@contextlib.contextmanager
def replaying_views() -> Iterator[None]:
    """A write through a view is differentiated by making the view again, not by its address.

    An abstract tensor has no address: it starts at 0, whatever it is a view of.
    """
    before = _C._is_view_replay_enabled()
    _C._set_view_replay_enabled(True)
    try:
        yield
    finally:
        _C._set_view_replay_enabled(before)


def core_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operators that are not Core ATen, and the functions that compute them with such."""
    found: dict[Any, Callable[..., Any]] = torch._decomp._core_aten_decompositions_post_autograd()
    return found


def users_annotations() -> dict[str, Any] | None:
    """What ``torch.fx.traceback.annotate`` says of the operators that run now, as a copy."""
    meta = traceback.current_meta
    return dict(meta["custom"] or {}) or None if "custom" in meta else None


def is_torchs_mark(op: object, rule: object) -> bool:
    """Whether torch's table of decompositions only marks a composite operator to be opened."""
    return isinstance(rule, functools.partial) and rule.keywords == {"kernel": op}


_fake_mode: Any = None


def fake_mode() -> Any:
    """The one ``FakeTensorMode`` behind the inference fallback, made when first needed."""
    global _fake_mode
    if _fake_mode is None:
        _fake_mode = _without_memory(_fake_mode_class()(allow_non_fake_inputs=False))
    return _fake_mode


def symbolic_fake_mode(shape_env: Any, by_rule: Callable[..., Any]) -> Any:
    """A ``FakeTensorMode`` whose sizes belong to ``shape_env``, which need not be torch's.

    ``by_rule`` gets the mode and each operator that is called in it with its arguments, also
    those that other operators are made of; what it returns is the result, but NotImplemented.
    """

    class Mode(_fake_mode_class()):  # type: ignore[misc]
        def dispatch(
            self,
            func: torch._ops.OpOverload,
            types: Sequence[type],
            args: Sequence[object] = (),
            kwargs: Mapping[str, object] | None = None,
        ) -> object:
            found = by_rule(self, func, args, kwargs or {})
            if found is not NotImplemented:
                return found
            return super().dispatch(func, types, args, kwargs or {})

    mode = Mode(allow_non_fake_inputs=False, shape_env=shape_env, static_shapes=False)
    return _without_memory(mode)


@functools.cache
def _fake_mode_class() -> type[FakeTensorMode]:
    """``FakeTensorMode``, but that the compiler is not imported: that takes a second.

    The methods that read settings of the compiler are made once more, over other names.
    """
    wrapper: Callable[..., object] = FakeTensorMode.__torch_dispatch__
    raw: Callable[..., object] = getattr(wrapper, "__wrapped__", wrapper)
    stand_in = _WithoutCompiler()
    names = {**vars(builtins), "__import__": stand_in.imported}
    scope = {**FakeTensorMode.__init__.__globals__, "__builtins__": names, "torch": stand_in}

    class Mode(FakeTensorMode):
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False

        def __torch_dispatch__(
            self,
            func: torch._ops.OpOverload,
            types: Sequence[type],
            args: Sequence[object] = (),
            kwargs: Mapping[str, object] | None = None,
        ) -> object:
            dispatch = wrapper if is_compiler_loaded() else raw
            return dispatch(self, func, types, args, kwargs or {})

    for name, method in vars(FakeTensorMode).items():
        is_plain = isinstance(method, FunctionType) and name not in vars(Mode)
        if is_plain and "_dynamo" in method.__code__.co_names:
            code, defaults, cells = method.__code__, method.__defaults__, method.__closure__
            made = FunctionType(code, scope, name, defaults, cells)
            made.__kwdefaults__ = method.__kwdefaults__
            setattr(Mode, name, made)
    _let_references_run()
    return Mode


class _WithoutCompiler:
    """Stands for ``torch`` in code of torch's that reads a few settings of the compiler.

    As long as it is not loaded, they are what they are at first; none matters here.
    """

    fake_tensor_cache_enabled = fake_tensor_cache_crosscheck_enabled = False
    _custom_ops_profile = None

    def __getattr__(self, name: str) -> object:
        return getattr(torch, name)

    @property
    def _dynamo(self) -> object:
        return sys.modules[COMPILER] if is_compiler_loaded() else self

    @property
    def config(self) -> object:
        return self

    def imported(
        self,
        name: str,
        scope: Mapping[str, object] | None = None,
        local: Mapping[str, object] | None = None,
        wanted: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        """What an ``import`` of parts of torch binds."""
        if name == f"{COMPILER}.config" and not is_compiler_loaded():
            return self
        found = builtins.__import__(name, scope, local, wanted, level)
        return self if found is torch else found


_HIDING = "__dynamo_disable"  # where a hidden function has what hides it


def _let_references_run() -> None:
    """Torch's definitions of operators in Python do not import the compiler when they are called.

    They are hidden from the compiler, which is imported for that at the first call of each. There
    is nobody to hide from as long as it is not there.
    """
    import torch._decomp as tables
    import torch._refs as references

    modules = (references, references.nn.functional, references.special)
    left: list[object] = [each for module in modules for each in vars(module).values()]
    left += [*tables.decomposition_table.values(), *tables.meta_table.values()]
    seen = set()
    while left:
        function = left.pop()
        if not isinstance(function, FunctionType) or function in seen or not function.__closure__:
            continue
        seen.add(function)
        inner = function_hidden_by(function)
        if inner is not None and not hasattr(inner, _HIDING):
            setattr(inner, _HIDING, _hidden_later(function, inner))
        for cell in function.__closure__:
            with contextlib.suppress(ValueError):  # an empty one
                left.append(cell.cell_contents)


def function_hidden_by(function: object) -> Callable[..., object] | None:
    """The function that ``function`` hides from the compiler, if it does no more than that."""
    hiding = _hiding()
    if not isinstance(function, FunctionType) or function.__code__ is not hiding:
        return None
    cells = dict(zip(hiding.co_freevars, function.__closure__ or (), strict=True))
    found: Callable[..., object] = cells["fn"].cell_contents
    return found


@functools.cache
def _hiding() -> CodeType:
    """The code of what hides a function from the compiler."""
    code: CodeType = torch._disable_dynamo(_hiding).__code__  # type: ignore[attr-defined]
    return code


def _hidden_later(
    wrapper: Callable[..., object], function: Callable[..., object]
) -> Callable[..., object]:
    def run(*args: object, **kwargs: object) -> object:
        if not is_compiler_loaded():
            return function(*args, **kwargs)
        if getattr(function, _HIDING, None) is run:
            delattr(function, _HIDING)
        return wrapper(*args, **kwargs)

    hide_from_compiler(run)
    return run


def _without_memory(mode: FakeTensorMode) -> FakeTensorMode:
    mode.cache_enabled = False  # our memo stands in front of it, and it wants sympy
    mode.propagate_real_tensors = False  # there are none, whatever torch is set to
    return mode


_OVERLAPS, _MAY_OVERLAP = 1, 2  # as ``at::MemOverlap`` has them


@contextlib.contextmanager
def symbolic_dispatch(mode: Any) -> Iterator[None]:
    """Python meta functions come before the C++ ones, which want plain integers.

    Sizes that a custom operator's fake implementation asks for (``new_dynamic_size``) come from
    the shape environment of ``mode``; torch's own function wants symbols of sympy. And whether a
    tensor overlaps itself is told by strides that are 0: torch's own function sorts strides, whose
    order is answered for some of many sizes, and leaves its memory where answers make no order.
    """
    from torch._library import fake_impl

    ours = mode.shape_env
    before: Callable[..., Any] = fake_impl.allocate_size

    def allocate(shape_env: Any, low: int = 0, high: int | None = None) -> Any:
        if shape_env is not ours:  # another thread's
            return before(shape_env, low, high)
        return shape_env.new_size(low, high)

    overlaps: Callable[[torch.Tensor], int] = torch._debug_has_internal_overlap

    def overlaps_by_strides(tensor: torch.Tensor) -> int:
        if not any(isinstance(n, torch.SymInt) for n in (*tensor.shape, *tensor.stride())):
            return overlaps(tensor)
        pairs = zip(tensor.shape, tensor.stride(), strict=True)
        repeats = any(type(stride) is int and not stride and size > 1 for size, stride in pairs)
        return _OVERLAPS if repeats else _MAY_OVERLAP

    fake_impl.allocate_size = allocate
    torch._debug_has_internal_overlap = overlaps_by_strides  # type: ignore[assignment]
    try:
        with _C._EnablePythonDispatcher():
            yield
    finally:
        fake_impl.allocate_size = before
        torch._debug_has_internal_overlap = overlaps  # type: ignore[assignment]


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


def is_function_of_torch(function: BuiltinFunctionType) -> bool:
    """Whether it is one of torch's functions in C on tensors, as ``torch`` or ``nn`` has them."""
    owners = (torch._C._VariableFunctions, torch._C._nn)
    return any(getattr(owner, function.__name__, None) == function for owner in owners)


def is_same_generator(one: torch.Generator, other: torch.Generator) -> bool:
    """Whether two objects are one generator: the dispatcher wraps it anew for each operator."""
    return one._cdata == other._cdata  # type: ignore[attr-defined]


def writes_to(tensor: torch.Tensor) -> int:
    """How often the memory behind ``tensor`` has been written."""
    return int(tensor._version)


def put_back_writes(tensors: list[torch.Tensor], counts: list[int]) -> None:
    """Let ``writes_to`` be for each what it was: nothing was written to them since."""
    torch._C._autograd._unsafe_set_version_counter(tuple(tensors), tuple(counts))


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


def _inserted(graph: Graph, node: Node, target: Target | None = None) -> Node:
    """``target``: that of a call, by which ``graph.find_nodes`` finds it."""
    graph._insert(node)
    graph._find_nodes_lookup_table.table[node.op, target][node] = None
    graph._len += 1
    return node


def append_node(graph: Graph, name: str, target: Any, args: Any, kwargs: Any) -> Node:
    """``graph.call_function`` under a name known to be free: 5 us instead of 12."""
    node = Node(graph, name, "call_function", target, args, kwargs)
    return _inserted(graph, node, target)


def append_attribute(graph: Graph, name: str) -> Node:
    """``graph.get_attr`` under a name known to be free."""
    node = Node(graph, name, "get_attr", name, (), {})
    return _inserted(graph, node)


def copied_node(graph: Graph, node: Node, mapped: Callable[[Node], Argument]) -> Node:
    """``node`` at the end of another graph under its own name; ``meta`` is left to the caller."""
    args = torch.fx.map_arg(node.args, mapped)
    kwargs = torch.fx.map_arg(node.kwargs, mapped) if node.kwargs else {}
    copied = Node(graph, node.name, node.op, node.target, args, kwargs)
    return _inserted(graph, copied, node.target if node.op == "call_function" else None)


def append_placeholder(graph: Graph, name: str) -> Node:
    """``graph.placeholder`` under a name known to be free, at the graph's insertion point."""
    node = Node(graph, name, "placeholder", name, (), {})
    return _inserted(graph, node)


def structured_code(
    names: list[str], arguments: TreeSpec, result: TreeSpec
) -> torch.fx.graph.CodeGen:
    """Code whose function takes arguments, and gives a result, of these structures."""
    return _PyTreeCodeGen(_PyTreeInfo(names, arguments, result))


def erase_nodes(graph: Graph) -> None:
    """Empty a graph that was given up, so that its nodes are no longer users of others."""
    for node in reversed(list(graph.nodes)):
        node.users.clear()
        graph.erase_node(node)


def claim_names(graph: Graph, names: set[str]) -> None:
    """Tell the graph which names ``append_node`` has used."""
    graph._graph_namespace._used_names.update(names)


def propagates_real_tensors() -> bool:
    """Whether the user has asked for fake tensors that carry real ones, if anybody can have."""
    settings = sys.modules.get("torch._functorch.config")
    return bool(getattr(settings, "fake_tensor_propagate_real_tensors", False))


def numpy_in_torch() -> ModuleType:
    """Torch's own functions of numpy, on tensors."""
    import torch._numpy

    return torch._numpy


def operator_packet(namespace: str, name: str) -> Any:
    """``torch.ops.<namespace>.<name>``, or None where there is no such operator."""
    return getattr(getattr(torch.ops, namespace), name, None)


_OWNERS = (_C._nn, _C._fft, _C._linalg, _C._special, _C._sparse, _C._nested)


def is_operator_function(function: BuiltinMethodType) -> bool:
    """Whether a function in C is one that calls the operator of its name, as ``torch.relu``."""
    owner = function.__self__
    if owner is None:
        return getattr(_C._VariableFunctions, function.__name__, None) is function
    return any(owner is each for each in _OWNERS)


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


# Imaginary numbers as Python writes them in the code of a graph; torch knows ``inf`` and ``nan``.
_register_custom_builtin("infj", "infj = complex(0, float('inf'))", complex(0, float("inf")))
_register_custom_builtin("nanj", "nanj = complex(0, float('nan'))", complex(0, float("nan")))
