"""What an export returns."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import nn
from torch.fx import Graph, GraphModule

from monograph.diagnostics import (
    ExportError,
    InputError,
    InteropError,
    InvalidProgramError,
)
from monograph.ir.assumptions import Assumption
from monograph.ir.call_plan import CallPlan
from monograph.ir.program import Parts
from monograph.ir.signature import (
    Argument,
    CallSpec,
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    ModuleCallEntry,
)
from monograph.ir.statistics import Statistics, Times, statistics_of
from monograph.ir.subgraphs import built
from monograph.shapes.constraints import Range

if TYPE_CHECKING:
    from monograph.hierarchy import FlatArgsAdapter, UnflattenedModule
    from monograph.verification import Verification

__all__ = ["ExportedProgram", "placed", "values_for"]


class ExportedProgram:
    """One functional graph, the state that it reads and writes, and how to call it.

    Attributes:
        parts: all that it consists of, for code that reads or makes programs.
        times: where the time of the export went; None where it was not exported here.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.times: Times | None = None
        self._graph_module: GraphModule | None = None
        _check(parts)

    @property
    def graph(self) -> Graph:
        """The graph; nodes carry ``val``, ``stack_trace`` and ``nn_module_stack``."""
        return self.parts.readable_graph()

    @property
    def graph_signature(self) -> ExportGraphSignature:
        """What each placeholder and each output is."""
        return self.parts.signature

    @property
    def state_dict(self) -> dict[str, Any]:
        """Parameters and persistent buffers by their names, tied ones under each name."""
        return self.parts.state_dict

    @property
    def constants(self) -> dict[str, Any]:
        """The other tensors: lifted constants and buffers that are not saved."""
        return self.parts.constants

    @property
    def tensor_constants(self) -> dict[str, torch.Tensor]:
        """The same: constants are tensors."""
        return self.parts.constants

    @property
    def example_inputs(self) -> Any:
        """``(args, kwargs)`` as given to ``export``; None where nothing was given."""
        return self.parts.example_inputs

    @property
    def range_constraints(self) -> dict[str, Range]:
        """The range of each size that varies, by its name."""
        return self.parts.ranges

    @property
    def module_call_graph(self) -> list[ModuleCallEntry]:
        """The modules; with signatures where these were asked for."""
        return self.parts.module_calls

    @property
    def assumptions(self) -> list[Assumption]:
        """What was fixed for good while capturing, with the lines that caused it."""
        return self.parts.assumptions

    @property
    def call_spec(self) -> CallSpec:
        """The structures of the arguments and of the result."""
        return self.parts.call_spec

    @property
    def graph_module(self) -> GraphModule:
        """The graph as a module that is called with all placeholders' values."""
        if self._graph_module is None:
            self._graph_module = built(self.parts.attributes, self.parts.readable_graph())
        return self._graph_module

    @property
    def dialect(self) -> str:
        """Which operators there may be, in the words of ``torch.export``: TRAINING as captured,
        ATEN after a decomposition."""
        return self.parts.dialect

    @property
    def verifiers(self) -> list[Verifier]:
        """What checks the program: one, for its dialect."""
        return [Verifier(self.dialect)]

    @property
    def verifier(self) -> Verifier:
        """The same."""
        return Verifier(self.dialect)

    def module(self, check_guards: bool = True) -> GraphModule:
        """A module that is called like the original one, with its parameters' storage.

        It is an ``fx.GraphModule``: its graph can be read, edited and recompiled.

        ``check_guards``: a call is refused where the program demands more of sizes and layouts
        than their ranges, and its arguments are otherwise; without, its results are then wrong.
        """
        from monograph.graph_module import ProgramGraphModule  # not every program is called

        return ProgramGraphModule(self.graph_module, self.parts, self.call_plan(check_guards))

    def call_plan(self, check_guards: bool = True) -> CallPlan:
        """What lies between a call and the graph; ``check_guards`` as in ``module``."""
        plan = replace(self.parts.plan, statistics=self._batch_norm_buffers())
        if not check_guards:
            sizes = None if plan.sizes is None else replace(plan.sizes, guards=[])
            plan = replace(plan, sizes=sizes, layouts=())
        return plan

    @property
    def statistics(self) -> Statistics:
        """Counts of nodes, operators and parameters, and where the time of the export went."""
        return statistics_of(self.parts, self.times)

    def explain(self) -> str:
        """What the program takes for granted, by kind, each with the line that is the reason."""
        found: dict[str, list[str]] = {}
        for assumption in self.assumptions:
            found.setdefault(assumption.kind, []).append(str(assumption))
        return "\n".join(
            "\n  ".join([f"{kind} ({len(texts)}):", *texts])
            for kind, texts in sorted(found.items())
        )

    def unflatten(self, flat_args_adapter: FlatArgsAdapter | None = None) -> UnflattenedModule:
        """The modules that the program came from, each with its part of the graph.

        Called like the original. Children can be exchanged (``set_submodule``); those named in
        ``preserve_module_call_signature`` take and return what the originals did.
        ``flat_args_adapter``: takes arguments that come in another structure.

        Raises:
            InteropError: MG-F104, where a call signature cannot be kept.
        """
        from monograph.hierarchy import UnflattenedModule  # not every program is
        from monograph.passes.signed import Signed, named
        from monograph.passes.unflatten import unflattened

        def leaves_of(arguments: list[Argument]) -> list[Any]:
            return [
                a.value if isinstance(a, ConstantArgument) else named(a.name) for a in arguments
            ]

        parts = self.parts
        signed: dict[str, list[Signed]] = {}
        for entry in parts.module_calls:
            call = entry.signature
            if entry.fqn and call is not None:
                inputs, outputs = map(leaves_of, (call.inputs, call.outputs))
                found = Signed(inputs, outputs, call.in_spec, call.out_spec)
                signed.setdefault(entry.fqn.partition("@")[0], []).append(found)
        targets = {s.arg.name: s.target for s in parts.signature.input_specs if s.target}
        root = unflattened(self.graph, parts.attributes, targets, parts.state, signed)
        _check(parts)
        return UnflattenedModule(root, parts.plan, parts.state, flat_args_adapter)

    def _batch_norm_buffers(self) -> frozenset[int | str]:
        """The written buffers that only batch norm reads."""
        batch_norm = torch.ops.aten._native_batch_norm_legit_functional.default
        specs = self.graph_signature.input_specs
        placeholders = zip(specs, self.parts.graph.nodes, strict=False)
        found = {
            spec.target or ""
            for spec, node in placeholders
            if spec.kind is InputKind.BUFFER
            and node.users
            and all(user.target is batch_norm for user in node.users)
        }
        return frozenset(found)

    def validate(self) -> None:
        """Check a program whose graph, signature or state was edited by hand.

        What a valid program is, ``monograph.ir.specification`` says rule by rule.

        Raises:
            InvalidProgramError: MG-F106, with the first violation, the node and those around it.
        """
        from monograph.inference.agreement import inferred  # what is asked of few programs
        from monograph.ir.verify import require

        require(
            self.parts,
            InvalidProgramError,
            "the program is not valid",
            but=("keys", "views"),
            more=[inferred],
            hint="edit what describes the graph as well (graph_signature), or leave its inputs and "
            "outputs as they are.",
        )

    def verify(
        self,
        model: Callable[..., object],
        *,
        samples: int = 50,
        seed: int = 0,
        calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]] | None = None,
        tolerance: float = 1e-5,
    ) -> Verification:
        """Compare the program with ``model`` in eager mode, on ``samples`` calls that are drawn.

        The calls are drawn over all that the program promises to hold for: sizes at the bounds of
        their ranges, 0, 1, primes and ties; arguments that are transposed, spaced, expanded, that
        start inside their memory, that are one tensor; NaN, infinities, zeros of both signs, the
        least and the largest numbers; dictionaries in other orders; with gradients and without;
        up to three calls in a row. Compared are results (values up to ``tolerance``, relative and
        absolute, dtypes, shapes, strides, what shares memory), arguments and state afterwards,
        gradients, and random draws. A call that the program refuses may not have written anything.

        ``model`` is what was exported, as it was then: the program keeps nothing of it. Both are
        copied, and stay as they are. ``calls``: pairs of ``(args, kwargs)`` to compare on instead,
        one after the other.

        Raises:
            DiffersError: an ``AssertionError`` with the smallest calls that show a difference, as a
                test to be kept.
        """
        from monograph.verification import verify  # not every program is

        return verify(
            self.parts,
            self.module(),
            model,
            samples=samples,
            seed=seed,
            calls=calls,
            tolerance=tolerance,
        )

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters with their dotted names, each once."""
        return self.parts.named_parameters()

    def buffers(self) -> Iterator[torch.Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers():
            yield buffer

    def named_buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Buffers with their dotted names, each once."""
        return self.parts.named_buffers()

    def run_decompositions(
        self,
        decomp_table: Mapping[Any, Any] | None = None,
        decompose_custom_triton_ops: bool = False,
    ) -> ExportedProgram:
        """The same program with other operators; it shares state with this one.

        ``decomp_table`` maps operators to functions that compute the same. Composite operators are
        opened as well, unless a table of ``default_decompositions()``, or of torch's function of
        that name, has lost them. None stands for that table, and leads to Core ATen; ``{}`` opens
        composite operators only. ``decompose_custom_triton_ops`` has torch open the operators of
        ``torch.library.triton_op``, in its own program, before.

        Raises:
            DecompositionError: MG-O102, for a rule that fails or gives another result.
        """
        if decompose_custom_triton_ops:
            from monograph.interop.importing import from_torch

            opened = self.to_torch().run_decompositions({}, decompose_custom_triton_ops=True)
            return ExportedProgram(from_torch(opened)).run_decompositions(decomp_table)
        from monograph.passes.decomposed import decomposed  # not every program is

        return ExportedProgram(decomposed(self.parts, decomp_table))

    def to_torch(self) -> Any:
        """The program as a ``torch.export.ExportedProgram``, over the same tensors.

        Raises:
            InteropError: MG-F104, for what ``torch.export`` has no word for.
        """
        from monograph.interop.decomposing import to_torch  # torch.export: a second to import

        return to_torch(self.parts)

    def with_fake_tensors(self) -> GraphModule:
        """The graph with ``FakeTensor`` objects of torch's, all of one mode, in ``meta["val"]``.

        It is the graph of ``to_torch()``, for passes that compute with them; in ``graph`` there are
        tensors that are only specs.
        """
        found: GraphModule = self.to_torch().graph_module
        return found

    def to_device(self, device: torch.device | str) -> ExportedProgram:
        """The program for another device, with its tensors moved there.

        Where the device is not here (a program for CUDA that is made on a machine without), the
        tensors stay where they are until the program is loaded from a file where it is.

        Raises:
            InteropError: MG-F104, for a program that uses several devices, or what is no device.
        """
        return ExportedProgram(placed(self.parts, device))

    def load_state_dict(
        self, state_dict: Mapping[str, torch.Tensor], *, strict: bool = True, assign: bool = False
    ) -> None:
        """Give the parameters and buffers other values.

        ``assign`` takes the tensors themselves instead of copying their values; so are tensors of
        a program that was captured without values (on the ``meta`` device): the program is then
        one for the device of the first. Buffers that are not saved, and constants, may be given
        as well. ``strict``: every parameter and buffer must be given, and nothing else.

        Raises:
            InputError: MG-I102, for what is missing, unknown, or of another size or dtype.
        """
        self.take(values_for([self.parts], state_dict, strict=strict, assign=assign))

    def take(self, values: Mapping[int, torch.Tensor]) -> None:
        """Have other tensors: ``values``, by the identities of those that they replace."""
        self.parts = with_values(self.parts, values)
        _check(self.parts)
        self._graph_module = None

    def compile(self, backend: str = "inductor", *, output: Any = None, **options: Any) -> Any:
        """The program as code: what ``backend`` makes of it.

        ``"inductor"``: a module, compiled when it is first called (``torch.compile``).
        ``"aoti"``: a shared library, loaded; ``output`` keeps it as a ``.pt2`` file, which
        ``torch._inductor.aoti_load_package`` and the C++ runtime load. ``"onnx"``: a
        ``torch.onnx.ONNXProgram``; ``output`` keeps the model as a file. ``options`` go to the
        backend.

        Raises:
            InteropError: MG-F104 for what the backend cannot take, MG-F105 where it is not
                installed, with what to install.
        """
        from monograph.interop.backends import compiled

        return compiled(self.parts, self.module(), backend, output, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: call ``module()`` instead."""
        raise ExportError(
            "an ExportedProgram is not called directly",
            code="MG-P105",
            hint="call its module: ep.module()(*args, **kwargs).",
        )

    def _repr_html_(self) -> str:
        from monograph.web.report import program_fragment

        return program_fragment(self.parts)

    def __deepcopy__(self, memo: dict[int, Any]) -> ExportedProgram:
        """A program with a graph and tensors of its own."""
        parts = _with_tensors(self.parts, lambda t: copy.deepcopy(t, memo))
        return ExportedProgram(replace(parts, signature=parts.signature.copy()))

    def __copy__(self) -> ExportedProgram:
        """A program over the same graph and tensors."""
        return ExportedProgram(self.parts)

    def __reduce__(self) -> tuple[Callable[[bytes], ExportedProgram], tuple[bytes]]:
        """A pickle holds the program's file."""
        from monograph.interop.files import as_bytes

        return _of_bytes, (as_bytes(self.parts),)

    def __str__(self) -> str:
        from monograph.ir.printing import format_program  # what is asked of few programs

        return format_program(self.parts)

    __repr__ = __str__


def _check(parts: Parts) -> None:
    """Hold a program to its specification, where ``MONOGRAPH_VERIFY`` is set."""
    if os.environ.get("MONOGRAPH_VERIFY", "0") not in ("", "0"):
        from monograph.ir.verify import verify

        verify(parts)


def _of_bytes(content: bytes) -> ExportedProgram:
    """The program of a pickle; whoever reads one has trusted it."""
    from monograph.interop.files import of_bytes

    return ExportedProgram(of_bytes(content))


@dataclass(frozen=True)
class Verifier:
    """Checks programs of a dialect, as the verifiers of ``torch.export`` do."""

    dialect: str

    def check(self, program: ExportedProgram) -> None:
        """``program.validate()``."""
        program.validate()


def placed(
    parts: Parts, device: torch.device | str, moved: dict[int, torch.Tensor] | None = None
) -> Parts:
    """A program for another device; ``moved``: tensors there, by the identities of the old ones."""
    try:
        target = torch.device(device)
    except RuntimeError:
        raise InteropError(
            f"{device!r} is no device", hint='pass "cpu", "cuda", "cuda:1" or "mps".'
        ) from None
    from monograph.passes.place import devices_of, tensor_on

    devices = devices_of(parts.graph)
    if len(devices) > 1:
        raise InteropError(
            f"the program uses several devices: {', '.join(sorted(map(str, devices)))}",
            hint="move the model, and export it again.",
        )
    plan = parts.plan.placed(target)
    made = _with_tensors(parts, lambda t: tensor_on(t, target), lambda _: target, moved)
    return replace(made, plan=plan, example_inputs=None)


def _with_tensors(
    parts: Parts,
    change: Callable[[torch.Tensor], torch.Tensor],
    move: Callable[[torch.device], torch.device] = lambda device: device,
    known: dict[int, torch.Tensor] | None = None,
) -> Parts:
    """A program with a graph of its own, and other tensors; those that were one still are.

    ``known``: what tensors have become already, by their identities; gets those of this program.
    """
    from monograph.passes.place import place

    found = place(parts.graph, parts.attributes, move)
    changed = {} if known is None else known

    def new(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in changed:
            changed[id(tensor)] = change(tensor)
        return changed[id(tensor)]

    return replace(
        parts,
        graph=found.graph,
        attributes=found.attributes,
        state={name: (new(t), kind, keep) for name, (t, kind, keep) in parts.state.items()},
        state_dict={name: new(tensor) for name, tensor in parts.state_dict.items()},
        constants={name: new(tensor) for name, tensor in parts.constants.items()},
    )


def values_for(
    programs: Sequence[Parts], given: Mapping[str, torch.Tensor], *, strict: bool, assign: bool
) -> dict[int, torch.Tensor]:
    """By the identities of the programs' tensors, what is in their place then.

    See ``ExportedProgram.load_state_dict``. The programs have one state.
    """
    new: dict[int, torch.Tensor] = {}
    saved = {name: t for parts in programs for name, t in parts.state_dict.items()}
    constants = {name: t for parts in programs for name, t in parts.constants.items()}
    others = {name: t for parts in programs for name, (t, *_) in parts.state.items()}
    known = {**saved, **others}
    for name, value in given.items():
        old = known.get(name)
        if old is None:
            if strict:
                raise InputError(f"the program has no parameter or buffer {name}")
            continue
        if not isinstance(value, torch.Tensor):
            raise InputError(f"the value of {name} is a {type(value).__name__}, not a tensor")
        if old.shape != value.shape or old.dtype != value.dtype:
            raise InputError(
                f"{name} is {old.dtype}{list(old.shape)}, but the value given is "
                f"{value.dtype}{list(value.shape)}"
            )
        has_no_values = old.is_meta or type(old) not in (torch.Tensor, nn.Parameter)
        if assign or has_no_values:
            found = value.detach()
            is_parameter = isinstance(old, nn.Parameter)
            new[id(old)] = nn.Parameter(found, old.requires_grad) if is_parameter else found
        else:
            with torch.no_grad():
                old.copy_(value)
            new[id(old)] = old
    missing = [
        name
        for name, tensor in {**saved, **constants}.items()
        if id(tensor) not in new and (name in saved or tensor.is_meta)
    ]
    if missing and strict:
        more = f" and {len(missing) - 5} others" if len(missing) > 5 else ""
        raise InputError(f"values are missing for {', '.join(missing[:5])}{more}")
    return new


def with_values(parts: Parts, values: Mapping[int, torch.Tensor]) -> Parts:
    """The program over other tensors, where ``values`` has some for the identities of its own."""

    def value_of(tensor: torch.Tensor) -> torch.Tensor:
        return values.get(id(tensor), tensor)

    made = replace(
        parts,
        state={name: (value_of(t), kind, keep) for name, (t, kind, keep) in parts.state.items()},
        state_dict={name: value_of(tensor) for name, tensor in parts.state_dict.items()},
        constants={name: value_of(tensor) for name, tensor in parts.constants.items()},
    )
    from monograph.passes.place import devices_of

    devices = devices_of(parts.graph)
    target = next((tensor.device for tensor in values.values()), None)
    if devices == {torch.device("meta")} and target is not None and target.type != "meta":
        return placed(made, target)
    return made
