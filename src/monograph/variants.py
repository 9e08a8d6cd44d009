"""One program in several variants, each for calls of its own, over the same tensors."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn

from monograph.choice import Choice
from monograph.control.eager import runnable
from monograph.diagnostics import ExportError, MutationError, PythonFeatureError
from monograph.ir.assumptions import Assumption
from monograph.ir.call_plan import CallPlan, Looks
from monograph.ir.printing import format_type
from monograph.ir.program import Parts
from monograph.ir.signature import InputKind
from monograph.ir.state import register
from monograph.module import ProgramModule, device_after
from monograph.program import ExportedProgram, placed, values_for
from monograph.shapes.constraints import Range
from monograph.shapes.questions import brief

__all__ = ["CompiledVariants", "ExportedVariants", "VariantsModule"]

_MOST_ARGUMENTS = 8  # that are shown of a variant


class ExportedVariants(Mapping[str, ExportedProgram]):
    """Programs for several kinds of calls of one model, by their names, over the same tensors.

    What an ``export_variants`` returns. A mapping: ``variants["decode"]`` is an
    ``ExportedProgram``, ``module()`` is called like the model, and takes for each call the first
    variant whose contract it meets (the structure of the arguments, constants, dtypes, sizes).

    Raises:
        MutationError: MG-M103, for programs whose state is not the same.
    """

    def __init__(self, programs: Mapping[str, ExportedProgram]) -> None:
        if not programs:
            raise PythonFeatureError("there is no variant", hint="give at least one program.")
        self._programs = dict(programs)
        _share_state(self._programs)

    def __getitem__(self, name: str) -> ExportedProgram:
        return self._programs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._programs)

    def __len__(self) -> int:
        return len(self._programs)

    # Calls -----------------------------------------------------------------------------------

    def module(self, check_guards: bool = True) -> VariantsModule:
        """A module that is called like the model, with its parameters' storage.

        ``check_guards``: as in ``ExportedProgram.module``.
        """
        return VariantsModule(self._programs, check_guards)

    def choose(self, *args: object, **kwargs: object) -> str:
        """The name of the variant that such a call runs; nothing is computed.

        Raises:
            InputError: MG-I108, where there is none.
        """
        return self._choice().of(args, kwargs)[0]

    def compile(
        self,
        backend: str = "inductor",
        *,
        output: str | os.PathLike[str] | None = None,
        **options: object,
    ) -> CompiledVariants:
        """What ``backend`` makes of each variant, to be called like the model; by name, too.

        ``output``: the file of a variant has its name before the suffix, ``model.decode.pt2``.
        See ``ExportedProgram.compile``.
        """
        made = {
            name: program.compile(
                backend, output=None if output is None else _named(output, name), **options
            )
            for name, program in self._programs.items()
        }
        return CompiledVariants(made, self._choice(), self._plans())

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        """Refused: call ``module()`` instead."""
        raise ExportError(
            "an exported program is not called directly",
            code="MG-P105",
            hint="call its module: variants.module()(*args, **kwargs).",
        )

    def _plans(self) -> dict[str, CallPlan]:
        return {name: program.parts.plan for name, program in self._programs.items()}

    def _choice(self) -> Choice:
        return Choice(self._plans())

    # State -----------------------------------------------------------------------------------

    @property
    def state_dict(self) -> dict[str, torch.Tensor]:
        """Parameters and persistent buffers of all variants by their names."""
        return {n: t for program in self._programs.values() for n, t in program.state_dict.items()}

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters with their dotted names, each once."""
        programs = self._programs.values()
        yield from {n: t for program in programs for n, t in program.named_parameters()}.items()

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Buffers with their dotted names, each once."""
        found = dict(
            pair for program in self._programs.values() for pair in program.named_buffers()
        )
        yield from found.items()

    def buffers(self) -> Iterator[torch.Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def load_state_dict(
        self, state_dict: Mapping[str, torch.Tensor], *, strict: bool = True, assign: bool = False
    ) -> None:
        """Give the parameters and buffers of all variants other values.

        See ``ExportedProgram.load_state_dict``.
        """
        parts = [program.parts for program in self._programs.values()]
        values = values_for(parts, state_dict, strict=strict, assign=assign)
        for program in self._programs.values():
            program.take(values)
        _share_state(self._programs)

    # Other programs --------------------------------------------------------------------------

    def run_decompositions(self, decomp_table: Mapping[Any, Any] | None = None) -> ExportedVariants:
        """The same variants with other operators; they share state with these.

        See ``ExportedProgram.run_decompositions``.
        """
        return self._each(lambda program: program.run_decompositions(decomp_table))

    def to_device(self, device: torch.device | str) -> ExportedVariants:
        """The variants for another device; see ``ExportedProgram.to_device``."""
        moved: dict[int, torch.Tensor] = {}
        return self._each(lambda program: ExportedProgram(placed(program.parts, device, moved)))

    def to_torch(self) -> dict[str, Any]:
        """The variants by their names, each as a ``torch.export.ExportedProgram``.

        See ``ExportedProgram.to_torch``.
        """
        return {name: program.to_torch() for name, program in self._programs.items()}

    def validate(self) -> None:
        """Check variants that were edited by hand; see ``ExportedProgram.validate``."""
        for program in self._programs.values():
            program.validate()

    def _each(self, change: Callable[[ExportedProgram], ExportedProgram]) -> ExportedVariants:
        made = {name: change(program) for name, program in self._programs.items()}
        return ExportedVariants(made)

    def __reduce__(self) -> tuple[type[ExportedVariants], tuple[dict[str, ExportedProgram]]]:
        """A pickle holds the programs; what they share, they share again."""
        return ExportedVariants, (self._programs,)

    def __deepcopy__(self, memo: dict[int, object]) -> ExportedVariants:
        return self._each(lambda program: copy.deepcopy(program, memo))

    # What is said of them --------------------------------------------------------------------

    @property
    def assumptions(self) -> list[Assumption]:
        """What was fixed for good while capturing any of the variants, each once."""
        found = [a for program in self._programs.values() for a in program.assumptions]
        return list(dict.fromkeys(found))

    def explain(self) -> str:
        """What each variant takes for granted; see ``ExportedProgram.explain``."""
        texts = {name: program.explain() for name, program in self._programs.items()}
        return "\n".join(f"{name}:\n{text}" for name, text in texts.items() if text)

    def contract(self, name: str) -> str:
        """Which calls a variant takes: ``(ids: i64[batch, 1], mask=None)``."""
        return _contract(self._programs[name].parts)

    def __str__(self) -> str:
        lines = [f"ExportedVariants: {len(self)}, of which a call takes the first that it fits"]
        for name, program in self._programs.items():
            counts = program.statistics
            lines.append(f"    {name}{self.contract(name)}")
            lines.append(f"        {sum(counts.operators.values())} operators")
        count = sum(parameter.numel() for parameter in self.parameters())
        names = [name for name, _ in self.named_buffers()]
        lines.append(f"{count:,} parameters, {len(names)} buffers, shared by all")
        return "\n".join(lines) + "\n"

    __repr__ = __str__


class VariantsModule(nn.Module):
    """Calls the variant of a program that a call is for; parameters and buffers are those of all.

    Raises:
        InputError: MG-I108, for a call that no variant takes, with the nearest and what differs.
    """

    def __init__(self, programs: Mapping[str, ExportedProgram], check_guards: bool) -> None:
        super().__init__()
        state = {name: item for p in programs.values() for name, item in p.parts.state.items()}
        owners = register(self, state)
        self.__dict__["_members"] = members = dict[str, ProgramModule]()
        plans = {name: program.call_plan(check_guards) for name, program in programs.items()}
        for name, program in programs.items():
            own = {n: i for n, i in program.parts.state.items() if i[0] is not state[n][0]}
            beside = register(self, {f"{name}.{n}": item for n, item in own.items()})
            places = {
                n: beside[f"{name}.{n}"] if n in own else owners[n] for n in program.parts.state
            }
            graph_module = runnable(program.graph_module)
            members[name] = ProgramModule(graph_module, plans[name], program.parts.state, places)
        self.__dict__["_choice"] = Choice(plans)
        self.training = any(member.training for member in members.values())

    def forward(self, *args: object, **kwargs: object) -> object:
        """Run the variant that this call is for."""
        name, leaves = self.__dict__["_choice"].of(args, kwargs)
        return self.__dict__["_members"][name]._run(leaves)

    def train(self, mode: bool = True) -> VariantsModule:
        """Only the mode that the program was captured in.

        Raises:
            InputError: MG-I105, for the other mode.
        """
        for member in self.__dict__["_members"].values():
            member.train(mode)
        return self

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> VariantsModule:
        device = device_after(self, fn)
        members = list(self.__dict__["_members"].values())
        moved = [member for member in members if member._is_moved_to(device)]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for member in moved:
            member._follow(device)
        if moved:
            plans = {n: m.__dict__["_plan"] for n, m in self.__dict__["_members"].items()}
            self.__dict__["_choice"] = Choice(plans)
        return self

    def extra_repr(self) -> str:
        """The names of the variants."""
        return f"variants={', '.join(self.__dict__['_members'])}"


class CompiledVariants(Mapping[str, Callable[..., object]]):
    """What a backend has made of each variant; called like the model, it takes the one that fits.

    Raises:
        InputError: MG-I108, for a call that no variant takes.
    """

    def __init__(
        self,
        compiled: Mapping[str, Callable[..., object]],
        choice: Choice,
        plans: Mapping[str, CallPlan],
    ) -> None:
        self._compiled = dict(compiled)
        self._choice = choice
        self._plans = plans

    def __getitem__(self, name: str) -> Callable[..., object]:
        return self._compiled[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._compiled)

    def __len__(self) -> int:
        return len(self._compiled)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the variant that this call is for, with its arguments as it was exported."""
        name, leaves = self._choice.of(args, kwargs)
        plan = self._plans[name]
        split = plan.args.num_leaves
        given, named = plan.args.unflatten(leaves[:split]), plan.kwargs.unflatten(leaves[split:])
        return self[name](*given, **named)


def _named(output: str | os.PathLike[str], name: str) -> Path:
    path = Path(output)
    return path.with_name(f"{path.stem}.{name}{path.suffix}")


# One state -----------------------------------------------------------------------------------


def _share_state(programs: Mapping[str, ExportedProgram]) -> None:
    """Let what has one name and the same contents be one tensor in all the programs."""
    first: dict[str, tuple[str, torch.Tensor]] = {}
    for name, program in programs.items():
        values: dict[int, torch.Tensor] = {}
        writes = program.parts.plan.writes
        for target, tensor in _tensors(program.parts):
            owner, known = first.setdefault(target, (name, tensor))
            if tensor is known or id(tensor) in values:
                continue
            if _is_same(known, tensor):
                values[id(tensor)] = known
            elif target in program.state_dict or any(w.target == target for w in writes):
                raise MutationError(
                    f"{target} is another tensor in the variant {name} than in {owner}",
                    code="MG-M103",
                    hint="variants are programs of one model, whose state is the same for all.",
                )
        if values:
            program.take(values)


def _tensors(parts: Parts) -> Iterator[tuple[str, torch.Tensor]]:
    yield from parts.state_dict.items()
    for name, (tensor, _, _) in parts.state.items():
        if name not in parts.state_dict:
            yield name, tensor


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    looks = [(t.shape, t.dtype, t.device, t.layout, type(t)) for t in (one, other)]
    if looks[0] != looks[1]:
        return False
    if one.is_meta or type(one) not in (torch.Tensor, nn.Parameter):
        return True  # there are no values
    if one.layout is not torch.strided:
        return torch.equal(one.to_dense(), other.to_dense())
    places = [(t.data_ptr(), t.stride()) for t in (one, other)]
    return places[0] == places[1] or torch.equal(one, other)


# What a variant takes, as text ---------------------------------------------------------------


def _contract(parts: Parts) -> str:
    specs = zip(parts.signature.input_specs, parts.readable_graph().nodes, strict=False)
    nodes = [node for spec, node in specs if spec.kind is InputKind.USER_INPUT]
    found = []
    for check, node in zip(parts.plan.checks, nodes, strict=True):
        name = check.name or node.name
        if isinstance(check.example, Looks):
            found.append(f"{name}: {format_type(node)}")
        elif check.varies:
            found.append(f"{name}: {type(check.example).__name__}")
        else:
            found.append(f"{name}={check.example!r}")
    if len(found) > _MOST_ARGUMENTS:
        found[_MOST_ARGUMENTS:] = [f"... {len(found) - _MOST_ARGUMENTS} more"]
    text = f"({', '.join(found)})"
    limits = list(filter(None, (_limit(*item) for item in parts.ranges.items())))
    limits += [] if parts.plan.sizes is None else [brief(g.test) for g in parts.plan.sizes.guards]
    return f"{text} where {', '.join(limits)}" if limits else text


def _limit(name: str, bounds: Range) -> str:
    lower = f"{bounds.lower} <= " if bounds.lower else ""
    upper = "" if bounds.upper is None else f" <= {bounds.upper}"
    return f"{lower}{name}{upper}" if lower or upper else ""
