"""Files of valid programs with one structured change each, and what loading them gives.

As a script (``python [-O] file_mutants.py FIRST STEP``) it prints an outcome a line, so that two
interpreters can be compared.
"""

import copy
import io
import json
import random
import sys
import zipfile
from pathlib import Path

import monograph
from monograph.inference.agreement import inferred
from monograph.ir.verify import violations

MODEL, NOTES = "models/model.json", "data/extra/monograph/model.json"


def graphs_of(data):
    """The program's graph in JSON, and those inside it."""
    found = [data["graph_module"]["graph"]]
    for graph in found:
        for node in graph["nodes"]:
            for given in node["inputs"]:
                if "as_graph" in given["arg"]:
                    found.append(given["arg"]["as_graph"]["graph"])
    return found


def _graph(data, rng, least=1):
    """A graph with so many nodes."""
    return rng.choice([g for g in graphs_of(data) if len(g["nodes"]) >= least] or [None])


# Changes: each gets the program, the notes and a generator of random numbers, and returns whether
# there was something to change. ------------------------------------------------------------------


def order_of_nodes(data, notes, rng):
    graph = _graph(data, rng, 2)
    if graph is None:
        return False
    i, j = sorted(rng.sample(range(len(graph["nodes"])), 2))
    nodes = graph["nodes"]
    nodes[i], nodes[j] = nodes[j], nodes[i]
    return True


def node_twice(data, notes, rng):
    graph = _graph(data, rng)
    if graph is None:
        return False
    nodes = graph["nodes"]
    nodes.insert(rng.randrange(len(nodes) + 1), copy.deepcopy(rng.choice(nodes)))
    return True


def node_left_out(data, notes, rng):
    graph = _graph(data, rng)
    if graph is None:
        return False
    graph["nodes"].pop(rng.randrange(len(graph["nodes"])))
    return True


def operand_left_out(data, notes, rng):
    graph = _graph(data, rng)
    given = [n["inputs"] for n in graph["nodes"] if n["inputs"]] if graph else []
    if not given:
        return False
    chosen = rng.choice(given)
    chosen.pop(rng.randrange(len(chosen)))
    return True


def operand_exchanged(data, notes, rng):
    graph = _graph(data, rng)
    given = [given for node in graph["nodes"] for given in node["inputs"]] if graph else []
    if len(given) < 2:
        return False
    one, other = rng.sample(given, 2)
    one["arg"], other["arg"] = other["arg"], one["arg"]
    return True


def operand_for_a_branch_left_out(data, notes, rng):
    given = [
        argument["arg"]["as_tensors"]
        for graph in graphs_of(data)
        for node in graph["nodes"]
        if "higher_order" in node["target"]
        for argument in node["inputs"]
        if argument["arg"].get("as_tensors")
    ]
    if not given:
        return False
    rng.choice(given).pop()
    return True


def result_left_out(data, notes, rng):
    graph = _graph(data, rng, 0)
    if not graph["outputs"]:
        return False
    graph["outputs"].pop(rng.randrange(len(graph["outputs"])))
    return True


def result_exchanged(data, notes, rng):
    graph = _graph(data, rng, 0)
    if len(graph["outputs"]) < 2:
        return False
    graph["outputs"].reverse()
    return True


def input_left_out(data, notes, rng):
    graph = _graph(data, rng, 0)
    if not graph["inputs"]:
        return False
    graph["inputs"].pop(rng.randrange(len(graph["inputs"])))
    return True


def dtype_changed(data, notes, rng):
    graph = _graph(data, rng, 0)
    if not graph["tensor_values"]:
        return False
    chosen = graph["tensor_values"][rng.choice(sorted(graph["tensor_values"]))]
    chosen["dtype"] = rng.choice([4, 5, 7, 12, 99])
    return True


def dimension_left_out(data, notes, rng):
    graph = _graph(data, rng, 0)
    values = [v for _, v in sorted(graph["tensor_values"].items()) if v["sizes"]]
    if not values:
        return False
    chosen = rng.choice(values)
    chosen["sizes"].pop()
    if rng.random() < 0.5:
        chosen["strides"].pop()
    return True


def symbol_renamed(data, notes, rng):
    places = []
    for graph in graphs_of(data):
        for _, value in sorted(graph["tensor_values"].items()):
            places += [s["as_expr"] for s in value["sizes"] if "as_expr" in s]
        for _, value in sorted(graph["sym_int_values"].items()):
            places += [value["as_expr"]] if "as_expr" in value else []
    if not places:
        return False
    rng.choice(places)["expr_str"] = rng.choice(["s999", "u999", "Symbol('zuf9')", "s999 + 1"])
    return True


def writes_in_place(data, notes, rng):
    """An operator is replaced by the one that writes its argument."""
    nodes = [
        node for graph in graphs_of(data) for node in graph["nodes"] if node["target"] in _IN_PLACE
    ]
    if not nodes:
        return False
    chosen = rng.choice(nodes)
    chosen["target"] = _IN_PLACE[chosen["target"]]
    return True


_IN_PLACE = {
    f"torch.ops.aten.{name}.{kind}": f"torch.ops.aten.{name}_.{kind}"
    for name, kind in [("add", "Tensor"), ("mul", "Tensor"), ("sin", "default"), ("cos", "default"),
                       ("relu", "default"), ("sub", "Tensor"), ("div", "Tensor")]
}  # fmt: skip


def other_operator(data, notes, rng):
    graph = _graph(data, rng)
    if graph is None:
        return False
    rng.choice(graph["nodes"])["target"] = rng.choice(
        ["torch.ops.aten.nonzero.default", "torch.ops.aten.split.Tensor", "_operator.add",
         "torch.ops.aten.sym_size.int", "_operator.getitem", "torch.ops.higher_order.cond",
         "torch.ops.aten._assert_scalar.default", "torch.sym_not"]
    )  # fmt: skip
    return True


def signature_exchanged(data, notes, rng):
    specs = data["graph_module"]["signature"][rng.choice(["input_specs", "output_specs"])]
    if len(specs) < 2:
        return False
    i, j = rng.sample(range(len(specs)), 2)
    if specs[i] == specs[j]:  # one tensor twice: nothing would be changed
        return False
    specs[i], specs[j] = specs[j], specs[i]
    return True


def signature_left_out(data, notes, rng):
    specs = data["graph_module"]["signature"][rng.choice(["input_specs", "output_specs"])]
    if not specs:
        return False
    specs.pop(rng.randrange(len(specs)))
    return True


def signature_of_another_kind(data, notes, rng):
    specs = data["graph_module"]["signature"]["output_specs"]
    if not specs:
        return False
    chosen = rng.choice(specs)
    ((_, spec),) = chosen.items()
    chosen.clear()
    kind, field = rng.choice([("buffer_mutation", "buffer_name"), ("loss_output", None),
                              ("user_input_mutation", "user_input_name")])  # fmt: skip
    name = next(iter(spec["arg"].values())) if "arg" in spec else {}
    chosen[kind] = {"arg": name if isinstance(name, dict) else {"name": "x"}}
    if field is not None:
        chosen[kind][field] = rng.choice(["x", "weight", "nothing"])
    return True


def index_out_of_range(data, notes, rng):
    notes[rng.choice(["twins", "aliases", "hidden"])] = rng.choice(
        [[[0, 99]], [[0, 0]], [-1], [99], [0], [None, 99], [True], ["nope"], [None, None, None]]
    )
    return True


def layouts_noted(data, notes, rng):
    kinds = ["stride", "strides", "contiguous", "offset", "dim order", "negative", "?", None]
    details = [None, 0, 99, -1, "channels_last", ["contiguous_format"], "?", True]
    answers = [None, True, 0, [0, 1], "x", [None]]
    fact = [rng.choice([0, 1, 99, -1, "x"]), rng.choice(kinds), rng.choice(details),
            rng.choice(answers), rng.choice(["line 1", None])]  # fmt: skip
    notes["layouts"] = rng.choice([[fact], fact, [fact[:3]], {}])
    return True


CHANGES = [
    order_of_nodes, node_twice, node_left_out, operand_left_out, operand_exchanged,
    operand_for_a_branch_left_out, result_left_out, result_exchanged, input_left_out, dtype_changed,
    dimension_left_out, symbol_renamed, writes_in_place, other_operator, signature_exchanged,
    signature_left_out, signature_of_another_kind, index_out_of_range, layouts_noted,
]  # fmt: skip


def saved(program):
    """The records of a program's file."""
    file = io.BytesIO()
    monograph.save(program, file)
    with zipfile.ZipFile(file) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def mutant(records, change, seed):
    """The file with one change; None where there is nothing to change."""
    (model,) = [name for name in records if name.endswith(MODEL) and NOTES not in name]
    (noted,) = [name for name in records if name.endswith(NOTES)]
    data, notes = json.loads(records[model]), json.loads(records[noted])
    if not change(data, notes, random.Random(seed)):
        return None
    changed = {**records, model: json.dumps(data).encode(), noted: json.dumps(notes).encode()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in changed.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def outcome_of(file):
    """``refused``, or the program's text; any other exception is the caller's."""
    try:
        program = monograph.load(file)
    except monograph.FileError as error:
        return f"refused {error.code}"
    found = violations(program.parts, more=[inferred])
    if found:
        return f"INVALID {found[0]}"
    return str(program)


def outcomes(program, seeds):
    """Change, seed, and the outcome of each mutant."""
    records = saved(program)
    for change in CHANGES:
        for seed in seeds:
            file = mutant(records, change, seed)
            if file is not None:
                yield change.__name__, seed, outcome_of(file)


def _main(first, step):
    sys.path.append(str(Path(__file__).parents[1] / "shared"))  # where it runs by itself
    from corpus import UNCONVERTED, exported, sample

    for name in sample(step)[first : first + 1]:
        if name not in UNCONVERTED:
            for change, seed, outcome in outcomes(exported(name), range(3)):
                print(name, change, seed, hash_of(outcome))


def hash_of(text):
    """The same in every process."""
    import zlib

    return text if text.startswith(("refused", "INVALID")) else str(zlib.crc32(text.encode()))


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
