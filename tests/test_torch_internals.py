"""What the package relies on in torch's private parts, fact by fact."""

import gc
import inspect
import io
import operator
import re

import pytest
import torch
from torch.fx import Graph

from monograph import Dim, export
from monograph import torch_internals as internals
from monograph.capture.abstract import AbstractTensor
from monograph.capture.python.process_state import exporting_flags, not_exporting


class Seen(internals.DispatchMode):
    def __init__(self, result=None):
        super().__init__()
        self.operators = []
        self.result = result

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        self.operators.append(str(op))
        return op(*args, **(kwargs or {}))


def test_below_autograd_composites_arrive_whole_and_grad_mode_is_true():
    mode = Seen()
    with internals.below_autograd(), mode:
        assert torch.is_grad_enabled()
        torch.nn.functional.linear(torch.ones(2, 3, requires_grad=True), torch.ones(4, 3))
    assert "aten.linear.default" in mode.operators
    assert "aten.addmm.default" not in mode.operators


def test_a_mode_is_not_wrapped_by_the_compiler():
    assert Seen.__torch_dispatch__.__name__ == "__torch_dispatch__"
    assert not hasattr(Seen.__torch_dispatch__, "__wrapped__")


def test_wrappers_take_sizes_strides_dtype_and_device():
    class Wrapper(torch.Tensor):
        __torch_function__ = internals.disabled_torch_function

        @classmethod
        def __torch_dispatch__(cls, *args, **kwargs):
            raise AssertionError

    made = internals.make_wrapper(
        Wrapper, (2, 3), (1, 2), dtype=torch.float16, device=torch.device("cpu")
    )
    assert made.shape == (2, 3)
    assert made.stride() == (1, 2)
    assert made.dtype is torch.float16
    other = internals.make_wrapper(
        Wrapper, (6,), (1,), dtype=torch.float16, device=torch.device("cpu")
    )
    internals.install_metadata(made, other)
    assert made.shape == (6,)


def test_bits_reach_a_mode_and_are_told_to_kernels():
    z = torch.tensor([1 + 2j]).conj()
    outside, inside = Seen(), Seen()
    with internals.below_autograd(), outside:
        z + 1
    assert outside.operators == ["aten.clone.default", "aten.add.Tensor"]
    with internals.below_autograd(), internals.bits_untouched(), inside:
        z + 1
        with internals.without_modes():
            assert (z * 1)[0] == 1 - 2j
    assert inside.operators == ["aten.add.Tensor"]
    with internals.bits_untouched():
        assert (z * 1)[0] == 1 + 2j  # why kernels must be told
        with internals.read_as_marked():
            assert (z * 1)[0] == 1 - 2j


def test_bits_are_set_read_and_exchanged():
    tensor = torch.tensor([1 + 2j])
    for bits in range(4):
        marked = internals.with_bits(tensor, bits)
        assert internals.bits_of(marked) == bits
        assert marked.resolve_conj().resolve_neg()[0] == 1 + 2j
        raw = torch.tensor([1 + 2j])
        internals.mark_bits(raw, bits)
        assert internals.bits_of(raw) == bits


def test_which_operators_copy_marked_tensors():
    aten = torch.ops.aten
    assert internals.materialises(aten.add.Tensor, 1)
    assert internals.materialises(aten.mm.default, 2)
    assert not internals.materialises(aten.mm.default, 1)
    assert not internals.materialises(aten.select.int, 3)
    assert not internals.materialises(aten.matmul.default, 1)


def test_parts_of_one_memory():
    whole = torch.arange(6)
    assert internals.share_memory(whole[:4], whole[2:])
    assert not internals.share_memory(whole[:3], whole[3:])
    assert not internals.share_memory(whole, whole.clone())


def test_exporting_flags_are_read_by_the_public_functions():
    with exporting_flags():
        assert torch.compiler.is_exporting()
        assert torch.compiler.is_compiling()
        assert not torch.backends.mha.get_fastpath_enabled()
        with not_exporting():
            assert not torch.compiler.is_exporting()
    assert not torch.compiler.is_exporting()


def test_kernels_are_known_by_key():
    assert internals.has_kernel(torch.ops.aten.linear.default, internals.COMPOSITE)
    assert not internals.has_kernel(torch.ops.aten.add.Tensor, internals.COMPOSITE)
    assert internals.autocast_handles(torch.ops.aten.linear.default, "cpu")
    assert not internals.autocast_handles(torch.ops.aten.einsum.default, "cpu")


def test_a_composite_opens_into_its_parts():
    mode = Seen()
    args = (torch.ones(2, 3), torch.ones(4, 3), torch.ones(4))
    with internals.below_autograd(), mode:
        internals.opened_composite(torch.ops.aten.linear.default, args, {})
    assert mode.operators == ["aten.t.default", "aten.addmm.default"]


def test_functorch_levels_are_visible():
    assert not internals.functorch_is_active()
    assert torch.func.vmap(lambda x: x * internals.functorch_is_active())(torch.ones(2)).all()
    assert not internals.only_vmap_is_active()
    assert torch.func.vmap(lambda x: x * internals.only_vmap_is_active())(torch.ones(2)).all()
    of_gradient = torch.func.grad(lambda x: (x * internals.only_vmap_is_active()).sum())
    assert not torch.func.vmap(of_gradient)(torch.ones(2)).any()


@pytest.mark.parametrize("call", ["grad", "backward"])
def test_both_ways_to_differentiate_go_through_one_name(call, monkeypatch):
    class Reached(Exception):
        pass

    def entry(*args, **kwargs):
        raise Reached(kwargs.get("accumulate_grad"))

    monkeypatch.setattr(torch.autograd, internals.BACKWARD_ENTRY, entry)
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(Reached) as caught:
        torch.autograd.grad(x.sum(), x) if call == "grad" else x.sum().backward()
    assert caught.value.args[0] is (call == "backward")


def test_fake_tensors_share_storage_with_their_views():
    with internals.fake_mode():
        x = torch.empty(2, 3)
        assert internals.storage_key(x[0]) == internals.storage_key(x)
        assert internals.storage_key(x + 1) != internals.storage_key(x)
        with pytest.raises(internals.dynamic_output_errors()):
            x.nonzero()


def test_fake_tensors_read_these_settings_of_the_compiler():
    from torch._subclasses import fake_tensor

    source = inspect.getsource(fake_tensor.FakeTensorMode)
    read = set(re.findall(r"torch\._dynamo\.config\.(\w+)", source))
    stand_in = internals._WithoutCompiler()
    assert read <= {name for name in dir(stand_in) if name != "config"}
    import torch._dynamo.config as settings

    assert settings._custom_ops_profile is stand_in._custom_ops_profile is None


def test_references_are_hidden_from_the_compiler_once_it_is_there():
    import torch._dynamo

    internals.symbolic_fake_mode(None, no_rule)
    function = torch._refs.nn.functional.relu
    while internals.function_hidden_by(function) is None:
        function = function.__wrapped__
    hidden = internals.function_hidden_by(function)
    hidden.__dict__["__dynamo_disable"] = internals._hidden_later(function, hidden)
    assert function(torch.ones(2)).shape == (2,)
    assert hidden.__dict__["__dynamo_disable"].__module__ == "torch._dynamo.eval_frame"


def test_nodes_appended_by_hand_are_nodes():
    graph = Graph()
    x = internals.append_placeholder(graph, "x")
    node = internals.append_node(graph, "mine", operator.neg, (x,), {})
    internals.claim_names(graph, {"x", "mine"})
    graph.output(graph.call_function(operator.neg, (node,)))
    graph.lint()
    assert [n.name for n in graph.nodes][:2] == ["x", "mine"]
    assert graph.find_nodes(op="call_function", target=operator.neg)[0] is node
    assert graph.create_node("call_function", operator.neg, (x,), name="mine").name != "mine"
    assert x.users


def test_modes_can_be_left():
    mode = Seen()
    with mode:
        with internals.without_modes():
            torch.ones(2) + 1
        assert mode.operators == []


def test_a_guard_that_an_exception_keeps_alive():
    """``_str`` holds one in a local variable, which dies when its frame does."""
    before = internals.dispatcher_keys()
    with (
        pytest.raises(TypeError) as kept,
        internals.dispatch_kept(),
        internals.below_autograd(),
    ):
        torch._tensor_str._str(object())
    assert internals.dispatcher_keys() == before
    del kept
    gc.collect()
    assert internals.dispatcher_keys() == before


def test_values_are_computed_inside_a_fake_kernel():
    before = internals.dispatcher_keys()
    mode = internals.fake_mode()
    with mode, torch._C._EnablePythonDispatcher(), torch._C._DisableTorchDispatch():
        torch._C._set_meta_in_tls_dispatch_include(True)
        try:
            with internals.real_operators():
                assert (torch.ones(2) + 1).sum().item() == 4
        finally:
            torch._C._set_meta_in_tls_dispatch_include(False)
    assert internals.dispatcher_keys()[1:] == before[1:]


def test_switches_can_be_read_and_set():
    for switch in internals.SWITCHES:
        value = switch.get()
        switch.set(value)
        assert switch.get() == value, switch.name


def test_the_stance_of_the_compiler_is_set_when_it_is_made():
    """So what is interrupted before ``with`` has it leaves the stance behind."""
    before = internals.STANCE.get()
    made = torch.compiler.set_stance("force_eager")
    assert internals.STANCE.get() == made.stance != before
    internals.STANCE.set(before)
    assert internals.STANCE.get() == before


def test_set_data_asks_whether_types_fit():
    mode = Seen()
    x = torch.ones(2)
    with internals.below_autograd(), mode:
        x.data = torch.zeros(2)
    assert "aten._has_compatible_shallow_copy_type.default" in mode.operators


def test_the_registry_of_containers():
    definition = internals.pytree_node(torch.return_types.max)
    assert definition is None or callable(definition.flatten_fn)
    assert internals.pytree_node(dict) is not None
    assert internals.pytree_node(int) is None


def test_structures_of_torch_put_their_leaves_together():
    leaves, structure = internals.tree_flatten(((1, [2]), {"a": 3}))
    assert leaves == [1, 2, 3]
    assert isinstance(structure, internals.TreeSpec)
    assert structure.unflatten([4, 5, 6]) == ((4, [5]), {"a": 6})


def sized(name="n", hint=4):
    from monograph.shapes.env import ShapeEnv
    from monograph.shapes.symnode import symbolic

    env = ShapeEnv()
    return env, symbolic(env, env.symbol(name, hint, "x.shape[0]"))


def test_a_symint_takes_any_node():
    env, n = sized()
    assert isinstance(n, torch.SymInt)
    assert str(n + 1) == "n + 1"
    assert str((n * 6 + 9) // 3) == "2*n + 3"
    assert isinstance(n > 3, torch.SymBool)
    assert isinstance(n >= 0, torch.SymBool)  # known, and still of sizes: it steers no program
    assert n >= 0
    assert str(torch.sym_max(n, 3)) == "max(n, 3)"
    assert not env.guards


def test_an_alias_of_a_wrapper_keeps_symbolic_sizes():
    _, n = sized()
    wrapper = internals.make_wrapper(AbstractTensor, (n, 3), (3, 1), dtype=torch.float32)
    alias = internals.make_alias(AbstractTensor, wrapper)
    assert type(alias) is AbstractTensor
    assert [str(size) for size in alias.shape] == ["n", "3"]
    assert alias.shape[0].node is wrapper.shape[0].node


def no_rule(mode, op, args, kwargs):
    return NotImplemented


def test_rules_come_before_fake_kernels_for_what_an_operator_is_made_of_too():
    from monograph.shapes.symnode import facade

    env, n = sized()

    def by_rule(mode, op, args, kwargs):
        if op is not torch.ops.aten.view.default:
            return NotImplemented
        with mode:
            return torch.empty_strided((7,), (1,))

    mode = internals.symbolic_fake_mode(facade(env), by_rule)
    with mode, internals.symbolic_dispatch(mode):
        x = torch.empty_strided((n, 3), (3, 1))
        with internals.below_autograd():
            assert torch.ops.aten.flatten.using_ints(x).shape == (7,)


def test_fake_tensors_take_another_shape_environment():
    from monograph.shapes.symnode import facade

    env, n = sized()
    mode = internals.symbolic_fake_mode(facade(env), no_rule)
    with mode, internals.symbolic_dispatch(mode):
        x = torch.empty_strided((n, 3), (3, 1))
        y = (x.sin() + torch.ones(3)).sum(1)
    assert [str(size) for size in y.shape] == ["n"]
    assert not env.guards


def test_sizes_of_custom_operators_come_from_that_environment():
    from torch._library import fake_impl

    from monograph.shapes.symnode import facade

    env, _ = sized()
    mode = internals.symbolic_fake_mode(facade(env), no_rule)
    with mode, internals.symbolic_dispatch(mode):
        size = fake_impl.allocate_size(facade(env), 0)
    assert str(size) == "u0"
    assert env.symbols["u0"].is_unbacked


def test_control_flow_functions_can_be_sent_elsewhere():
    """Their code is replaced for a while: they must be plain functions without closures."""
    import functorch.experimental.control_flow as old

    functions = [
        torch.cond, internals.torch_while_loop, internals.torch_map, internals.torch_scan,
        internals.torch_associative_scan,
    ]  # fmt: skip
    for function in functions:
        assert function.__closure__ is None
        assert function.__code__.co_freevars == ()
    assert old.cond is torch.cond
    assert old.map is internals.torch_map


def test_control_flow_operators_take_subgraphs_and_operands():
    higher_order = torch.ops.higher_order
    x = torch.ones(2, 3)
    with torch.no_grad():
        assert higher_order.cond(torch.tensor(True), torch.sin, torch.cos, (x,)) is not None
        found = higher_order.while_loop(
            lambda i, x, k: i < k, lambda i, x, k: (i + 1, x * 2), (0, x), (3,)
        )
        assert found[0] == 3
        rows = higher_order.map_impl(lambda row, k: (row * k,), [x], [2])
        assert torch.equal(rows[0], x * 2)
        carry, out = higher_order.scan(lambda c, row: (c + row, c * 1), [torch.zeros(3)], [x], ())
        assert torch.equal(carry, x.sum(0))
        assert out.shape == x.shape


def test_a_graph_that_was_given_up_leaves_no_users():
    from torch.fx import Graph

    outer, inner = Graph(), Graph()
    x = internals.append_placeholder(outer, "x")
    internals.append_node(inner, "sin", torch.sin, (x,), {})
    assert len(x.users) == 1
    internals.erase_nodes(inner)
    assert len(x.users) == 0


def test_what_to_torch_relies_on():
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

    from monograph.interop import private

    env = ShapeEnv()
    symbol = env.create_symbol(
        3, private.ConstantSource("n"), DimDynamic.DYNAMIC, None, positive=None,
        do_not_specialize_zero_one=True,
    )  # fmt: skip
    size = env.create_symintnode(symbol, hint=3, source=None)
    mode = private.FakeTensorMode(shape_env=env)
    looks = torch.empty_strided((size, 2), (2, 1), device="meta")
    fake = private.FakeTensor(mode, looks, torch.device("cpu"))
    assert fake.shape[0].node.expr is symbol
    assert fake.device.type == "cpu"
    bounds = private.ValueRanges(0, private.int_oo)
    env.var_to_range[symbol] = bounds
    assert env.var_to_range[symbol].upper is private.int_oo
    unbacked = env.create_unbacked_symint().node.expr
    assert env.pending_fresh_unbacked_symbols == [unbacked]
    with private.lazy_modules():
        made = private.exported_program._create_graph_module_for_export({}, torch.fx.Graph())
    assert isinstance(made, torch.fx.GraphModule)
    assert private.exported_program._create_graph_module_for_export is not type(made)


def test_the_core_table_is_a_dict_of_overloads():
    table = internals.core_decompositions()
    assert torch.ops.aten.addcmul.default in table
    assert torch.ops.aten.convolution.default not in table


def test_torchs_table_marks_composite_operators_and_is_full_when_it_is_made():
    table = torch.export.default_decompositions()
    for op in (torch.ops.aten.linear.default, torch.ops.aten.sym_size.int):
        assert internals.is_torchs_mark(op, table[op])
    addcmul = torch.ops.aten.addcmul.default
    assert not internals.is_torchs_mark(addcmul, table[addcmul])
    del table[torch.ops.aten.linear.default]
    assert set(type(table)()) - set(table) == {torch.ops.aten.linear.default}


def test_annotations_are_those_that_run_now():
    assert internals.users_annotations() is None
    with torch.fx.traceback.annotate({"a": 1}):
        found = internals.users_annotations()
        with torch.fx.traceback.annotate({"b": 2}):
            assert internals.users_annotations() == {"a": 1, "b": 2}
    assert found == {"a": 1}
    assert internals.users_annotations() is None


def test_verifiers_are_known_by_their_dialects():
    from monograph.interop import private

    assert [private.verifier_of(name).dialect for name in ("TRAINING", "ATEN", "OTHER")] == [
        "TRAINING",
        "ATEN",
        "ATEN",
    ]


def test_objects_of_registered_classes_are_written_and_read_by_their_class():
    from monograph.interop import private

    packed = torch.ops.quantized.linear_prepack(
        torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8), None
    )
    assert isinstance(packed, torch.ScriptObject)
    assert private.class_of(packed).endswith("quantized.LinearPackedParamsBase")
    back = private.object_from_bytes(private.object_as_bytes(packed))
    weight, bias = back.unpack()
    assert weight.dequantize().tolist() == packed.unpack()[0].dequantize().tolist()
    assert bias is None


def test_which_tensors_have_methods_or_operators_of_their_own():
    class Named(torch.Tensor):
        pass

    class Kept(torch.nn.Parameter):
        pass

    with internals.fake_mode():
        fake = torch.ones(2)
    for kind in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer, Kept, type(fake)):
        assert not internals.has_own_behaviour(kind)
    assert internals.has_own_behaviour(Named)
    assert internals.has_own_behaviour(torch.masked.MaskedTensor)


def test_compiled_functions_run_as_written():
    @torch.compile(fullgraph=True)
    def helper(x):
        return x + 1

    seen = []

    class Sees(internals.DispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            seen.append((op, types))
            return op(*args, **(kwargs or {}))

    x = torch.ones(2)
    with internals.compiled_functions_run_as_written(), Sees():
        y = helper(x)
    assert y.tolist() == [2, 2]
    assert [op for op, _ in seen] == [torch.ops.aten.add.Tensor]


def test_a_mode_sees_an_operator_before_the_class_of_its_argument_does():
    class Holds(torch.Tensor):
        @staticmethod
        def __new__(cls, held):
            return torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype)

        def __init__(self, held):
            self.held = held

        @classmethod
        def __torch_dispatch__(cls, op, types, args=(), kwargs=None):
            return op(*[a.held if isinstance(a, cls) else a for a in args], **(kwargs or {}))

    seen = []

    class Sees(internals.DispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            seen.append((op, tuple(types)))
            return Holds.__torch_dispatch__(op, types, args, kwargs)

    x, y = Holds(torch.ones(2)), torch.ones(2)
    with Sees():
        x + y
    assert seen == [(torch.ops.aten.add.Tensor, (Holds,))]


def test_an_operator_has_a_schema_and_a_name_without_its_overload():
    op = torch.ops.aten.add_.Tensor
    assert isinstance(op, internals.Operator)
    assert isinstance(torch.ops.aten.add, internals.OperatorPacket)
    assert isinstance(torch.ops.higher_order.cond, internals.HigherOrderOperator)
    assert internals.plain_name(op) == internals.name_of(op) == "add_"
    assert internals.name_of(operator.mul) == "mul"
    assert internals.name_of(torch.ops.higher_order.cond) == "cond"
    schema = internals.schema_of(op)
    assert schema.is_mutable
    assert [argument.name for argument in schema.arguments] == ["self", "other", "alpha"]
    assert len(schema.returns) == 1


def test_a_module_keeps_children_parameters_and_buffers_in_dictionaries():
    module, other = torch.nn.Module(), torch.nn.Module()
    internals.set_child(module, "train", other)  # a name that a method has
    assert internals.child_of(module, "train") is other
    assert internals.child_of(module, "eval") is None
    weight = torch.nn.Parameter(torch.ones(1))
    assert internals.hold(module, "half", weight, persistent=True)["half"] is weight
    assert internals.holder_of(module, "half")["half"] is weight
    for persistent in (False, True, False):
        internals.hold(module, "to", torch.zeros(1), persistent=persistent)
        assert ("to" in module.state_dict()) is persistent
    assert dict(module.named_parameters()).keys() == {"half"}
    assert dict(module.named_buffers()).keys() == {"to"}
    other = torch.nn.Module()
    internals.share_contents(other, module)
    internals.hold(module, "later", torch.ones(2), persistent=True)
    assert other.state_dict().keys() == {"half", "later"}  # "to" is not saved


def test_functions_in_c_call_the_operator_of_their_name():
    for function in (torch.linspace, torch._C._nn.avg_pool2d, torch.fft.fft, torch._VF.istft):
        assert internals.is_operator_function(function)
        assert internals.operator_packet("aten", function.__name__) is not None
    assert not internals.is_operator_function(len)
    assert not internals.is_operator_function([].append)


def test_a_number_that_c_wants_names_the_file_that_wants_it():
    """So what Python asks for (``int(n)``) is told from what a function in C makes of a size."""
    from monograph.shapes.env import ShapeEnv
    from monograph.shapes.symnode import IntNode, symbolic

    asked = []

    class Asked(IntNode):
        def guard_int(self, file, line):
            asked.append(file)
            return super().guard_int(file, line)

    env = ShapeEnv()
    size = torch.SymInt(Asked(env, env.symbol("s0", 3, "x.shape[0]")))
    assert symbolic(env, 3) == 3
    torch.linspace(0, 1, size)
    assert asked[0].endswith((".cpp", ".h"))


def test_a_batching_rule_in_python_holds_until_it_is_removed():
    op, norm, seen = torch.ops.aten.layer_norm.default, torch.nn.LayerNorm(4), []

    def rule(x, shape, *args):
        level, size = internals.mapping()
        seen.append((size, internals.mapped_over(x, level)[1]))
        with internals.outside_of_mapping():
            rows = op(internals.mapped_over(x, level)[0].movedim(1, 0), shape, *args)
        return internals.as_mapped(rows, 0, level)

    x = torch.randn(3, 5, 4)
    expected = torch.vmap(norm, in_dims=1)(x)
    applies = [True]
    library = internals.batching_rules({op: rule}, lambda: applies[0])
    try:
        assert torch.equal(torch.vmap(norm, in_dims=1)(x), expected)
        assert seen == [(5, 1)]
        applies[0] = False
        assert torch.equal(torch.vmap(norm, in_dims=1)(x), expected)
    finally:
        internals.remove_batching_rules(library)
    applies[0] = True
    assert torch.equal(torch.vmap(norm, in_dims=1)(x), expected)
    assert len(seen) == 1


def test_what_vmap_maps_over_is_told_under_other_transforms():
    seen = []

    def row(x, y):
        seen.append((internals.is_mapped(x), internals.is_mapped(y)))
        return (x * y).sum()

    x, y = torch.randn(3, 2), torch.randn(2)
    torch.vmap(torch.func.grad(row), in_dims=(0, None))(x, y)
    torch.func.grad(row)(y, y)
    assert seen == [(True, False), (False, False)]


def test_vmap_looks_up_where_a_level_begins_and_ends():
    module = internals.mapping_module()
    names = (internals.MAPPING_BEGINS, internals.MAPPING_ENDS, internals.MAPPING_ENTERS)
    seen = []

    def noting(name, original):
        return lambda *args: (seen.append(name), original(*args))[1]

    originals = {name: getattr(module, name) for name in names}
    try:
        for name, original in originals.items():
            setattr(module, name, noting(name, original))
        torch.vmap(torch.sin)(torch.ones(2))
    finally:
        for name, original in originals.items():
            setattr(module, name, original)
    begins, ends, enters = names
    assert seen == [begins, enters, ends]


def test_a_question_of_sizes_that_vary_in_c_is_told():
    error = RuntimeError("Cannot call sizes() on tensor with symbolic sizes/strides")
    assert internals.wants_plain_sizes(error)
    assert not internals.wants_plain_sizes(RuntimeError("sizes"))


def test_the_writer_of_files_takes_no_float_as_an_input_and_the_schema_does():
    from torch._export.serde.serialize import GraphModuleSerializer

    from monograph.interop import private

    shapes = {"t": Dim.DYNAMIC}
    program = export(lambda x, t: x * t, (torch.ones(2), 0.5), dynamic_shapes=shapes).to_torch()
    before = GraphModuleSerializer.handle_placeholder
    with pytest.raises(Exception, match="SymFloat graph input is not implemented"):
        torch.export.save(program, io.BytesIO())
    data = private.serialized(program)
    assert data["graph_module"]["graph"]["inputs"][1] == {"as_sym_float": {"as_name": "t"}}
    assert GraphModuleSerializer.handle_placeholder is before


def test_a_generator_is_wrapped_anew():
    """The dispatcher gives another Python object; ``_cdata`` is the generator itself."""
    one, other = torch.Generator(), torch.Generator()
    seen = []

    class Sees(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            seen.append(kwargs["generator"])
            return op(*args, **kwargs)

    with Sees():
        torch.rand(2, generator=one)
    assert internals.is_same_generator(seen[0], one)
    assert not internals.is_same_generator(seen[0], other)


def test_functions_in_c_are_known():
    for function in (torch.sum, torch.diff, torch._C._nn.gelu):
        assert internals.is_function_of_torch(function)
    assert not internals.is_function_of_torch(torch._C._get_tracing_state)
    assert not internals.is_function_of_torch(sum)


def test_all_exporters_of_torch_look_up_one_function():
    from monograph.interop import private

    asked = []

    def noting(*args, **keywords):
        asked.append(private.is_drafting())
        return original(*args, **keywords)

    original = private.exporter()
    try:
        private.set_exporter(noting)
        torch.export.export(torch.nn.ReLU(), (torch.ones(2),))
        torch.export.draft_export(torch.nn.ReLU(), (torch.ones(2),))
    finally:
        private.set_exporter(original)
    assert asked == [False, True]


def test_a_table_without_composites_keeps_them():
    from monograph.interop import private

    linear = torch.ops.aten.linear.default
    assert linear in private.choosable_composites()
    assert torch.ops.aten.reshape.default not in private.choosable_composites()
    assert linear in torch.export.default_decompositions().materialize()


def test_tables_of_functions_are_made_when_they_are_asked_for():
    """``importing`` and ``patches`` rely on it: they are the process's, and can be forgotten."""
    from torch.utils._device import _device_constructors

    assert torch.tensor in _device_constructors()
    for table in internals._TABLES:
        assert table.cache_info().maxsize is None
    overrides = torch.overrides
    overrides._get_overridable_functions.cache_clear()
    overrides._get_tensor_methods.cache_clear()
    with internals.tables_of_functions():
        overrides.is_tensor_method_or_property(torch.Tensor.add)
        assert overrides._get_overridable_functions.cache_info().currsize == 1
    assert overrides._get_overridable_functions.cache_info().currsize == 0


def test_a_new_thread_computes_gradients():
    with internals.below_autograd():
        with internals.dispatch_of_a_new_thread():
            assert (torch.ones(1, requires_grad=True) * 2).requires_grad
        assert not (torch.ones(1, requires_grad=True) * 2).requires_grad


def test_whether_a_mask_is_causal_is_asked_by_one_function_and_is_a_hint():
    mask = torch.nn.Transformer.generate_square_subsequent_mask(3)
    assert internals.detect_causal_mask(mask, None, 3)
    assert not internals.detect_causal_mask(mask[:, :2], None, 3)
    assert not internals.detect_causal_mask(mask, False, 3)
    for kind in (torch.nn.TransformerEncoder, torch.nn.TransformerDecoder):
        assert internals.detect_causal_mask.__name__ in kind.forward.__code__.co_names
    layer = torch.nn.TransformerEncoderLayer(4, 1, 4, batch_first=True).eval()
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(layer(x, mask, is_causal=True), layer(x, mask, is_causal=False))


def test_graphs_name_imaginary_numbers_that_are_not_finite():
    """What Python writes for them is a name in the code of every graph."""
    graph = torch.fx.Graph()
    graph.output(complex(0, float("inf")))
    assert torch.fx.GraphModule({}, graph)() == complex(0, float("inf"))


def test_torch_has_numpys_functions_on_tensors():
    numpy = internals.numpy_in_torch()
    array = numpy.ndarray(torch.arange(3))
    assert torch.equal((array * 2).tensor, torch.tensor([0, 2, 4]))
    array[1:] = 5
    assert array.tensor.tolist() == [0, 5, 5]


def test_transforms_look_up_where_a_level_begins_and_ends():
    seen = []

    def noting(name, original):
        return lambda *args: (seen.append(name), original(*args))[1]

    places = [(m, name) for m, *names in internals.transform_levels() for name in names]
    with pytest.MonkeyPatch.context() as patch:
        for module, name in places:
            patch.setattr(module, name, noting(name, getattr(module, name)))
        x = torch.ones(2)
        torch.vmap(torch.sin)(x)
        torch.func.grad(torch.sum)(x)
        torch.func.jvp(torch.sin, (x,), (x,))
    assert sorted(seen) == sorted(name for _, name in places)


def test_views_are_made_again_where_a_write_is_differentiated():
    seen = []

    class Noting(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            seen.append(op)
            return op(*args, **(kwargs or {}))

    x = torch.ones(3, requires_grad=True)
    with internals.replaying_views():
        y = x * 2
        y[1:].mul_(x[0])
    with Noting():
        torch.autograd.grad(y.sum(), x)
    assert torch.ops.aten.as_strided.default not in seen


def test_writes_to_a_tensor_are_counted_and_the_count_can_be_put_back():
    tensor = torch.ones(3)
    view = tensor[:2]
    before = internals.writes_to(tensor)
    view.add_(1)
    assert internals.writes_to(tensor) == internals.writes_to(view) == before + 1
    internals.put_back_writes([tensor], [before])
    assert internals.writes_to(view) == before


def test_a_number_tells_whether_a_tensor_overlaps_itself():
    """And torch's meta functions look up, when they run, who tells it."""
    overlaps, x = torch._debug_has_internal_overlap, torch.rand(3)
    found = overlaps(x), overlaps(x.expand(2, 3)), overlaps(torch.rand(9)[::2])
    assert found == (0, internals._OVERLAPS, internals._MAY_OVERLAP)
    meta = torch._meta_registrations.meta_copy_
    assert "_debug_has_internal_overlap" in meta.__code__.co_names
