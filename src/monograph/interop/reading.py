"""A program from the schema of ``.pt2`` files: every word of it is checked, none is run."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.fx import Graph, Node

from monograph.capture.recorder import Recorder
from monograph.constraints.input_sizes import checks_of_specs
from monograph.diagnostics import FileError
from monograph.interop.demands import demands
from monograph.interop.expressions import Reader
from monograph.interop.graphs import GraphReader, checked, device_of, only
from monograph.interop.layouts import read_layouts
from monograph.interop.private import DTYPES, LAYOUTS
from monograph.interop.structures import structure_from_json
from monograph.interop.ways import ways_to_leaves
from monograph.ir.assumptions import Assumption
from monograph.ir.layouts import LayoutFact
from monograph.ir.signature import (
    Argument,
    CallSpec,
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    ModuleCallEntry,
    ModuleCallSignature,
    OutputKind,
    OutputSpec,
    SymBoolArgument,
    SymFloatArgument,
    SymIntArgument,
    TensorArgument,
)
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import Structure
from monograph.module import CallPlan, Check, Looks, Write
from monograph.passes.place import tensor_on
from monograph.program import ExportedProgram, Parts
from monograph.shapes.constraints import ranges_of
from monograph.shapes.env import Guard
from monograph.shapes.expr import Expr

__all__ = ["Notes", "ProgramReader", "guarded", "program_of"]

_MOST = 1 << 62
Tensors = dict[str, torch.Tensor]
Notes = dict[str, Any]  # what we know beyond the schema

_INPUTS = {
    "parameter": (InputKind.PARAMETER, "parameter_name"),
    "buffer": (InputKind.BUFFER, "buffer_name"),
    "tensor_constant": (InputKind.CONSTANT_TENSOR, "tensor_constant_name"),
}
_OUTPUTS = {
    "buffer_mutation": (OutputKind.BUFFER_MUTATION, "buffer_name"),
    "parameter_mutation": (OutputKind.PARAMETER_MUTATION, "parameter_name"),
    "user_input_mutation": (OutputKind.USER_INPUT_MUTATION, "user_input_name"),
    "gradient_to_parameter": (OutputKind.GRADIENT_TO_PARAMETER, "parameter_name"),
    "gradient_to_user_input": (OutputKind.GRADIENT_TO_USER_INPUT, "user_input_name"),
    "loss_output": (OutputKind.LOSS_OUTPUT, None),
}
_NUMBERS: dict[str, Any] = {"as_sym_int": SymIntArgument, "as_sym_float": SymFloatArgument,
            "as_sym_bool": SymBoolArgument}  # fmt: skip


def program_of(
    data: Any,
    state: Tensors,
    constants: Tensors,
    example_inputs: Any = None,
    notes: Notes | None = None,
) -> ExportedProgram:
    """The program that ``data`` describes, over these tensors.

    Raises:
        FileError: MG-F101 where it is damaged, MG-F102 where it asks for what is not known here.
    """
    return guarded(lambda: ProgramReader(data, notes or {}).read(state, constants, example_inputs))


def guarded(work: Callable[[], ExportedProgram]) -> ExportedProgram:
    """Whatever goes wrong while a program is read says that it is damaged."""
    try:
        return work()
    except FileError:
        raise
    except RecursionError:
        raise FileError("the program is nested too deeply") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, AssertionError,
            StopIteration, OverflowError, RuntimeError) as error:  # fmt: skip
        detail = f"{type(error).__name__} {error}"[:200]
        raise FileError(f"the program is damaged: {detail}") from None


class ProgramReader:
    """Reads one program."""

    def __init__(self, data: Any, notes: Notes) -> None:
        version = data["schema_version"]["major"]
        if version != 8:
            raise FileError(f"programs of schema version {version} are not known", code="MG-F102")
        self.data = data
        self.notes = notes
        names = notes.get("symbols", {})
        if len(set(names.values())) != len(names) or not all(
            isinstance(name, str) and name.isidentifier() for name in names.values()
        ):
            raise FileError("the names of dimensions are damaged")
        self.recorder = Recorder()
        self.env = self.recorder.sizes.env
        self.names: dict[str, str] = names
        self.hints: dict[str, int] = {}
        self.objects: dict[str, str] = {}  # names of inputs that are, and of the objects
        self.unread: list[str] = []  # demands of torch's that are not understood
        self.layouts: list[LayoutFact] = []  # those that are about layouts
        self.reader = Reader(self.env.scope, self._symbol)
        self._collect_hints(data["graph_module"]["graph"])

    def read(self, state: Tensors, constants: Tensors, example_inputs: Any) -> ExportedProgram:
        """The program, over these tensors."""
        module = self.data["graph_module"]
        signature = self._signature(module["signature"])
        rest = iter(signature.input_specs)
        names = [
            spec["custom_obj"]["arg"]["name"] if "custom_obj" in spec else next(rest).arg.name
            for spec in module["signature"]["input_specs"]
        ]
        graph, attributes = self.graph(module["graph"], names, 0)
        for name in self.objects.values():
            if not isinstance(constants.get(name), torch.ScriptObject):
                raise FileError(f"the object {name} is missing")
            attributes[name] = constants.pop(name)
        entries = [self._entry(entry) for entry in module["module_call_graph"]]
        return self.assembled(
            graph, attributes, signature, entries, state, constants, example_inputs
        )

    def assembled(
        self,
        graph: Graph,
        attributes: dict[str, Any],
        signature: ExportGraphSignature,
        entries: list[ModuleCallEntry],
        state: Tensors,
        constants: Tensors,
        example_inputs: Any,
    ) -> ExportedProgram:
        """The program of a graph and its signature."""
        _require_agreement(graph, signature)
        root = next(entry.signature for entry in entries if not entry.fqn)
        assert root is not None
        args, kwargs = root.in_spec.children
        in_spec = Structure(tuple, None, (("[0]", "args"), ("[1]", "kwargs")), (args, kwargs))
        call_spec = CallSpec(in_spec, root.out_spec)
        plan = self._plan(graph, signature, root)
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        tensors = self._state(signature, state, constants, placeholders)
        parts = Parts(
            graph=graph,
            attributes=attributes,
            recorder=self.recorder,
            signature=signature,
            state=tensors,
            state_dict=state,
            constants=constants,
            call_spec=call_spec,
            module_calls=entries,
            ranges=ranges_of(self.env),
            assumptions=self._assumptions(),
            plan=lambda: plan,
            example_inputs=example_inputs,
        )
        return ExportedProgram(parts)

    def _assumptions(self) -> list[Assumption]:
        found = [
            Assumption(checked(kind, str), checked(text, str))
            for kind, text in self.notes.get("assumptions", [])
        ]
        if "layouts" not in self.notes:
            found += [Assumption("layout", fact.sentence()) for fact in self.layouts]
        return found + [
            Assumption("guard", f"torch demands {line}: not checked") for line in self.unread
        ]

    def _state(
        self,
        signature: ExportGraphSignature,
        state: Tensors,
        constants: Tensors,
        placeholders: list[Node],
    ) -> dict[str, tuple[torch.Tensor, str, bool]]:
        found: dict[str, tuple[torch.Tensor, str, bool]] = {}
        kinds = {InputKind.PARAMETER: "parameter", InputKind.BUFFER: "buffer",
                 InputKind.CONSTANT_TENSOR: "constant"}  # fmt: skip
        for spec, node in zip(signature.input_specs, placeholders, strict=True):
            if spec.target is None:
                continue
            tensor = state.get(spec.target, constants.get(spec.target))
            if tensor is None:
                raise FileError(f"the tensor {spec.target} is missing")
            promised = node.meta["val"]
            if tuple(tensor.shape) != promised.shape or tensor.dtype != promised.dtype:
                raise FileError(
                    f"the tensor {spec.target} is {tensor.dtype}{list(tensor.shape)}, and the "
                    f"program takes {promised}"
                )
            if tensor.device != promised.device:
                tensor = tensor_on(tensor, promised.device)
            kind = kinds[spec.kind]
            found[spec.target] = (tensor, kind, kind == "parameter" or bool(spec.persistent))
        by_identity = {id(tensor): rest for tensor, *rest in found.values()}
        for name, tensor in state.items():
            if name not in found and id(tensor) in by_identity:
                known, persistent = by_identity[id(tensor)]
                found[name] = (tensor, str(known), bool(persistent))
        return found

    # Sizes -----------------------------------------------------------------------------------

    def _collect_hints(self, graph: Any) -> None:
        """The numbers that the symbols were for the example inputs."""
        for meta in graph["tensor_values"].values():
            for size in meta["sizes"]:
                self._collect_hint(size)
        for size in graph["sym_int_values"].values():
            self._collect_hint(size)

    def _collect_hint(self, size: Any) -> None:
        written = size.get("as_expr")
        if written is None or not written.get("hint"):
            return
        found = re.fullmatch(r"Symbol\('(\w+)'.*?\)|([a-z]\w*)", written["expr_str"])
        if found is not None:
            hint = written["hint"].get("as_int", written["hint"].get("as_float"))
            if type(hint) in (int, float):
                self.hints.setdefault(found[1] or found[2], hint)

    def _symbol(self, name: str) -> Any:
        if not re.fullmatch(r"\w{1,100}", name):
            raise FileError(f"a size is called {name[:60]!r}")
        ours = self.names.get(name, name)
        known = self.env.symbols.get(ours)
        if known is not None:
            return known.expr
        bounds = self.data["range_constraints"].get(name) or {"min_val": 0, "max_val": None}
        low, high = (
            None if bounds[key] is None else checked(bounds[key], int)
            for key in ("min_val", "max_val")
        )
        if low is not None and high is not None and low > high:
            raise FileError(f"the size {name} is between {low} and {high}")
        is_unbacked, is_float = name.startswith(("u", "zuf")), name.startswith("z")
        hint = None if is_unbacked else self.hints.get(name, max(low or 0, 2))
        if is_float:
            return self.env.float_symbol(ours, hint, ours)
        expr = self.env.symbol(ours, hint, ours, low, high, is_unbacked=is_unbacked)
        self.recorder.sizes.unbound.clear()
        return expr

    def _size(self, size: Any) -> Any:
        if "as_int" in size:
            return checked(size["as_int"], int)
        return self.reader.read(size["as_expr"]["expr_str"])

    def spec(self, meta: Any) -> TensorSpec:
        """What is said of a tensor."""
        shape = tuple(self._size(size) for size in meta["sizes"])
        strides = tuple(self._size(stride) for stride in meta["strides"])
        assert len(shape) == len(strides)
        known = [n for n in (*shape, *strides) if isinstance(n, int)]
        if (
            any(not 0 <= n < _MOST for n in known)
            or math.prod(max(n, 1) for n in shape if isinstance(n, int)) >= _MOST
        ):
            raise FileError(f"a tensor is damaged: its sizes are {shape}, its strides {strides}")
        if LAYOUTS.get(meta["layout"]) is not torch.strided:
            raise FileError("sparse tensors are not known", code="MG-F102")
        return TensorSpec.of(shape, strides, DTYPES[meta["dtype"]], device_of(meta["device"]))

    # Graphs ----------------------------------------------------------------------------------

    def graph(
        self, data: Any, inputs: list[str] | None, depth: int
    ) -> tuple[Graph, dict[str, Any]]:
        """A graph, and the graphs inside it; ``inputs``: what its placeholders are called."""
        return GraphReader(self, data, depth).read(inputs)

    # Signatures ------------------------------------------------------------------------------

    def _signature(self, data: Any) -> ExportGraphSignature:
        specs = [only(spec) for spec in data["input_specs"]]
        self.objects = {
            checked(spec["arg"]["name"], str): checked(spec["custom_obj_name"], str)
            for kind, spec in specs
            if kind == "custom_obj"
        }
        inputs = [self._input(kind, spec) for kind, spec in specs if kind != "custom_obj"]
        outputs = [self._output(*only(spec)) for spec in data["output_specs"]]
        return ExportGraphSignature(inputs, outputs)

    def _input(self, kind: str, data: Any) -> InputSpec:
        if kind in _INPUTS:
            found, field = _INPUTS[kind]
            argument = TensorArgument(checked(data["arg"]["name"], str))
            return InputSpec(found, argument, checked(data[field], str), data.get("persistent"))
        if kind == "constant_input":
            _, value = only(data["value"])
            value = None if "as_none" in data["value"] else value
            return InputSpec(InputKind.USER_INPUT, ConstantArgument(data["name"], value), None)
        if kind == "user_input":
            return InputSpec(InputKind.USER_INPUT, _argument(data["arg"]), None)
        raise FileError(f"inputs of the kind {kind} are not known", code="MG-F102")

    def _output(self, kind: str, data: Any) -> OutputSpec:
        if kind == "user_output":
            return OutputSpec(OutputKind.USER_OUTPUT, _argument(data["arg"]), None)
        if kind not in _OUTPUTS:
            raise FileError(f"outputs of the kind {kind} are not known", code="MG-F102")
        found, field = _OUTPUTS[kind]
        target = None if field is None else checked(data[field], str)
        return OutputSpec(found, TensorArgument(data["arg"]["name"]), target)

    def _entry(self, data: Any) -> ModuleCallEntry:
        signature = data.get("signature")
        if signature is None:
            return ModuleCallEntry(checked(data["fqn"], str))
        return ModuleCallEntry(
            checked(data["fqn"], str),
            ModuleCallSignature(
                [_argument(a) for a in signature["inputs"]],
                [_argument(a) for a in signature["outputs"]],
                structure_from_json(signature["in_spec"]),
                structure_from_json(signature["out_spec"]),
                signature.get("forward_arg_names"),
            ),
        )

    # Calls -----------------------------------------------------------------------------------

    def _plan(
        self, graph: Graph, signature: ExportGraphSignature, root: ModuleCallSignature
    ) -> CallPlan:
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        user = [
            (spec, node)
            for spec, node in zip(signature.input_specs, placeholders, strict=True)
            if spec.target is None
        ]
        args, kwargs = root.in_spec.children
        paths = [*args.paths("*args"), *kwargs.paths("*kwargs")]
        assert len(paths) == len(user)
        written = {o.target for o in signature.output_specs
                   if o.kind is OutputKind.USER_INPUT_MUTATION}  # fmt: skip
        checks: list[Check] = []
        sizes: list[tuple[int, int | None, str, Expr]] = []
        for i, ((spec, node), path) in enumerate(zip(user, paths, strict=True)):
            value = node.meta["val"]
            varies: list[int] = []
            if isinstance(value, TensorSpec):
                for dim, size in enumerate(value.shape):
                    if isinstance(size, Expr):
                        sizes.append((i, dim, path, size))
                        varies.append(dim)
                shape = torch.Size(n if isinstance(n, int) else self._hint(n) for n in value.shape)
                example: Any = Looks(shape, value.dtype, value.device)
            elif isinstance(spec.arg, ConstantArgument):
                example = spec.arg.value
            else:
                example = self._hint(value)
                varies.append(0)
                if isinstance(value, Expr):
                    sizes.append((i, None, path, value))
            checks.append(Check(path, example, node.name in written, frozenset(varies) or None))
        index = {node.name: i for i, (_, node) in enumerate(user)}
        kinds = [o.kind for o in signature.output_specs]
        hidden = set(self.notes.get("hidden", ()))
        writes = [
            Write(index[o.target] if o.target in written else (o.target or ""), i, i in hidden)
            for i, o in enumerate(signature.output_specs)
            if o.kind.name.endswith("_MUTATION")
        ]
        outputs: list[tuple[Any, int | None]] = [
            (o.arg.value, None) if isinstance(o.arg, ConstantArgument) else (None, i)
            for i, o in enumerate(signature.output_specs)
            if kinds[i] in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)
        ]
        assert len(outputs) == root.out_spec.num_leaves
        state = [s.target for s in signature.input_specs if s.target is not None]
        aliases = self.notes.get("aliases") or [None] * len(outputs)
        twins = [(a, b) for a, b in self.notes.get("twins", ())]
        training = self.notes.get("training")
        assert len(aliases) == len(outputs)
        assert all(a is None or a in state or a in range(len(user)) for a in aliases)
        assert all(a in range(len(user)) and b in range(len(user)) for a, b in twins)
        assert training is None or isinstance(training, bool)
        guards, layouts = self._demands(root, paths, [n for _, n in user])
        return CallPlan(
            args=args,
            kwargs=kwargs,
            result=root.out_spec,
            signature=_signature_of_call(root, args, kwargs),
            training=training,
            state=state,
            checks=checks,
            writes=writes,
            outputs=outputs,
            aliases=aliases,
            twins=twins,
            sizes=checks_of_specs(self.env, sizes, guards),
            layouts=layouts,
        )

    def _demands(
        self, root: ModuleCallSignature, paths: list[str], leaves: list[Node]
    ) -> tuple[list[Guard], list[tuple[int, LayoutFact]]]:
        """What torch noted of sizes and of layouts, in terms of the arguments."""
        lines = self.data.get("guards_code") or []
        known: dict[str, Any] = {}
        index: dict[str, int] = {}
        for i, (node, found) in enumerate(zip(leaves, ways_to_leaves(root), strict=True)):
            known.update(dict.fromkeys(found, node.meta["val"]))
            index.update(dict.fromkeys(found, i))
        guards, layouts, self.unread = demands(lines, known, self.env.scope)
        if "layouts" in self.notes:
            return guards, read_layouts(self.notes["layouts"], paths, leaves)
        places = [index[fact.path] for fact in layouts]
        pairs = zip(places, layouts, strict=True)
        self.layouts = [replace(fact, path=paths[i]) for i, fact in pairs]
        return guards, list(zip(places, self.layouts, strict=True))

    def _hint(self, item: Any) -> Any:
        found = self.env.hint(item)
        return 2 if found is None else found


def _argument(data: Any) -> Argument:
    kind, value = only(data)
    if kind == "as_tensor":
        return TensorArgument(checked(value["name"], str))
    if kind in _NUMBERS and "as_name" in value:
        return _NUMBERS[kind](checked(value["as_name"], str))
    if kind in ("as_none", "as_int", "as_float", "as_bool", "as_string", *_NUMBERS):
        plain = None if kind == "as_none" else value
        return ConstantArgument("", only(plain)[1] if isinstance(plain, dict) else plain)
    raise FileError(f"values of the kind {kind} are not known", code="MG-F102")


def _require_agreement(graph: Graph, signature: ExportGraphSignature) -> None:
    """The signature must name the graph's inputs and outputs, in order."""
    placeholders = [n.name for n in graph.nodes if n.op == "placeholder"]
    given = [
        s.arg.name or name for s, name in zip(signature.input_specs, placeholders, strict=True)
    ]
    returned: Any = graph.output_node().args[0]
    wanted = [getattr(node, "name", "") for node in returned]
    names = [s.arg.name for s in signature.output_specs]
    if given != placeholders or names != wanted:
        raise FileError("the signature does not name what the graph takes and gives")


def _signature_of_call(
    root: ModuleCallSignature, args: Structure, kwargs: Structure
) -> inspect.Signature | None:
    """The names of the arguments, so that they may be passed either way."""
    names = root.forward_arg_names
    wanted = [name for _, name in kwargs.keys]
    if not names or len(set(names)) != len(names) or names[len(args.keys) :] != wanted:
        return None
    if not all(isinstance(name, str) and name.isidentifier() for name in names):
        return None
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    try:
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])
    except ValueError:
        return None
