"""The registry of error codes: one code, one kind of problem, for good.

The letter groups them: D data dependence, S shapes, P Python features, M mutation and side effects,
C control-flow operators, O operators that refuse their arguments, I inputs at run time,
F files and other tools.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CODES", "Code"]


@dataclass(frozen=True)
class Code:
    """A stable code, its one-line title, why such a program is refused, and its ExportDB case."""

    name: str
    title: str
    why: str

    @property
    def case(self) -> str:
        """The name of the case that shows it; empty for mistakes of ours."""
        return _CASES.get(self.name, "")


_ONE_GRAPH = "an exported program is one graph: what it computes may not depend on a tensor's value"

CODES: dict[str, Code] = {
    code.name: code
    for code in (
        Code("MG-D101", "Python needs the truth of a tensor", _ONE_GRAPH),
        Code("MG-D102", "Python needs the number in a tensor", _ONE_GRAPH),
        Code("MG-D103", "Python needs all the values of a tensor", _ONE_GRAPH),
        Code("MG-D104", "a result's size depends on a tensor's values", _ONE_GRAPH),
        Code(
            "MG-D105",
            "a question about a number that is only known when the program runs",
            "the answer decides what the program does next, and a graph has one way to go",
        ),
        Code(
            "MG-S101",
            "sizes that are declared wider than the program allows",
            "the program, as it was captured, is wrong for some of the sizes that were declared",
        ),
        Code(
            "MG-S102",
            "a specification of sizes that does not fit the arguments",
            "each size that varies belongs to a dimension of one of the arguments",
        ),
        Code(
            "MG-S103",
            "an example outside the range that was declared for it",
            "the program is captured with the example inputs, so they must be valid ones",
        ),
        Code(
            "MG-P101",
            "an argument of a type that cannot be taken apart",
            "inputs and outputs become a flat list of tensors and constants",
        ),
        Code(
            "MG-P102",
            "an operator without a fake implementation",
            "its result's shape and dtype must be known without running it",
        ),
        Code(
            "MG-P103",
            "the random seed is set inside the program",
            "seeding is a side effect on the process that a graph cannot carry",
        ),
        Code(
            "MG-P104",
            "a kind of tensor that is not captured",
            "captured tensors are dense, strided tensors",
        ),
        Code("MG-P105", "a program that is called itself", "what is called is its module()"),
        Code(
            "MG-P106",
            "Python asks for the memory of a tensor",
            "while capturing, a tensor has sizes and a dtype but no memory",
        ),
        Code(
            "MG-P107",
            "a way to differentiate that is not captured",
            "derivatives inside a program become operators of its graph",
        ),
        Code(
            "MG-P108",
            "a value that is another one in each run (strict mode)",
            "an exported program would repeat the value of the run that captured it",
        ),
        Code(
            "MG-P109",
            "a program that is another one when it is captured again",
            "what is exported would depend on chance",
        ),
        Code(
            "MG-P110",
            "an exception that the program raises only while it is captured",
            "the program asks whether it is compiled or exported, and goes another way then",
        ),
        Code(
            "MG-M107",
            "a side effect that outlives the call",
            "an exported program computes tensors, and changes tensors; nothing else",
        ),
        Code(
            "MG-M101",
            "a tensor is written through a view that cannot be inverted",
            "a write becomes a new value, which must be folded back into the whole",
        ),
        Code(
            "MG-M102",
            "tensors that share memory, one of which is written",
            "a write to one would have to show in the other",
        ),
        Code(
            "MG-M103",
            "state that changes its shape or dtype",
            "a program's buffers keep one shape, so that it can be called again",
        ),
        Code(
            "MG-M104",
            "a value was read into Python and its tensor written later",
            "the value would be frozen, and wrong at the next call",
        ),
        Code(
            "MG-M105",
            "an operator that writes its arguments and has no functional form",
            "no operator of an exported program writes its arguments",
        ),
        Code(
            "MG-M106",
            "a parameter's memory is replaced",
            "the caller's parameters stay as they are",
        ),
        Code(
            "MG-C101",
            "a predicate that is no single truth",
            "a branch goes one way or the other",
        ),
        Code(
            "MG-C102",
            "branches that return different structures",
            "what comes after the branch must know what it gets",
        ),
        Code(
            "MG-C103",
            "None on one side of a branch",
            "what comes after the branch must know whether it gets a tensor",
        ),
        Code(
            "MG-C104",
            "branches whose tensors differ in their number of dimensions",
            "sizes may differ, and dtypes are promoted, but a tensor has one number of dimensions",
        ),
        Code("MG-C105", "branches on different devices", "a tensor is on one device"),
        Code("MG-C106", "an argument of a control-flow operator", "it is checked as in eager mode"),
        Code(
            "MG-C107",
            "what a loop carries becomes another thing",
            "each iteration starts from what the one before has left",
        ),
        Code("MG-C108", "a loop's condition", "a loop goes on or ends"),
        Code(
            "MG-C109",
            "a tensor leaves a branch or a loop by a back door",
            "whether it exists depends on the way that the program takes",
        ),
        Code(
            "MG-C110",
            "a write in a branch or a loop that cannot be made functional",
            "the tensor's memory would be shared on one side and not on the other",
        ),
        Code(
            "MG-C111",
            "rows that cannot be taken or stacked",
            "rows come from tensors of one length, and results of one size are stacked",
        ),
        Code(
            "MG-C112",
            "a variable that is defined on one way through the program only",
            "what comes after the branch (or the loop) uses it, whichever way was taken",
        ),
        Code(
            "MG-C113",
            "a loop's body that changes a Python object",
            "the body is captured once, and runs any number of times",
        ),
        Code(
            "MG-C114",
            "a list of unknown length whose items cannot be stacked",
            "such a list is kept as a tensor, whose rows are its items",
        ),
        Code(
            "MG-C115",
            "a statement that cannot be made part of a branch",
            "the sides of a branch become functions of their own",
        ),
        Code(
            "MG-C120",
            "a control-flow operator that is not captured",
            "cond, while_loop, map, scan and associative_scan are",
        ),
        Code("MG-O101", "an operator refuses its arguments", "the program fails in eager mode too"),
        Code("MG-I101", "inputs of another structure", "a program has one input structure"),
        Code(
            "MG-I102",
            "an input tensor that differs from the example",
            "sizes, dtypes and devices are part of the program",
        ),
        Code(
            "MG-I103",
            "a constant input with another value",
            "a value that is not a tensor is part of the program",
        ),
        Code(
            "MG-I104",
            "inputs that share memory, one of which the program writes",
            "the program was captured with inputs that do not share memory",
        ),
        Code(
            "MG-I105",
            "a mode that the program was not captured in",
            "dropout and batch norm were captured as they were",
        ),
        Code(
            "MG-I106",
            "a size outside the range that the program was captured for",
            "a program holds for the sizes that were declared, where the program allows them",
        ),
        Code(
            "MG-I107",
            "an input of another layout, or with other gradients, than the program has read",
            "what Python reads of an argument steers the program: it holds for such arguments",
        ),
        Code(
            "MG-I108",
            "a call that no variant of the program takes",
            "a variant holds for the calls that are like its example, but for what varies",
        ),
        Code(
            "MG-O102",
            "a decomposition that is not as the table promises",
            "the rules of a table must give the results that their operators give",
        ),
        Code(
            "MG-F101",
            "a file that is damaged, or is no exported program",
            "a program is read from what the file says, so all of it must fit together",
        ),
        Code(
            "MG-F102",
            "a file that asks for what is not known here",
            "every operator and every type of a program must be there to run it",
        ),
        Code(
            "MG-F103",
            "a file with a pickle in it",
            "reading a pickle runs whatever its author has put into it",
        ),
        Code(
            "MG-F104",
            "a program that another tool has no word for",
            "what is converted must mean the same on the other side",
        ),
        Code(
            "MG-F105",
            "a tool that is not installed",
            "it is an optional dependency: exporting alone does not need it",
        ),
        Code(
            "MG-F106",
            "a program that was edited, and is not valid",
            "every pass, every tool and every call takes a program for what its specification says",
        ),
        Code(
            "MG-X101",
            "a mistake in Monograph",
            "it is not a mistake of your program: please report it",
        ),
    )
}

_CASES = {
    "MG-D101": "branch_on_value",
    "MG-D102": "loop_count_in_tensor",
    "MG-D103": "numpy_of_tensor",
    "MG-D104": "least_squares_of_any_rank",
    "MG-D105": "branch_on_number",
    "MG-S101": "two_sizes_that_must_agree",
    "MG-S102": "specification_with_an_unknown_name",
    "MG-S103": "example_outside_its_range",
    "MG-P101": "iterator_as_input",
    "MG-P102": "custom_operator_without_fake",
    "MG-P103": "seed_set_inside",
    "MG-P104": "sparse_inside",
    "MG-P105": "exported_program_is_called",
    "MG-P106": "address_of_memory",
    "MG-P107": "gradient_with_a_hook",
    "MG-P108": "random_number_of_python",
    "MG-P109": "captured_twice",
    "MG-P110": "asks_whether_it_is_exported",
    "MG-M107": "append_to_attribute",
    "MG-M101": "written_copy_or_view",
    "MG-M102": "arguments_that_overlap",
    "MG-M103": "growing_buffer",
    "MG-M104": "read_into_python_then_written",
    "MG-M105": "resized_in_place",
    "MG-M106": "parameter_replaced",
    "MG-C101": "predicate_with_many_elements",
    "MG-C102": "branches_of_two_structures",
    "MG-C103": "none_from_one_branch",
    "MG-C104": "branches_of_two_ranks",
    "MG-C105": "branches_on_two_devices",
    "MG-C106": "operands_that_are_no_sequence",
    "MG-C107": "loop_that_changes_its_state",
    "MG-C108": "condition_with_many_elements",
    "MG-C109": "tensor_that_leaves_a_branch",
    "MG-C110": "write_to_what_a_branch_returned",
    "MG-C111": "map_of_unequal_rows",
    "MG-C112": "item_from_one_branch",
    "MG-C113": "loop_that_appends",
    "MG-C114": "list_of_unknown_length",
    "MG-C115": "branch_that_may_be_caught",
    "MG-C120": "flex_attention",
    "MG-O101": "operator_that_refuses_its_arguments",
    "MG-I101": "structure_of_the_inputs",
    "MG-I102": "another_size_than_the_example",
    "MG-I103": "integer_argument_undeclared",
    "MG-I104": "arguments_that_overlap_later",
    "MG-I105": "mode_switched_after_export",
    "MG-I106": "prefix_of_position_embedding",
    "MG-I107": "branch_on_the_layout",
    "MG-I108": "one_program_for_several_signatures",
    "MG-O102": "decomposition_that_is_wrong",
    "MG-F101": "damaged_file",
    "MG-F102": "file_with_an_unknown_operator",
    "MG-F103": "file_with_a_pickle",
    "MG-F104": "program_for_another_tool",
    "MG-F105": "backend_that_is_not_installed",
    "MG-F106": "graph_edited_by_hand",
}
