"""What a graph's inputs and outputs are: the names and kinds of ``torch.export``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from monograph.ir.structure import Structure

if TYPE_CHECKING:
    from torch.fx import Node

__all__ = [
    "Argument",
    "CallSpec",
    "ConstantArgument",
    "ExportGraphSignature",
    "InputKind",
    "InputSpec",
    "ModuleCallEntry",
    "ModuleCallSignature",
    "OutputKind",
    "OutputSpec",
    "SymBoolArgument",
    "SymFloatArgument",
    "SymIntArgument",
    "TensorArgument",
]


class _Kind(Enum):
    """A kind, which equals the one that ``torch.export`` calls the same."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Enum):
            return NotImplemented
        return self.name == other.name and type(self).__name__ == type(other).__name__

    __hash__ = Enum.__hash__  # that of the name


class InputKind(_Kind):
    """Where a placeholder's value comes from."""

    USER_INPUT = auto()
    PARAMETER = auto()
    BUFFER = auto()
    CONSTANT_TENSOR = auto()
    CUSTOM_OBJ = auto()
    TOKEN = auto()


class OutputKind(_Kind):
    """Where an output's value goes."""

    USER_OUTPUT = auto()
    LOSS_OUTPUT = auto()
    BUFFER_MUTATION = auto()
    PARAMETER_MUTATION = auto()
    GRADIENT_TO_PARAMETER = auto()
    GRADIENT_TO_USER_INPUT = auto()
    USER_INPUT_MUTATION = auto()
    TOKEN = auto()

    @property
    def is_mutation(self) -> bool:
        """Whether it is the new content of a parameter, a buffer or an argument."""
        return self.name.endswith("_MUTATION")


@dataclass(frozen=True)
class TensorArgument:
    """The tensor that the node called ``name`` gives."""

    name: str


@dataclass(frozen=True)
class SymIntArgument:
    """The integer that the node called ``name`` gives."""

    name: str


@dataclass(frozen=True)
class SymFloatArgument:
    """The float that the node called ``name`` gives."""

    name: str


@dataclass(frozen=True)
class SymBoolArgument:
    """The truth value that the node called ``name`` gives."""

    name: str


@dataclass(frozen=True)
class ConstantArgument:
    """A value that is part of the program; ``name`` is its placeholder, or empty."""

    name: str
    value: Any


Argument = TensorArgument | SymIntArgument | SymFloatArgument | SymBoolArgument | ConstantArgument


def _renamed(argument: Argument, names: Mapping[str, str]) -> Argument:
    """The same of a node that ``names`` may give another name."""
    new = names.get(argument.name, argument.name)
    return argument if new == argument.name else replace(argument, name=new)


@dataclass(frozen=True)
class InputSpec:
    """One placeholder. ``target``: the state's dotted name; ``persistent``: for buffers."""

    kind: InputKind
    arg: Argument
    target: str | None
    persistent: bool | None = None

    def renamed(self, names: Mapping[str, str]) -> InputSpec:
        """The same of a graph whose nodes have other names."""
        return replace(self, arg=_renamed(self.arg, names))

    def __str__(self) -> str:
        text = f"{self.arg.name}: {self.kind.name}"
        if isinstance(self.arg, ConstantArgument):
            text += f" = {self.arg.value!r}"
        if self.target is not None:
            text += f" target={self.target!r}"
        if self.persistent is not None:
            text += f" persistent={self.persistent}"
        return text


@dataclass(frozen=True)
class OutputSpec:
    """One output. ``target``: the state, or the input's placeholder, that it is written to."""

    kind: OutputKind
    arg: Argument
    target: str | None

    def renamed(self, names: Mapping[str, str]) -> OutputSpec:
        """The same of a graph whose nodes have other names; a constant is no node."""
        if isinstance(self.arg, ConstantArgument):
            return self
        return replace(self, arg=_renamed(self.arg, names))

    def __str__(self) -> str:
        is_constant = isinstance(self.arg, ConstantArgument)
        value = repr(self.arg.value) if is_constant else self.arg.name  # type: ignore[union-attr]
        text = f"{value}: {self.kind.name}"
        return text if self.target is None else f"{text} target={self.target!r}"


@dataclass
class ExportGraphSignature:
    """All inputs and outputs of a graph, in order."""

    input_specs: list[InputSpec]
    output_specs: list[OutputSpec]

    def renamed(self, new: list[str]) -> ExportGraphSignature:
        """The signature of a graph with the same inputs, whose outputs have other names."""
        outputs = [
            spec
            if isinstance(spec.arg, ConstantArgument)
            else replace(spec, arg=replace(spec.arg, name=name))
            for spec, name in zip(self.output_specs, new, strict=True)
        ]
        return ExportGraphSignature(list(self.input_specs), outputs)

    def _inputs(self, kind: InputKind) -> dict[str, str]:
        return {s.arg.name: s.target or "" for s in self.input_specs if s.kind is kind}

    def _outputs(self, kind: OutputKind) -> dict[str, str]:
        return {s.arg.name: s.target or "" for s in self.output_specs if s.kind is kind}

    @property
    def parameters(self) -> tuple[str, ...]:
        """Dotted names of the parameters."""
        return tuple(self.inputs_to_parameters.values())

    @property
    def buffers(self) -> tuple[str, ...]:
        """Dotted names of the buffers."""
        return tuple(self.inputs_to_buffers.values())

    @property
    def non_persistent_buffers(self) -> tuple[str, ...]:
        """Dotted names of the buffers that a state dict does not hold."""
        return tuple(
            s.target or ""
            for s in self.input_specs
            if s.kind is InputKind.BUFFER and s.persistent is False
        )

    @property
    def lifted_tensor_constants(self) -> tuple[str, ...]:
        """Names of the constant tensors."""
        return tuple(self.inputs_to_lifted_tensor_constants.values())

    @property
    def user_inputs(self) -> tuple[Any, ...]:
        """The placeholders of the caller's arguments; of a constant one its value."""
        return tuple(
            s.arg.value if isinstance(s.arg, ConstantArgument) else s.arg.name
            for s in self.input_specs
            if s.kind is InputKind.USER_INPUT
        )

    @property
    def user_outputs(self) -> tuple[Any, ...]:
        """The nodes of the results; of a constant one its value."""
        return tuple(
            s.arg.value if isinstance(s.arg, ConstantArgument) else s.arg.name
            for s in self.output_specs
            if s.kind is OutputKind.USER_OUTPUT
        )

    @property
    def inputs_to_parameters(self) -> dict[str, str]:
        """Placeholder to dotted name."""
        return self._inputs(InputKind.PARAMETER)

    @property
    def inputs_to_buffers(self) -> dict[str, str]:
        """Placeholder to dotted name."""
        return self._inputs(InputKind.BUFFER)

    @property
    def inputs_to_lifted_tensor_constants(self) -> dict[str, str]:
        """Placeholder to constant."""
        return self._inputs(InputKind.CONSTANT_TENSOR)

    @property
    def buffers_to_mutate(self) -> dict[str, str]:
        """Output node to the buffer that it is written to."""
        return self._outputs(OutputKind.BUFFER_MUTATION)

    @property
    def parameters_to_mutate(self) -> dict[str, str]:
        """Output node to the parameter that it is written to."""
        return self._outputs(OutputKind.PARAMETER_MUTATION)

    @property
    def user_inputs_to_mutate(self) -> dict[str, str]:
        """Output node to the placeholder of the argument that it is written to."""
        return self._outputs(OutputKind.USER_INPUT_MUTATION)

    @property
    def lifted_custom_objs(self) -> tuple[str, ...]:
        """Names of the objects of classes that C++ registered."""
        return tuple(self.inputs_to_lifted_custom_objs.values())

    @property
    def inputs_to_lifted_custom_objs(self) -> dict[str, str]:
        """Placeholder to object; the graph holds them as attributes, without a placeholder."""
        return self._inputs(InputKind.CUSTOM_OBJ)

    @property
    def input_tokens(self) -> tuple[str, ...]:
        """The placeholders of effect tokens: there are none, operators stay in their order."""
        return tuple(s.arg.name for s in self.input_specs if s.kind is InputKind.TOKEN)

    @property
    def output_tokens(self) -> tuple[str, ...]:
        """The effect tokens among the outputs: there are none."""
        return tuple(s.arg.name for s in self.output_specs if s.kind is OutputKind.TOKEN)

    @property
    def assertion_dep_token(self) -> None:
        """Assertions are operators of the graph: no token leads to them."""
        return

    @property
    def backward_signature(self) -> None:
        """A graph with its gradients, which Monograph does not make."""
        return

    def replace_all_uses(self, old: str, new: str) -> None:
        """Let the node that was called ``old`` be called ``new``."""
        self.input_specs[:] = [spec.renamed({old: new}) for spec in self.input_specs]
        self.output_specs[:] = [spec.renamed({old: new}) for spec in self.output_specs]

    def get_replace_hook(self, replace_inputs: bool = False) -> Callable[[Node, str, Node], None]:
        """What keeps the signature right while nodes are replaced, for
        ``graph_module._set_replace_hook``; with ``replace_inputs`` also where placeholders are.
        """

        def hook(old: Node, new: str, user: Node) -> None:
            if user.op == "output" or (replace_inputs and old.op == "placeholder"):
                self.replace_all_uses(old.name, new)

        return hook

    def copy(self) -> ExportGraphSignature:
        """The same, to be edited by itself."""
        return ExportGraphSignature(list(self.input_specs), list(self.output_specs))

    def __str__(self) -> str:
        inputs = "\n".join(f"    {spec}" for spec in self.input_specs)
        outputs = "\n".join(f"    {spec}" for spec in self.output_specs)
        return f"# inputs\n{inputs}\n\n    # outputs\n{outputs}\n".replace(
            "# inputs", "    # inputs"
        )


@dataclass(frozen=True)
class CallSpec:
    """The structures that calls are taken apart into and results are put together from.

    ``in_spec`` is the structure of ``(args, kwargs)``.
    """

    in_spec: Structure
    out_spec: Structure


@dataclass(frozen=True)
class ModuleCallSignature:
    """How one module was called."""

    inputs: list[Argument]
    outputs: list[Argument]
    in_spec: Structure
    out_spec: Structure
    forward_arg_names: list[str] | None = None

    def replace_all_uses_with(self, original_node: Node, new_node: Node) -> None:
        """Let ``new_node`` be what is passed or returned where ``original_node`` was."""
        names = {original_node.name: new_node.name}
        for arguments in (self.inputs, self.outputs):
            arguments[:] = [_renamed(argument, names) for argument in arguments]


@dataclass(frozen=True)
class ModuleCallEntry:
    """A module of the program by its dotted name (``fqn``, empty for the root)."""

    fqn: str
    signature: ModuleCallSignature | None = field(default=None)

    def renamed(self, names: Mapping[str, str]) -> ModuleCallEntry:
        """The same for a graph whose nodes have other names."""
        call = self.signature
        if call is None:
            return self
        inputs = [_renamed(argument, names) for argument in call.inputs]
        outputs = [_renamed(argument, names) for argument in call.outputs]
        return ModuleCallEntry(self.fqn, replace(call, inputs=inputs, outputs=outputs))
