"""Containers that others have registered with torch's pytree, and whose constructors compute."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

import monograph
from monograph import Dim

D = Dim.DYNAMIC


class Shifted:
    """Its constructor runs operators, as that of a cache does that joins what it is given."""

    def __init__(self, first, second):
        self.first = torch.cat([torch.empty(0), first.flatten()]).view(first.shape)
        self.second = second
        self.place = second.device


class Sized:
    """Its constructor looks at sizes."""

    def __init__(self, parts):
        self.parts = [*parts]
        self.rows = parts[0].shape[0] + parts[1].shape[-1]


@pytest.fixture(autouse=True)
def registered():
    def keys(*names):
        return lambda box: (
            [(pytree.GetAttrKey(name), getattr(box, name)) for name in names], None
        )  # fmt: skip

    pytree.register_pytree_node(
        Shifted, lambda box: ([box.first, box.second], None), lambda parts, _: Shifted(*parts),
        flatten_with_keys_fn=keys("first", "second"), serialized_type_name="tests.Shifted",
    )  # fmt: skip
    pytree.register_pytree_node(
        Sized, lambda box: ([box.parts], None), lambda parts, _: Sized(*parts),
        flatten_with_keys_fn=keys("parts"), serialized_type_name="tests.Sized",
    )  # fmt: skip
    yield
    for kind in (Shifted, Sized):
        pytree._deregister_pytree_node(kind)


def forms(program):
    """What runs a program: itself, as torch has it, and from a file."""
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    return [program.module(), program.to_torch().module(), monograph.load(file).module()]


def tensors(box):
    return [box.first, box.second] if isinstance(box, Shifted) else box.parts


class Takes(nn.Module):
    def forward(self, boxes, x):
        total = sum(part.sum() for box in boxes.values() for part in tensors(box))
        return total * x


class Gives(nn.Module):
    def forward(self, x):
        return {"shifted": Shifted(x * 2, x + 1), "sized": (Sized([x, x * 3]), x)}


class Changes(nn.Module):
    def forward(self, box):
        box.first = box.first + 1
        return Shifted(box.second, box.first)


def boxes(rows):
    x = torch.arange(3.0 * rows).reshape(rows, 3)
    return {"a": Shifted(x + 1, x * 2), "b": Sized([x, x - 1])}


@pytest.mark.parametrize("strict", [False, True])
def test_as_an_argument(strict):
    args = boxes(4), torch.ones(2)
    sizes = {0: D}
    for shapes in (None, ({"a": [sizes, sizes], "b": [[sizes, sizes]]}, None)):
        program = monograph.export(Takes(), args, dynamic_shapes=shapes, strict=strict)
        assert not any(listed.kind == "argument" for listed in program.assumptions)
        for module in forms(program):
            for rows in (4,) if shapes is None else (4, 1, 7):
                given = boxes(rows), torch.full((2,), 3.0)
                torch.testing.assert_close(module(*given), Takes()(*given))


@pytest.mark.parametrize("strict", [False, True])
def test_as_a_result(strict):
    program = monograph.export(
        Gives(), (torch.ones(4, 3),), dynamic_shapes=({0: D},), strict=strict
    )
    for module in forms(program):
        for rows in (4, 1, 6):
            x = torch.randn(rows, 3)
            found, expected = module(x), Gives()(x)
            for one, other in zip(
                pytree.tree_leaves(found), pytree.tree_leaves(expected), strict=True
            ):
                torch.testing.assert_close(one, other)
            assert type(found["shifted"]) is Shifted
            assert type(found["sized"][0]) is Sized


def test_what_the_program_changes_in_it_is_listed():
    box = boxes(4)["a"]
    program = monograph.export(Changes(), (box,))
    (listed,) = (found for found in program.assumptions if "assigns" in found.text)
    assert listed.kind == "argument"
    found = program.module()(boxes(4)["a"])
    torch.testing.assert_close(found.second, boxes(4)["a"].first + 1)


def test_the_cache_of_a_decoder_registered_by_its_library():
    """Decoding with sizes that vary: from a filled cache; and a prefill that returns one."""
    from transformers.integrations.executorch import register_dynamic_cache_export_support

    config = LlamaConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=48,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()

    def given(batch, past, tokens=1):
        cache = DynamicCache()
        for layer in range(2):
            cache.update(torch.randn(batch, 2, past, 8), torch.randn(batch, 2, past, 8), layer)
        return {
            "input_ids": torch.ones(batch, tokens, dtype=torch.long),
            "attention_mask": torch.ones(batch, past + tokens, dtype=torch.long),
            "past_key_values": cache, "use_cache": True,
        }  # fmt: skip

    was_registered = DynamicCache in pytree.SUPPORTED_NODES
    if not was_registered:
        register_dynamic_cache_export_support()
    try:
        example = given(2, 6)
        parts, _ = pytree.SUPPORTED_NODES[DynamicCache].flatten_fn(example["past_key_values"])
        shapes = {
            "input_ids": {0: D}, "attention_mask": {0: D, 1: D}, "use_cache": None,
            "past_key_values": pytree.tree_map(lambda part: {0: D, 2: D}, parts),
        }  # fmt: skip
        with torch.no_grad():
            program = monograph.export(model, (), example, dynamic_shapes=shapes)
            for module in forms(program):
                for batch, past in ((2, 6), (1, 1), (3, 9)):
                    torch.manual_seed(batch)
                    found = module(**given(batch, past))
                    torch.manual_seed(batch)
                    expected = model(**given(batch, past))
                    for one, other in zip(
                        pytree.tree_leaves(found), pytree.tree_leaves(expected), strict=True
                    ):
                        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    finally:
        if not was_registered:
            pytree._deregister_pytree_node(DynamicCache)


def test_a_cache_that_nobody_has_registered():
    """Argument and result, with any past, from a file too; it counts without dimensions."""
    config = LlamaConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=48,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()

    def given(past):
        cache = Counting()
        for layer in range(2):
            cache.update(torch.randn(2, 2, past, 8), torch.randn(2, 2, past, 8), layer)
        tokens = torch.arange(2).view(2, 1)
        return {"input_ids": tokens, "past_key_values": cache, "use_cache": True}

    with torch.no_grad():
        program = monograph.export(
            model, (), given(3), dynamic_shapes={"past_key_values.*": {2: "past"}}
        )
        for module in forms(program):
            for past in (3, 7):
                call = given(past)
                found, expected = module(**copy.deepcopy(call)), model(**copy.deepcopy(call))
                torch.testing.assert_close(found["logits"], expected["logits"])
                cache = found["past_key_values"]
                assert type(cache) is Counting
                for one, other in zip(
                    cache.layers, expected["past_key_values"].layers, strict=True
                ):
                    torch.testing.assert_close(one.keys, other.keys)
                    assert (type(one), one.dtype) == (type(other), other.dtype)


class Counting(DynamicCache):
    """A cache with a tensor without dimensions beside those of its layers."""

    def __init__(self):
        super().__init__()
        self.count = torch.tensor(1)
