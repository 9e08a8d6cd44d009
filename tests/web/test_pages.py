"""Reports as pages, and graphs as pictures."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
import torch
from html_page import Page
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

import monograph
from monograph import Dim
from monograph.cli import app
from monograph.pictures import pictures_of
from monograph.pictures.layers import laid_out
from monograph.web.highlight import python_lines


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def forward(self, x, n):
        for layer in self.layers:
            x = layer(x)
            if x.mean() > 0.5:
                x = x - 1
        k = n.item()
        return x * 2 if k > 3 else x


ARGS = (torch.randn(3, 4), torch.tensor(5))


@pytest.fixture(scope="module")
def report():
    return monograph.check(Branching(), ARGS, dynamic_shapes={"x": {0: Dim("batch")}})


def test_a_report_is_one_page(report):
    page = Page(report.as_html("net <&>"))
    assert not page.loads
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    text = "".join(page.text)
    assert "net <&>" in text
    assert text.count("[MG-D101]") == 2  # the message, and the note at its line
    assert "the program comes here 2 times" in text
    assert "if x.mean() > 0.5:" in text
    assert "+    @monograph.convert" in text
    for title in ("Problems", "The fix", "Source", "Graph", "Timeline"):
        assert title in page.text


def test_a_page_of_a_program_that_exports():
    report = monograph.check(nn.Linear(4, 4), (ARGS[0],))
    page = Page(report.as_html())
    assert "exports" in page.text
    assert "Problems" not in page.text
    assert "linear" in page.text


def test_what_the_user_wrote_is_not_markup():
    def f(x):
        return x * ("<script>alert(1)</script>" == "") + bool(x.sum() > 0)

    assert "<script>alert" not in monograph.check(f, (torch.ones(2),)).as_html("<script>alert</")


def test_assumptions_show_their_lines():
    def f(x):
        if x.shape[0] > 2:
            return x + 1
        return x * id(x)

    report = monograph.check(f, (torch.ones(3),), dynamic_shapes={"x": {0: Dim("n", min=3)}})
    text = "".join(Page(report.as_html()).text)
    assert "Assumptions" not in text
    report = monograph.check(lambda x: x * id(x), (torch.ones(3),))
    (assumption,) = report.assumptions
    text = "".join(Page(report.as_html()).text)
    assert "Assumptions" in text
    assert f"{assumption.kind}: {assumption.text}" in text


def test_in_a_notebook(report):
    for fragment in (report._repr_html_(), monograph.export(nn.ReLU(), ARGS[:1])._repr_html_()):
        Page(fragment)
        assert ":root" not in fragment
        assert "<template shadowrootmode" in fragment
    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(lambda x: x if x.sum() > 0 else -x, ARGS[:1])
    shown = "\n".join(caught.value._render_traceback_())
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert shown != plain
    assert str(caught.value) in plain


def test_on_the_command_line(tmp_path):
    file = tmp_path / "m.py"
    file.write_text(
        "import torch\n\n\ndef f(x):\n    return x if x.sum() > 0 else -x\n\n\n"
        "def make():\n    return f, (torch.ones(2),)\n"
    )
    output = tmp_path / "report.html"
    arguments = ["check", f"{file}:make", "--format", "html"]
    assert CliRunner().invoke(app, [*arguments, "-o", str(output)]).exit_code == 1
    assert "MG-D101" in "".join(Page(output.read_text()).text)
    printed = CliRunner().invoke(app, arguments).stdout
    assert "MG-D101" in "".join(Page(printed).text)


def test_lines_keep_their_own_tags():
    text = 'x = """a\nb"""\n\ny = 1 < 2\n'
    lines = python_lines(text)
    assert len(lines) == 4
    for line in lines:
        assert line.count("<span") == line.count("</span")


# Pictures ----------------------------------------------------------------------------------------


def boxes_of(picture):
    tree = ET.fromstring(picture.svg)
    return [
        (group.get("class"), [t.text for t in group if t.tag.endswith("text")])
        for group in tree
        if group.tag.endswith("}g")
    ]


def test_a_picture_has_the_operators_and_not_the_weights():
    program = monograph.export(
        nn.Sequential(nn.Linear(4, 4), nn.ReLU()), ARGS[:1], dynamic_shapes={"input": "batch, _"}
    )
    state = [s.arg.name for s in program.graph_signature.input_specs if s.target]
    (picture,) = pictures_of(program.graph, state)
    assert boxes_of(picture) == [
        ("box-input", ["input", "f32[batch, 4]"]),
        ("box-operator", ["linear", "f32[batch, 4]", "p_0_weight, p_0_bias"]),
        ("box-operator", ["relu", "f32[batch, 4]"]),
        ("box-output", ["output"]),
    ]


def test_branches_have_pictures_of_their_own():
    def f(x):
        return monograph.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos().cos(), (x,))

    pictures = pictures_of(monograph.export(f, ARGS[:1]).graph)
    assert [p.name for p in pictures] == ["", "true_graph_0", "false_graph_0"]
    assert [text[0] for _, text in boxes_of(pictures[2])][1:3] == ["cos", "cos"]


def test_many_operators_are_drawn_by_modules():
    program = monograph.export(
        nn.Sequential(*[nn.Sequential(*[nn.Linear(4, 4) for _ in range(40)]) for _ in range(5)]),
        ARGS[:1],
    )
    (picture,) = pictures_of(program.graph)
    shown = [text for kind, text in boxes_of(picture) if kind == "box-module"]
    assert shown == [[str(i), "40 operators", "f32[3, 4]"] for i in range(5)]


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    pairs = list(itertools.combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    width = st.integers(20, 200)
    return [(float(draw(width)), 30.0) for _ in range(count)], edges


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_boxes_do_not_overlap_and_edges_lead_downwards(graph):
    sizes, edges = graph
    layout = laid_out(sizes, edges)
    spots = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)
    ]
    for (l0, t0, r0, b0), (l1, t1, r1, b1) in itertools.combinations(spots, 2):
        assert r0 <= l1 or r1 <= l0 or b0 <= t1 or b1 <= t0
    assert all(left >= 0 and right <= layout.width + 0.2 for left, _, right, _ in spots)
    for (source, target), way in zip(edges, layout.ways, strict=True):
        assert layout.centres[source][1] < layout.centres[target][1]
        assert all(a[1] < b[1] for a, b in itertools.pairwise(way))
