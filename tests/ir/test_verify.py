"""The specification of a program: each rule finds what breaks it, and all programs hold it."""

import copy
import io
import operator
from dataclasses import replace

import pytest
import torch
from corpus import CORPUS, UNCONVERTED, exported, sample
from torch import nn

import monograph
from monograph import Dim
from monograph.capture import sizes
from monograph.diagnostics import InternalError, InvalidProgramError
from monograph.inference.agreement import inferred
from monograph.interop import graphs
from monograph.ir import meta
from monograph.ir.layouts import LayoutFact
from monograph.ir.operators import SIZE_FUNCTIONS, writes
from monograph.ir.signature import ConstantArgument, InputKind, OutputKind, TensorArgument
from monograph.ir.specification import FORM, RULES
from monograph.ir.subgraphs import SUBGRAPHS
from monograph.ir.verify import verify, violations
from monograph.shapes.constraints import Range

aten = torch.ops.aten
higher_order = torch.ops.higher_order


# Programs to break -------------------------------------------------------------------------------


class Layer(nn.Module):
    """State of three kinds, a view, an argument that is written and returned, a constant."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3))
        self.register_buffer("total", torch.zeros(3))
        self.register_buffer("scale", torch.ones(3), persistent=False)
        self.table = torch.arange(3.0)

    def forward(self, x, y, flag=True):
        self.total.add_(1.0)
        y.mul_(2)
        first, _rest = torch.split(x @ self.weight * self.scale + self.table, [1, 2], 1)
        return first.sin(), y, x.shape[0] * 2, 3 if flag else 4


def plain():
    torch.manual_seed(0)
    n = Dim("n", min=2, max=9)
    args = (torch.randn(4, 3), torch.randn(3), True)
    return monograph.export(Layer(), args, dynamic_shapes=({0: n}, None, None))


def branch():
    def f(x, y):
        return torch.cond(x.sum() > 0, lambda x, y: (x + y, x), lambda x, y: (x - y, y), (x, y))

    return monograph.export(f, (torch.randn(3), torch.randn(3)))


def loop():
    def f(x):
        return torch.ops.higher_order.while_loop(
            lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), x), ()
        )

    return monograph.export(f, (torch.randn(3),))


def number():
    def f(x, n):
        k = n.item()
        torch._check(k >= 0)
        torch._check(k < 3)
        return x[:k].sum(), k + 1

    return monograph.export(f, (torch.randn(3), torch.tensor(2)))


def modules():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).eval()
    return monograph.export(model, (torch.randn(2, 3),), preserve_module_call_signature=("0",))


def node(parts, target, count=0):
    found = [n for n in parts.graph.nodes if n.target is target]
    return found[count]


def named(parts, name):
    return next(n for n in parts.graph.nodes if n.name == name)


def inside(parts, index=0):
    """A subgraph of the one control-flow node."""
    found = next(n for n in parts.graph.nodes if SUBGRAPHS in n.meta)
    return found.meta[SUBGRAPHS][index].graph


def respec(item, **changes):
    """The node is noted with another dtype or shape."""
    spec = meta.noted(item.meta["val"])
    dtype, shape = changes.get("dtype", spec.dtype), changes.get("shape", spec.shape)
    strides = tuple(range(len(shape), 0, -1)) if "shape" in changes else spec.strides
    item.meta["val"] = type(spec).of(shape, strides, dtype, spec.device)


def inputs(parts, index, **changes):
    specs = parts.signature.input_specs
    specs[index] = replace(specs[index], **changes)


def outputs(parts, index, **changes):
    specs = parts.signature.output_specs
    specs[index] = replace(specs[index], **changes)


def plan(parts, **changes):
    parts.plan = replace(parts.plan, **changes)


def entry(parts, index, **changes):
    found = parts.module_calls[index]
    parts.module_calls[index] = replace(found, signature=replace(found.signature, **changes))


# Ways to break them: the rule that says so, the program, what is done to its parts ----------------

BROKEN = []


def breaks(rule, make):
    def add(change):
        BROKEN.append(pytest.param(rule, make, change, id=f"{rule}-{change.__name__}"))
        return change

    return add


@breaks("kinds of nodes", plain)
def placeholder_behind(parts):
    with parts.graph.inserting_before(node(parts, aten.sin.default)):
        parts.graph.placeholder("late")


@breaks("kinds of nodes", plain)
def no_output(parts):
    parts.graph.erase_node(parts.graph.output_node())


@breaks("kinds of nodes", plain)
def calls_a_module(parts):
    with parts.graph.inserting_before(parts.graph.output_node()):
        parts.graph.call_module("layer")


@breaks("kinds of nodes", number)
def gives_no_tuple(parts):
    parts.graph.output_node().args = (node(parts, aten.sum.default),)


@breaks("kinds of nodes", branch)
def placeholder_behind_in_a_branch(parts):
    graph = inside(parts)
    with graph.inserting_before(graph.output_node()):
        graph.placeholder("late")


@breaks("names", plain)
def one_name_twice(parts):
    node(parts, aten.sin.default).name = node(parts, aten.add.Tensor).name


@breaks("names", plain)
def no_identifier(parts):
    node(parts, aten.sin.default).name = "a b"


@breaks("names", plain)
def keyword(parts):
    node(parts, aten.sin.default).name = "lambda"


@breaks("names", plain)
def placeholder_with_another_target(parts):
    named(parts, "x").target = "y"


@breaks("order", plain)
def reads_what_comes_later(parts):
    node(parts, aten.matmul.default).prepend(node(parts, aten.sin.default))


@breaks("order", branch)
def reads_a_node_of_the_outside(parts):
    graph = inside(parts)
    add = next(n for n in graph.nodes if n.op == "call_function")
    add.args = (named(parts, "x"), *add.args[1:])


@breaks("targets", plain)
def calls_a_function_of_the_users(parts):
    node(parts, aten.sin.default).target = torch.sin


@breaks("targets", plain)
def calls_a_packet(parts):
    node(parts, aten.sin.default).target = aten.sin


@breaks("targets", branch)
def names_a_graph_that_is_not_held(parts):
    parts.attributes.clear()


@breaks("arguments", plain)
def too_few(parts):
    node(parts, aten.sin.default).args = ()


@breaks("arguments", plain)
def too_many(parts):
    sine = node(parts, aten.sin.default)
    sine.args = (*sine.args, 1)


@breaks("arguments", plain)
def unknown_by_name(parts):
    node(parts, aten.sin.default).kwargs = {"out": None}


@breaks("arguments", plain)
def twice(parts):
    sine = node(parts, aten.sin.default)
    sine.kwargs = {"self": sine.args[0]}


@breaks("arguments", plain)
def text_for_a_tensor(parts):
    node(parts, aten.sin.default).args = ("x",)


@breaks("arguments", plain)
def items_for_a_tensor(parts):
    split = node(parts, operator.getitem).args[0]
    node(parts, aten.sin.default).args = (split,)


@breaks("arguments", plain)
def tensor_for_a_number(parts):
    split = node(parts, operator.getitem).args[0]
    split.args = (split.args[0], [named(parts, "x")], 1)


@breaks("arguments", number)
def tensor_for_a_size(parts):
    node(parts, operator.add).args = (named(parts, "x"), 1)


@breaks("arguments", number)
def size_function_of_one(parts):
    node(parts, operator.add).args = node(parts, operator.add).args[:1]


@breaks("arguments", plain)
def item_by_name(parts):
    item = node(parts, operator.getitem)
    item.args = (item.args[0], "first")


@breaks("values", plain)
def nothing_noted(parts):
    node(parts, aten.sin.default).meta.clear()


@breaks("values", plain)
def nothing_noted_of_an_input(parts):
    del named(parts, "x").meta["val"]


@breaks("values", plain)
def number_noted_of_a_tensor(parts):
    node(parts, aten.sin.default).meta["val"] = "3"


@breaks("values", plain)
def one_of_several_results(parts):
    split = node(parts, operator.getitem).args[0]
    split.meta["val"] = split.meta["val"][0]


@breaks("values", plain)
def item_that_is_not_there(parts):
    item = node(parts, operator.getitem)
    item.args = (item.args[0], 2)


@breaks("values", plain)
def item_of_another_dtype(parts):
    respec(node(parts, operator.getitem), dtype=torch.int64)


@breaks("values", plain)
def another_size(parts):
    size = node(parts, aten.sym_size.int)
    size.args = (size.args[0], 1)


@breaks("values", plain)
def dimension_that_is_not_there(parts):
    size = node(parts, aten.sym_size.int)
    size.args = (size.args[0], 2)


@breaks("values", number)
def size_function_without_a_number(parts):
    node(parts, operator.add).meta["val"] = None


@breaks("values", number)
def assertion_with_a_result(parts):
    node(parts, aten._assert_scalar.default).meta["val"] = 3


@breaks("functional", plain)
def writes_in_place(parts):
    node(parts, aten.sin.default).target = aten.sin_.default


@breaks("views", plain)
def view_of_what_comes_later(parts):
    node(parts, operator.getitem).meta[meta.SHARES] = node(parts, aten.sin.default)


@breaks("views", plain)
def view_of_another_graph(parts):
    other = plain().parts
    node(parts, operator.getitem).meta[meta.SHARES] = named(other, "x")


@breaks("views", plain)
def view_of_a_number(parts):
    with parts.graph.inserting_before(node(parts, aten.sin.default)):
        size = parts.graph.create_node("call_function", aten.sym_size.int, (named(parts, "x"), 1))
    size.meta["val"] = 3
    node(parts, aten.sin.default).meta[meta.SHARES] = size


@breaks("metadata", plain)
def line_as_text(parts):
    node(parts, aten.sin.default).meta[meta.LOCATION] = "model.py:3"


@breaks("metadata", plain)
def origins_that_are_names(parts):
    node(parts, aten.sin.default).meta[meta.FROM_NODE] = ["gelu"]


@breaks("keys", plain)
def key_of_nobody(parts):
    node(parts, aten.sin.default).meta["tensor_meta"] = None


@breaks("subgraphs", branch)
def graphs_exchanged(parts):
    node(parts, higher_order.cond).meta[SUBGRAPHS].reverse()


@breaks("subgraphs", branch)
def graphs_not_noted(parts):
    del node(parts, higher_order.cond).meta[SUBGRAPHS]


@breaks("subgraphs", branch)
def graph_given_to_an_operator(parts):
    cond = node(parts, higher_order.cond)
    greater = cond.args[0]
    cond.prepend(cond.args[1])
    greater.prepend(cond.args[1])
    greater.args = (greater.args[0], cond.args[1])


@breaks("subgraphs", branch)
def one_graph_for_both(parts):
    cond = node(parts, higher_order.cond)
    cond.args = (cond.args[0], cond.args[1], cond.args[1], cond.args[3])
    cond.meta[SUBGRAPHS] = [cond.meta[SUBGRAPHS][0]] * 2


@breaks("operands", branch)
def operand_too_few(parts):
    cond = node(parts, higher_order.cond)
    cond.args = (*cond.args[:3], cond.args[3][:1])


@breaks("operands", branch)
def operand_of_another_dtype(parts):
    respec(next(iter(inside(parts).nodes)), dtype=torch.int64)


@breaks("operands", branch)
def no_operands(parts):
    cond = node(parts, higher_order.cond)
    cond.args = cond.args[:3]


@breaks("operands", loop)
def input_too_many(parts):
    graph = inside(parts, 1)
    with graph.inserting_before(next(iter(graph.nodes))):
        graph.placeholder("more").meta["val"] = named(parts, "x").meta["val"]


@breaks("results of graphs", branch)
def result_too_few(parts):
    output = inside(parts).output_node()
    output.args = (output.args[0][:1],)


@breaks("results of graphs", branch)
def result_of_another_dtype(parts):
    respec(inside(parts).output_node().args[0][0], dtype=torch.int64)


@breaks("results of graphs", loop)
def condition_that_is_no_truth(parts):
    graph = inside(parts, 0)
    graph.output_node().args = ((next(iter(graph.nodes)),),)


@breaks("symbols", number)
def size_before_it_is_read(parts):
    with parts.graph.inserting_after(named(parts, "n")):
        early = parts.graph.create_node("call_function", operator.add, (1, 1))
    early.meta["val"] = meta.noted(node(parts, aten.item.default).meta["val"])


@breaks("symbols", plain)
def size_that_nobody_gives(parts):
    lost = parts.env.symbol("lost", 3, "lost", 0, None)
    parts.ranges["lost"] = Range(0, None)
    respec(node(parts, aten.sin.default), shape=(lost, 1))


@breaks("symbols", plain)
def argument_of_a_size_that_an_operator_gives(parts):
    """A custom operator may give sizes of its own, and not those of arguments."""
    lost = parts.env.symbol("lost", 3, "lost", 0, None)
    parts.ranges["lost"] = Range(0, None)
    sine = node(parts, aten.sin.default)
    sine.target, sine.args = aten.nonzero.default, sine.args[:1]
    respec(sine, shape=(lost, 2), dtype=torch.int64)


@breaks("ranges", plain)
def no_range(parts):
    parts.ranges.clear()


@breaks("ranges", plain)
def empty_range(parts):
    parts.ranges["n"] = Range(9, 2)


@breaks("inputs", plain)
def input_too_few(parts):
    parts.signature.input_specs.pop()


@breaks("inputs", plain)
def input_by_another_name(parts):
    inputs(parts, 0, arg=TensorArgument("other"))


@breaks("inputs", plain)
def inputs_exchanged(parts):
    specs = parts.signature.input_specs
    specs[0], specs[1] = specs[1], specs[0]


@breaks("inputs", plain)
def state_behind_arguments(parts):
    specs = parts.signature.input_specs
    named(parts, "x").prepend(named(parts, "y"))
    specs.insert(0, specs.pop(-2))
    first = next(iter(parts.graph.nodes))
    first.prepend(named(parts, "y"))


@breaks("inputs", plain)
def buffer_that_does_not_say_whether_it_is_saved(parts):
    at = next(i for i, s in enumerate(parts.signature.input_specs) if s.kind is InputKind.BUFFER)
    inputs(parts, at, persistent=None)


@breaks("inputs", plain)
def token(parts):
    inputs(parts, -1, kind=InputKind.TOKEN)


@breaks("inputs", plain)
def constant_of_another_value(parts):
    inputs(parts, -1, arg=ConstantArgument("flag", False))


@breaks("inputs", plain)
def tensor_called_a_constant(parts):
    inputs(parts, -2, arg=ConstantArgument("y", 3))


@breaks("state", plain)
def tensor_is_not_there(parts):
    del parts.state["weight"]


@breaks("state", plain)
def tensor_of_another_shape(parts):
    _, kind, saved = parts.state["weight"]
    parts.state_dict["weight"] = other = nn.Parameter(torch.randn(2, 2))
    parts.state["weight"] = (other, kind, saved)


@breaks("state", plain)
def parameter_held_as_a_buffer(parts):
    tensor, _, saved = parts.state["weight"]
    parts.state["weight"] = (tensor, "buffer", saved)


@breaks("state", plain)
def two_tensors_of_one_name(parts):
    parts.state_dict["weight"] = parts.state_dict["weight"].clone()


@breaks("state", plain)
def saved_and_not_saved(parts):
    tensor, kind, saved = parts.state["scale"]
    parts.state["scale"] = (tensor, kind, not saved)


@breaks("outputs", plain)
def output_too_few(parts):
    parts.signature.output_specs.pop()


@breaks("outputs", plain)
def output_by_another_name(parts):
    outputs(parts, 2, arg=TensorArgument("other"))


@breaks("outputs", plain)
def write_behind_results(parts):
    specs, output = parts.signature.output_specs, parts.graph.output_node()
    specs.append(specs.pop(1))
    given = list(output.args[0])
    given.append(given.pop(1))
    output.args = (tuple(given),)


@breaks("outputs", plain)
def write_to_what_is_not_there(parts):
    outputs(parts, 0, target="nothing")


@breaks("outputs", plain)
def write_as_another_kind(parts):
    outputs(parts, 0, kind=OutputKind.PARAMETER_MUTATION)


@breaks("outputs", plain)
def written_twice(parts):
    outputs(parts, 1, kind=OutputKind.BUFFER_MUTATION, target="total")


@breaks("outputs", plain)
def new_content_of_another_dtype(parts):
    respec(parts.graph.output_node().args[0][0], dtype=torch.float64)


@breaks("outputs", plain)
def result_that_is_another_constant(parts):
    outputs(parts, -1, arg=ConstantArgument("", 4))


@breaks("structures", plain)
def result_too_few_in_the_structure(parts):
    structure = parts.call_spec.out_spec
    less = replace(structure, keys=structure.keys[1:], children=structure.children[1:])
    parts.call_spec = replace(parts.call_spec, out_spec=less)


@breaks("structures", plain)
def plan_of_another_structure(parts):
    plan(parts, result=replace(parts.plan.result, kind=list))


@breaks("call plan", plain)
def state_in_another_order(parts):
    plan(parts, state=parts.plan.state[::-1])


@breaks("call plan", plain)
def write_from_another_output(parts):
    first, *rest = parts.plan.writes
    plan(parts, writes=[replace(first, index=7), *rest])


@breaks("call plan", plain)
def result_from_another_output(parts):
    (constant, _), *rest = parts.plan.outputs
    plan(parts, outputs=[(constant, 99), *rest])


@breaks("call plan", plain)
def result_that_is_no_constant(parts):
    plan(parts, outputs=[*parts.plan.outputs[:-1], (4, None)])


@breaks("call plan", plain)
def check_too_few(parts):
    plan(parts, checks=parts.plan.checks[1:])


@breaks("call plan", plain)
def check_that_fixes_a_size(parts):
    first, *rest = parts.plan.checks
    plan(parts, checks=[replace(first, varies=None), *rest])


@breaks("call plan", plain)
def check_of_another_dtype(parts):
    first, *rest = parts.plan.checks
    looks = replace(first.example, dtype=torch.int64)
    plan(parts, checks=[replace(first, example=looks), *rest])


@breaks("call plan", plain)
def check_of_another_constant(parts):
    *rest, last = parts.plan.checks
    plan(parts, checks=[*rest, replace(last, example=False)])


@breaks("call plan", plain)
def write_that_is_not_checked(parts):
    first, second, third = parts.plan.checks
    plan(parts, checks=[first, replace(second, is_written=False), third])


@breaks("call plan", plain)
def strides_of_another_rank(parts):
    plan(parts, layouts=[(0, LayoutFact("*args[0]", "strides", None, (1,)))])


@breaks("call plan", plain)
def layout_of_no_argument(parts):
    plan(parts, layouts=[(99, LayoutFact("*args[99]", "contiguous", None, True))])


@breaks("aliases", plain)
def result_is_what_is_not_written(parts):
    plan(parts, aliases=[0, *parts.plan.aliases[1:]])


@breaks("aliases", plain)
def result_is_another_than_what_is_written(parts):
    plan(parts, aliases=[1, *parts.plan.aliases[1:]])


@breaks("aliases", plain)
def constant_is_an_argument(parts):
    plan(parts, aliases=[*parts.plan.aliases[:-1], 1])


@breaks("aliases", plain)
def alias_too_few(parts):
    plan(parts, aliases=parts.plan.aliases[1:])


@breaks("aliases", plain)
def twin_of_nobody(parts):
    plan(parts, twins=[(0, 7)])


@breaks("aliases", plain)
def twin_of_itself(parts):
    plan(parts, twins=[(1, 1)])


@breaks("aliases", plain)
def twin_of_a_constant(parts):
    plan(parts, twins=[(0, 2)])


@breaks("modules", modules)
def no_root(parts):
    del parts.module_calls[0]


@breaks("modules", modules)
def module_twice(parts):
    parts.module_calls.append(parts.module_calls[-1])


@breaks("modules", modules)
def call_with_a_node_that_is_not_there(parts):
    entry(parts, 1, outputs=[TensorArgument("nobody")])


@breaks("modules", modules)
def call_with_too_few_values(parts):
    entry(parts, 1, inputs=[])


@breaks("inferred", plain)
def sine_of_another_dtype(parts):
    sine = node(parts, aten.sin.default)
    respec(sine, dtype=torch.float64)


@breaks("inferred", branch)
def sum_of_another_shape(parts):
    respec(node(parts, aten.sum.default), shape=(1,))


@pytest.mark.parametrize("is_read", [False, True], ids=["noted", "shown"])
@pytest.mark.parametrize(("rule", "make", "change"), BROKEN)
def test_a_broken_program_is_found_by_its_rule(rule, make, change, is_read):
    program = make()
    if is_read:
        str(program)
    assert violations(program.parts, more=[inferred]) == []
    change(program.parts)
    found = violations(program.parts, more=[inferred])
    assert rule in {v.rule.name for v in found}, [str(v) for v in found]
    if rule != "inferred":
        with pytest.raises(InternalError, match="rule: "):
            verify(program.parts)


def test_each_rule_is_broken_by_some_program():
    assert {case.values[0] for case in BROKEN} == {*RULES, "inferred"}
    assert set(FORM) < set(RULES)
    for rule in (*RULES.values(), inferred):
        assert rule.text.endswith("."), rule.name


# What is shown -----------------------------------------------------------------------------------


def test_a_violation_shows_the_line_and_what_is_around(monkeypatch):
    program = plain()
    node(program.parts, aten.sin.default).args = ()
    (found,) = violations(program.parts)
    assert found.where.text == "return first.sin(), y, x.shape[0] * 2, 3 if flag else 4"
    shown = found.neighbourhood()
    (marked,) = [line for line in shown if line.startswith(">")]
    assert "torch.ops.aten.sin.default()" in marked
    assert any("getitem" in line for line in shown)
    monkeypatch.setenv("MONOGRAPH_VERIFY", "1")
    with pytest.raises(InternalError) as caught:
        program.to_device("cpu")
    text = str(caught.value)
    assert "rule: arguments" in text
    assert "first.sin()" in text
    assert marked in text
    monkeypatch.setenv("MONOGRAPH_VERIFY", "0")
    program.to_device("cpu")


def test_users_check_what_they_edit():
    program = plain()
    program.validate()
    sine = node(program.parts, aten.sin.default)
    sine.target = aten.cos.default
    sine.meta["note"] = "mine"
    program.validate()
    sine.target = aten.sin_.default
    with pytest.raises(InvalidProgramError) as caught:
        program.validate()
    assert caught.value.code == "MG-F106"
    assert "functional" in str(caught.value)
    assert caught.value.where.text.startswith("return first.sin()")


def test_a_violation_inside_a_branch_says_where():
    program = branch()
    next(n for n in inside(program.parts).nodes if n.op == "call_function").args = ()
    (found, *_) = violations(program.parts)
    assert found.graph == ("true_graph_0",)
    assert "in true_graph_0" in str(found)


# Tables ------------------------------------------------------------------------------------------


def test_all_functions_on_sizes_are_in_the_table():
    theirs = set(graphs._SIZE_OPERATORS.values()) - {operator.getitem}
    ours = {*sizes.OPERATORS.values(), *sizes._FLOAT_OPERATORS.values(), *sizes._NAMES}
    assert theirs <= SIZE_FUNCTIONS
    assert ours <= SIZE_FUNCTIONS


def test_all_keys_of_meta_are_documented():
    for key in meta.KEYS:
        assert f"``{key}``" in meta.__doc__, key


@pytest.mark.parametrize(("target", "args", "expected"), [
    (aten.add_.Tensor, 2, True),
    (aten.add.Tensor, 2, False),
    (aten.instance_norm.default, (None, None, None, None, True), False),
    (aten.instance_norm.default, (None, None, "x", "x", True), True),
    (aten.batch_norm.default, (None, None, "x", "x", False), False),
    (aten.batch_norm.default, (None, None, "x", "x", True), True),
])  # fmt: skip
def test_what_writes(target, args, expected):
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    given = (x,) * args if isinstance(args, int) else tuple(x if a == "x" else a for a in args)
    call = graph.call_function(target, given if isinstance(args, int) else (x, *given))
    assert writes(call) is expected


# All programs ------------------------------------------------------------------------------------


def forms_of(name):
    """A program and what it becomes: decomposed, on a device, in files, of torch's."""
    program = exported(name)
    yield "captured", program
    for form, table in (("opened", {}), ("core", None)):
        try:
            yield form, program.run_decompositions(table)
        except monograph.DecompositionError:
            pass  # tests/passes/test_decompositions.py says which
    yield "elsewhere", program.to_device("cpu")
    yield "copied", copy.deepcopy(program)
    if name not in UNCONVERTED and name not in NOT_IN_FILES:
        file = io.BytesIO()
        monograph.save(program, file)
        file.seek(0)
        yield "loaded", monograph.load(file, trusted=True)
        yield "of torch", monograph.from_torch(program.to_torch())
    try:
        program.unflatten()
    except monograph.InteropError:
        pass  # tests/passes/test_unflatten.py says which
    yield "read", program


NOT_IN_FILES = {"python/named_tuple_as_output", "python/enum_argument"}


def require_valid(name):
    for form, program in forms_of(name):
        found = violations(program.parts, more=[inferred])
        assert found == [], (form, [str(v) for v in found])


@pytest.mark.parametrize("name", sample(8))
def test_programs_are_valid_in_all_forms(name):
    require_valid(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPUS)
def test_all_programs_are_valid_in_all_forms(name):
    require_valid(name)
