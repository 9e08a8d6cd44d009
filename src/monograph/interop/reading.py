"""A program from the schema of ``.pt2`` files: every word of it is checked, none is run."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, Node

from monograph.diagnostics import FileError
from monograph.inference.agreement import inferred
from monograph.inference.bits import restore_bits
from monograph.interop.demands import demands
from monograph.interop.expressions import Reader
from monograph.interop.graphs import GraphReader, checked, device_of, only
from monograph.interop.layouts import read_layouts
from monograph.interop.norms import returned
from monograph.interop.parameters import read_parameters
from monograph.interop.private import DTYPES, LAYOUTS
from monograph.interop.schema import GraphData, Record, TensorMeta, Union
from monograph.interop.structures import (
    constants_from_json,
    exact_from_json,
    structure_from_json,
)
from monograph.interop.ways import ways_to_leaves
from monograph.ir.assumptions import Assumption
from monograph.ir.call_plan import CallPlan, Looks, call_plan
from monograph.ir.layouts import LayoutFact
from monograph.ir.program import DECOMPOSED, Parts
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
from monograph.ir.size_checks import Place, checks_of_specs
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import Structure, in_code
from monograph.ir.verify import require
from monograph.passes.place import tensor_on
from monograph.shapes.constraints import ranges_of
from monograph.shapes.env import Guard, ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr, Real
from monograph.torch_internals import with_bits

__all__ = ["Notes", "ProgramReader", "guarded", "program_of"]

_MOST = 1 << 62
Tensors = dict[str, torch.Tensor]
ExampleInputs = tuple[tuple[Any, ...], dict[str, Any]] | None
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
    data: Record,
    state: Tensors,
    constants: Tensors,
    example_inputs: ExampleInputs = None,
    notes: Notes | None = None,
) -> Parts:
    """The program that ``data`` describes, over these tensors.

    Raises:
        FileError: MG-F101 where it is damaged, MG-F102 where it asks for what is not known here.
    """
    return guarded(lambda: ProgramReader(data, notes or {}).read(state, constants, example_inputs))


def guarded(work: Callable[[], Parts]) -> Parts:
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


def _with_constants(
    graph: Graph, signature: ExportGraphSignature, given: dict[int, Any], kept: dict[int, Any]
) -> ExportGraphSignature:
    """The signature with arguments and results that are constants, and None in the graph."""
    if given:
        inputs = list(signature.input_specs)
        places = [i for i, s in enumerate(inputs) if s.kind is InputKind.USER_INPUT]
        nodes = [node for node in graph.nodes if node.op == "placeholder"]
        for index, constant in given.items():
            at = places[index]
            inputs[at] = replace(inputs[at], arg=ConstantArgument(nodes[at].name, constant))
            nodes[at].meta["val"] = constant
        signature = replace(signature, input_specs=inputs)
    if kept:
        outputs = list(signature.output_specs)
        results = [i for i, s in enumerate(outputs) if s.kind is OutputKind.USER_OUTPUT]
        (output,) = (node for node in graph.nodes if node.op == "output")
        items: Any = output.args[0]
        returned = list(items)
        for index, constant in kept.items():
            at = results[index]
            outputs[at] = replace(outputs[at], arg=ConstantArgument("", constant))
            returned[at] = in_code(constant)
        output.args = (tuple(returned),)
        signature = replace(signature, output_specs=outputs)
    return signature


class ProgramReader:
    """Reads one program."""

    def __init__(self, data: Record, notes: Notes) -> None:
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
        self.env = ShapeEnv()
        self.names: dict[str, str] = names
        self.hints: dict[str, int] = {}
        self.objects: dict[str, str] = {}  # names of inputs that are, and of the objects
        self.unread: list[str] = []  # demands of torch's that are not understood
        self.layouts: list[LayoutFact] = []  # those that are about layouts
        self.kept: dict[int, Any] = {}  # results that are constants, which the structure holds
        self.given: dict[int, Any] = {}  # and such arguments
        self.reader = Reader(self.env.scope, self._symbol)
        self._collect_hints(data["graph_module"]["graph"])

    def read(self, state: Tensors, constants: Tensors, example_inputs: ExampleInputs) -> Parts:
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
        root = next(each for each in module["module_call_graph"] if not each["fqn"])
        self.given = constants_from_json(root["signature"]["in_spec"])
        self.kept = constants_from_json(root["signature"]["out_spec"])
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
        example_inputs: ExampleInputs,
    ) -> Parts:
        """The program of a graph and its signature."""
        signature = _with_constants(graph, signature, self.given, self.kept)
        signature, names = returned(graph, signature, self.notes.get("writes", ()))
        entries = [entry.renamed(names) for entry in entries]
        self._mark(graph, signature, state, constants)
        _require_agreement(graph, signature)
        root = next(entry.signature for entry in entries if not entry.fqn)
        if root is None:
            raise FileError("the program does not say how it is called")
        exact = checked(self.notes.get("structures", {}), dict)
        given_spec = exact_from_json(exact.get("in"), root.in_spec)
        args, kwargs = self._in_order(*given_spec.children)
        in_spec = Structure(tuple, None, (("[0]", "args"), ("[1]", "kwargs")), (args, kwargs))
        call_spec = CallSpec(in_spec, exact_from_json(exact.get("out"), root.out_spec))
        plan = self._plan(graph, signature, root, call_spec)
        if example_inputs is not None:
            given, named = example_inputs
            plan.args.match(given, "*args")
            plan.kwargs.match(named, "*kwargs")
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        tensors = self._state(signature, state, constants, placeholders)
        parts = Parts(
            graph=graph,
            attributes=attributes,
            env=self.env,
            signature=signature,
            state=tensors,
            state_dict=state,
            constants=constants,
            call_spec=call_spec,
            module_calls=entries,
            ranges=ranges_of(self.env),
            assumptions=self._assumptions(),
            plan=plan,
            example_inputs=example_inputs,
            dialect=checked((self.data.get("verifiers") or [DECOMPOSED])[0], str),
        )
        later = ("functional", "targets")  # see functional()
        require(parts, FileError, "the program is damaged", but=later, more=[inferred])
        return parts

    def _mark(
        self, graph: Graph, signature: ExportGraphSignature, state: Tensors, constants: Tensors
    ) -> None:
        """Conjugated and negated tensors, which the format does not tell from others."""
        noted = self.notes.get("bits", {})
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        for spec, node in zip(signature.input_specs, placeholders, strict=True):
            bits = noted.get(node.name, 0)
            if not bits:
                continue
            node.meta["val"] = node.meta["val"].with_bits(checked(bits, int) & 3)
            for tensors in (state, constants):
                tensor = tensors.get(spec.target or "")
                if tensor is not None and spec.target is not None:
                    marked = with_bits(tensor.detach(), bits & 3)
                    is_parameter = isinstance(tensor, nn.Parameter)
                    tensors[spec.target] = (
                        nn.Parameter(marked, tensor.requires_grad) if is_parameter else marked
                    )
        restore_bits(graph, self.env)

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

    def _collect_hints(self, graph: GraphData) -> None:
        """The numbers that the symbols were for the example inputs."""
        for meta in graph["tensor_values"].values():
            for size in meta["sizes"]:
                self._collect_hint(size)
        for size in graph["sym_int_values"].values():
            self._collect_hint(size)

    def _collect_hint(self, size: Union) -> None:
        written = size.get("as_expr")
        if written is None or not written.get("hint"):
            return
        found = re.fullmatch(r"Symbol\('(\w+)'.*?\)|([a-z]\w*)", written["expr_str"])
        if found is not None:
            hint = written["hint"].get("as_int", written["hint"].get("as_float"))
            if type(hint) in (int, float):
                self.hints.setdefault(found[1] or found[2], hint)

    def _symbol(self, name: str) -> Expr | FloatExpr:
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
        return self.env.symbol(ours, hint, ours, low, high, is_unbacked=is_unbacked)

    def _size(self, size: Union) -> Int:
        if "as_int" in size:
            return checked(size["as_int"], int)
        found = self.reader.read(size["as_expr"]["expr_str"])
        if not isinstance(found, (int, Expr)):
            raise FileError(f"a size is damaged: {str(found)[:60]}")
        return found

    def spec(self, meta: TensorMeta) -> TensorSpec:
        """What is said of a tensor."""
        shape = tuple(self._size(size) for size in meta["sizes"])
        strides = tuple(self._size(stride) for stride in meta["strides"])
        if len(shape) != len(strides):
            raise FileError(f"a tensor has {len(shape)} sizes and {len(strides)} strides")
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
        self, data: GraphData, inputs: list[str] | None, depth: int
    ) -> tuple[Graph, dict[str, Any]]:
        """A graph, and the graphs inside it; ``inputs``: what its placeholders are called."""
        return GraphReader(self, data, depth).read(inputs)

    # Signatures ------------------------------------------------------------------------------

    def _signature(self, data: Record) -> ExportGraphSignature:
        specs = [only(spec) for spec in data["input_specs"]]
        self.objects = {
            checked(spec["arg"]["name"], str): checked(spec["custom_obj_name"], str)
            for kind, spec in specs
            if kind == "custom_obj"
        }
        inputs = [self._input(kind, spec) for kind, spec in specs if kind != "custom_obj"]
        outputs = [self._output(*only(spec)) for spec in data["output_specs"]]
        return ExportGraphSignature(inputs, outputs)

    def _input(self, kind: str, data: Record) -> InputSpec:
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

    def _output(self, kind: str, data: Record) -> OutputSpec:
        if kind == "user_output":
            return OutputSpec(OutputKind.USER_OUTPUT, _argument(data["arg"]), None)
        if kind not in _OUTPUTS:
            raise FileError(f"outputs of the kind {kind} are not known", code="MG-F102")
        found, field = _OUTPUTS[kind]
        target = None if field is None else checked(data[field], str)
        return OutputSpec(found, TensorArgument(data["arg"]["name"]), target)

    def _entry(self, data: Record) -> ModuleCallEntry:
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
        self,
        graph: Graph,
        signature: ExportGraphSignature,
        root: ModuleCallSignature,
        structures: CallSpec,
    ) -> CallPlan:
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        user = [
            (spec, node)
            for spec, node in zip(signature.input_specs, placeholders, strict=True)
            if spec.target is None
        ]
        args, kwargs = structures.in_spec.children
        paths = [*args.paths("*args"), *kwargs.paths("*kwargs")]
        examples: list[Any] = []
        sizes: list[tuple[int, int | None, str, Expr]] = []
        floats: dict[str, Place] = {}
        for i, ((spec, node), path) in enumerate(zip(user, paths, strict=True)):
            value = node.meta["val"]
            if isinstance(value, TensorSpec):
                sizes += [
                    (i, dim, path, n) for dim, n in enumerate(value.shape) if isinstance(n, Expr)
                ]
                shape = torch.Size(int(self._hint(n)) for n in value.shape)
                examples.append(Looks(shape, value.dtype, value.device, value.bits))
            elif isinstance(spec.arg, ConstantArgument):
                examples.append(spec.arg.value)
            else:
                examples.append(self._hint(value))
                if isinstance(value, Expr):
                    sizes.append((i, None, path, value))
                elif isinstance(value, FloatExpr):
                    floats[value.name] = Place(i, None, path, 1, 0)
        aliases = self.notes.get("aliases") or [None] * structures.out_spec.num_leaves
        training = self.notes.get("training")
        hidden = {checked(index, int) for index in self.notes.get("hidden", ())}
        if not hidden <= {i for i, o in enumerate(signature.output_specs) if o.kind.is_mutation}:
            raise FileError("the notes of the program are damaged: it writes less than they say")
        guards, layouts = self._demands(root, paths, [n for _, n in user])
        return call_plan(
            graph,
            signature,
            structures,
            examples,
            paths,
            called_as=read_parameters(self.notes.get("parameters"), args, kwargs)
            or _signature_of_call(root, args, kwargs),
            training=None if training is None else checked(training, bool),
            hidden=hidden,
            aliases=[a if a is None or isinstance(a, str) else checked(a, int) for a in aliases],
            twins=[(checked(a, int), checked(b, int)) for a, b in self.notes.get("twins", ())],
            sizes=checks_of_specs(self.env, sizes, guards, floats),
            layouts=layouts,
        )

    def _in_order(self, args: Structure, kwargs: Structure) -> tuple[Structure, Structure]:
        """The structures of a call, with the order of keys that the program has gone through."""
        found = dict(args.dictionaries("*args")) | dict(kwargs.dictionaries("*kwargs"))
        noted = checked(self.notes.get("ordered", {}), dict)
        if not noted.keys() <= found.keys():
            raise FileError("the notes of the program are damaged: it has no such dictionaries")
        ordered = {
            path: tuple(key for key in found[path] if key[1] in checked(names, list))
            for path, names in noted.items()
        }
        return args.with_order(ordered, "*args"), kwargs.with_order(ordered, "*kwargs")

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

    def _hint(self, item: Real) -> float:
        found = self.env.hint(item)
        return 2 if found is None else found


def _argument(data: Union) -> Argument:
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
    returned = graph.output_node().args[0]
    items = returned if isinstance(returned, (tuple, list)) else ()
    wanted = [getattr(node, "name", "") for node in items]
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
