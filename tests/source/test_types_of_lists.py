"""What a program asks of the type of a list whose length only a run knows: as in eager mode."""

import collections

import pytest
import torch

from monograph import Dim, export

MADE = {
    "appended": "items = []\n    for t in range(n): items.append(x[:, t])",
    "of pairs": "items = []\n    for t in range(n): items.append((x[:, t], t))",
    "of pieces": "items = []\n    for t in range(n): items.append(x[:, :t])",
    "a comprehension": "items = [x[:, t] for t in range(n)]",
    "of lists": "items = [[t] * n for t in range(n)]",
    "repeated": "items = [0] * n",
    "to be filled": "items = [None] * n",
    "filled": "items = [None] * n\n    items[-1] = x[:, 0]",
    "a copy": "items = list(x.unbind(1))",
    "a tuple": "items = tuple(x[:, t] for t in range(n))",
    "a joined list": "items = [*x.unbind(1)]",
    "a joined tuple": "items = (*x.unbind(1), x[:, 0])",
    "an added tuple": "items = ()\n    for t in range(n): items = items + (x[:, t],)",
    "a tuple in front": "items = ()\n    for t in range(n): items = (x[:, t],) + items",
    "a part of a tuple": "items = ()\n    for t in range(n): items += (x[:, t],)\n    items = items[1:]",  # noqa: E501
    "a queue": "items = collections.deque()\n    for t in range(n): items.append(x[:, t])",
    "a dict": "items = {}\n    for t in range(n): items[t] = x[:, t]",
}
ASKED = {
    "isinstance": "isinstance(items, kind)",
    "type": "type(items) is kind",
    "issubclass": "issubclass(type(items), kind)",
}
SOURCE = """
def program(x):
    n, found = x.size(1), []
    {made}
    for kind in (list, tuple, dict, collections.deque, torch.Tensor, str):
        found.append({asked})
    return x * torch.tensor(found)[:, None, None, None]
"""


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("made", MADE)
def test_it_is_the_one_that_python_has(made, asked, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(SOURCE.format(made=MADE[made], asked=ASKED[asked]))
    names = {"torch": torch, "collections": collections}
    exec(compile(path.read_text(), str(path), "exec"), names)
    program = names["program"]
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    call = export(program, (torch.randn(2, 3, 4),), dynamic_shapes=shapes).module()
    for size in ((2, 3), (1, 1), (2, 5)):
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))


def test_a_tuple_that_is_added_to_is_another():
    def program(x):
        items = ()
        for t in range(x.size(1)):
            items += (x[:, t],)
        before = items
        items += (x[:, 0],)
        return torch.stack(before), torch.stack(items)

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    call = export(program, (torch.randn(2, 3, 4),), dynamic_shapes=shapes).module()
    for size in ((2, 3), (1, 1), (2, 5)):
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))
