"""Catalogues in TOML: what they declare, what they depend on, and what is wrong in them."""

from contextlib import closing

import pytest
import torch

from monograph.exportdb.exporters import EXPORTERS, STAGES, available_stages
from monograph.sweep import Catalogue, LocalExecutor, Plan, Store
from monograph.sweep.declared import CatalogueError, Declared
from monograph.sweep.imports import files_behind
from monograph.sweep.trials import example

ZOO = """
exporters = ["monograph"]
forms = ["dynamic"]
stages = ["decompose", "file"]
seconds = 20

[[models]]
name = "tagger"
build = "models.py:Tagger"
with = { width = 8 }
sizes = { batch = [2, 1, 3], length = [7, 5] }
args = ["i64[batch, length] < 100", "length + 1"]
kwargs = { scales = ["f32[length]", 2.0] }

[[models]]
name = "linear"
build = "torch.nn:Linear"
with = { in_features = 4, out_features = 2 }
sizes = { batch = [2, 1, 3] }
args = ["float32[batch, 2 * 2]"]

[[models]]
name = "branch"
build = "models.py:Branch"
args = ["f32[3]"]
expect = { static = "refused MG-D101" }

[[models]]
name = "ready"
build = "models.py:ready"

[[models]]
name = "gone"
build = "models.py:gone"
"""
MODELS = """
import torch
from torch import nn

from parts.norms import Norm


class Tagger(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed, self.norm = nn.Embedding(100, width), Norm(width)

    def forward(self, ids, n, scales):
        return self.norm(self.embed(ids)).sum(-1) * scales[0] * scales[1] + n


class Branch(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


def ready():
    return nn.Linear(3, 3), (torch.ones(2, 3),)
"""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "zoo.toml").write_text(ZOO)
    (folder / "models.py").write_text(MODELS)
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "norms.py").write_text("from torch.nn import LayerNorm as Norm\n")
    (folder / "parts" / "other.py").write_text("")
    return folder / "zoo.toml"


def test_a_catalogue_declares_models_and_arguments(zoo):
    model, (args, kwargs), shapes = example(Catalogue(zoo).entries("zoo")["tagger"])
    assert type(model).__name__ == "Tagger"
    assert (args[0].shape, args[0].dtype, args[1]) == ((2, 7), torch.int64, 8)
    assert int(args[0].max()) < 100
    assert kwargs["scales"][0].shape == (7,)
    varying = {tuple(t.shape) if isinstance(t, torch.Tensor) else t: s for t, s in shapes.items()}
    assert {key: list(s) if isinstance(s, dict) else s.kind for key, s in varying.items()} == {
        (2, 7): [0, 1], (7,): [0], 8: "DYNAMIC",
    }  # fmt: skip
    linear, (args, _), _ = example(Catalogue(zoo).entries("zoo")["linear"])
    assert linear.out_features == 2
    assert args[0].shape == (2, 4)
    with pytest.raises(ValueError, match="has no attribute 'gone'"):
        example(Catalogue(zoo).entries("zoo")["gone"])


def test_a_catalogue_says_what_is_measured(zoo):
    declared = Declared.read(zoo)
    assert declared.settings.exporters == ("monograph",)
    assert declared.settings.seconds == 20
    assert declared.expected["branch"] == {"static": "refused MG-D101"}


def test_models_of_a_catalogue_go_through_all_stages(zoo):
    settings = Declared.read(zoo).settings
    plan = Plan(Catalogue(zoo), Store(), ("monograph",), ("static", "dynamic"), settings.stages)
    with closing(LocalExecutor()) as executor:
        found = {(r.name, r.exporter, r.form, r.stage): r for r in plan.run(executor)}
    kinds = {key: row.outcome.kind for key, row in found.items()}
    stages = ("", "decompose", "file")
    assert kinds == {
        **{(name, "eager", "", ""): "right" for name in ("tagger", "linear", "branch", "ready")},
        ("gone", "eager", "", ""): "eager cannot",
        ("branch", "monograph", "static", ""): "refused",
        **{("ready", "monograph", "static", stage): "right" for stage in stages},
        **{
            (name, "monograph", form, stage): "right"
            for name in ("tagger", "linear")
            for form in ("static", "dynamic")
            for stage in stages
        },
    }
    assert found["branch", "monograph", "static", ""].outcome.where == "models.py:19"
    assert found["ready", "monograph", "static", "file"].torch == torch.__version__.split("+")[0]


def test_content_is_what_a_model_is_made_of(zoo):
    def digests():
        return {e.name: e.content() for e in Declared.read(zoo).entries()}

    first = digests()
    norms = zoo.parent / "parts" / "norms.py"
    assert files_behind(zoo.parent / "models.py", zoo.parent) == {
        zoo.parent / "models.py", norms, zoo.parent / "parts" / "__init__.py",
    }  # fmt: skip
    (zoo.parent / "parts" / "other.py").write_text("x = 1\n")
    assert digests() == first
    norms.write_text(norms.read_text() + "\n\nx = 1\n")
    second = digests()
    assert {name for name in first if first[name] != second[name]} == {
        "tagger", "branch", "ready", "gone",
    }  # fmt: skip
    text = zoo.read_text()
    zoo.write_text(text.replace("out_features = 2", "out_features = 3"))
    assert {name for name in first if second[name] != digests()[name]} == {"linear"}
    zoo.write_text(text)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('[[models]]\nbuild = "m.py:a"', "has no name"),
        ('[[models]]\nname = "a"', "a has no build"),
        ('[[models]]\nname = "a"\nbuild = "m.py"', "FILE.py:NAME"),
        ('[[models]]\nname = "a"\nbuild = "m:b"\nextra = 1', "a says extra"),
        ('[[models]]\nname = "a"\nbuild = "m:b"\nargs = ["f31[2]"]', "no dtype"),
        ('[[models]]\nname = "a"\nbuild = "m:b"\nargs = ["f32[n]"]', "'n' is no tensor"),
        ('[[models]]\nname = "a"\nbuild = "m:b"\nargs = ["f32[2"]', "is no tensor"),
        ('[[models]]\nname = "a"\nbuild = "m:b"\nsizes = { n = 3 }', "n is a list of sizes"),
        ("sizes = 3", "sizes"),
        ("[[models", "at end of document"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, wrong, said):
    file = tmp_path / "zoo.toml"
    file.write_text(wrong)
    with pytest.raises(CatalogueError, match=r"zoo\.toml: ") as caught:
        Declared.read(file)
    assert said in str(caught.value)


def test_every_stage_runs_what_each_exporter_gives():
    """Compilers take long, and are tried elsewhere (tests/interop/test_backends.py)."""
    x = torch.randn(2, 4)
    model = torch.nn.Linear(4, 2)
    for exporter in ("monograph", "torch"):
        made = EXPORTERS[exporter].export(model, (x,), {}, None)
        for name in ("decompose", "file"):
            assert torch.allclose(STAGES[name].made(made)(x), model(x), atol=1e-6), (exporter, name)
    assert {"decompose", "file"} <= set(available_stages())
