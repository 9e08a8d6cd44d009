"""The catalogue in the terminal, in the browser, and for Sphinx."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import REFERENCE
from html_page import Page
from typer.testing import CliRunner

from monograph import exportdb
from monograph.cli import app
from monograph.diagnostics import CODES
from monograph.exportdb.exporters import EXPORTERS
from monograph.exportdb.recording import measured
from monograph.exportdb.registry import load
from monograph.exportdb.searching import words_of
from monograph.exportdb.site import build
from monograph.exportdb.table import OLDEST_TORCH, Table, headline, merged, problems_of, recorded

ROOT = Path(__file__).parents[2]
ENTRIES = list(exportdb.cases())
NAMES = [entry.name for entry in ENTRIES]
SOME = ["cond_operands", "branch_on_value", "growing_buffer", "sizes_in_an_order", "tied_weights",
        "two_sizes_that_must_agree", "custom_operator_without_fake", "damaged_file"]  # fmt: skip
PROSE = {"models swept": "# Models\n\n| which |\n| --- |\n| of a <library> |\n"}


def run(*arguments, status=0):
    result = CliRunner().invoke(app, ["db", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


# What is in it -----------------------------------------------------------------------------------


def test_the_catalogue_is_complete():
    assert set(REFERENCE) <= set(NAMES)
    assert len(REFERENCE) == 36
    assert len(NAMES) >= 200
    used = {tag for entry in ENTRIES for tag in entry.case.tags}
    assert used == set(exportdb.TAGS)


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_what_is_named_exists(entry):
    text = re.sub(r"`[^`]*`", "", entry.sections.get("See also", ""))
    assert set(re.findall(r"\b[a-z0-9]+_[a-z0-9_]+\b", text)) <= set(NAMES)


def test_the_recorded_table_fits_the_cases():
    tables = recorded()
    assert tables
    for table in tables:
        assert problems_of(table, ENTRIES) == []
        for name in EXPORTERS:
            if name.startswith("monograph"):
                assert table.counts(NAMES)[name]["wrong"] == 0


def test_the_oldest_torch_is_the_one_that_is_installed_at_least():
    text = (ROOT / "pyproject.toml").read_text()
    assert "torch>={}.{},".format(*OLDEST_TORCH) in text
    assert {table.number for table in recorded()} >= {(2, 9), (2, 11), (2, 13), (2, 15)}


def test_the_readme_has_the_headline():
    tables = headline(recorded(), ENTRIES)
    assert tables in (ROOT / "README.md").read_text()
    assert tables in run("headline")


def test_a_table_that_does_not_fit_is_found():
    table = Table(json.loads(json.dumps(recorded()[-1].data)))
    rows = table.data["cases"]
    del rows["cond_operands"]
    rows["no_such_case"] = rows["static_if"]
    rows["decorator"]["digest"] = "0"
    rows["static_for_loop"]["outcomes"]["monograph"]["kind"] = "refused"
    rows["branch_on_value"]["outcomes"]["monograph"]["kind"] = "right"
    found = "\n".join(problems_of(table, ENTRIES))
    for name in (
        "cond_operands",
        "no_such_case",
        "decorator",
        "static_for_loop",
        "branch_on_value",
    ):
        assert name in found


def test_all_of_it_as_data(tmp_path):
    run("export", "-o", tmp_path / "all.json")
    data = json.loads((tmp_path / "all.json").read_text())
    assert data == json.loads(json.dumps(merged(ENTRIES)))
    assert [case["name"] for case in data["cases"]] == NAMES
    case = next(c for c in data["cases"] if c["name"] == "branch_on_value")
    assert case["code"] == "MG-D101"
    assert "torch.where" in case["rewrites"]["where"]


# Measuring ---------------------------------------------------------------------------------------

HANGING = """
while True:
    pass
"""
DYING = """
import os
os._exit(7)
"""


def case_file(folder, name, body):
    file = folder / f"{name}.py"
    text = (Path(exportdb.__file__).parent / "cases/python/static_if.py").read_text()
    forward = re.search(r"    def forward\(self, x\):\n", text)
    lines = "".join(f"        {line}\n" for line in body.strip().splitlines())
    file.write_text(text[: forward.end()] + lines + text[forward.end() :])
    return load(file)


def test_crashes_and_hangs_are_outcomes(tmp_path):
    entries = [case_file(tmp_path, "hangs", HANGING), case_file(tmp_path, "dies", DYING)]
    tasks = [(entry, "monograph") for entry in [*entries, exportdb.get("static_if")]]
    found = {m.entry.name: m.outcome for m in measured(tasks, seconds=10)}
    assert found["hangs"].kind == "hangs"
    assert found["dies"].kind == "crashes"
    assert found["static_if"].kind == "right"
    assert found["static_if"].nodes > 2
    assert found["static_if"].file is True


def test_a_folder_of_ones_own(tmp_path):
    assert "is written" in run("new", "my-pattern", "--to", tmp_path)
    output = run("run", "--from", tmp_path, "--exporter", "monograph")
    assert "Monograph" in output
    file = tmp_path / "my_pattern.py"
    text = file.read_text().replace("CASE = Case(", "CASE = Case(support=Support.UNSUPPORTED, ")
    file.write_text(text.replace("import Case, call", "import Case, Support, call"))
    assert "declared unsupported" in run("run", "--from", tmp_path, status=1)
    assert "is there already" in run("new", "my-pattern", "--to", tmp_path, status=2)


def test_cases_are_collected_by_pytest(tmp_path):
    run("new", "good-one", "--to", tmp_path)
    run("new", "bad-one", "--to", tmp_path)
    bad = tmp_path / "bad_one.py"
    bad.write_text(bad.read_text().replace("x + 1", "x + missing"))
    command = [sys.executable, "-m", "pytest", "-q", str(tmp_path), f"--exportdb-cases={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 1 passed" in done.stdout
    assert "bad_one" in done.stdout


# Reading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("data dependent if", "branch_on_value"),
        ("branch on tensr value", "branch_on_value"),
        ("MG-C101", "predicate_with_many_elements"),
        ("mixture of experts loop", "experts_hit"),
        ("kv cache position", "position_buffer"),
        ("custom op without register_fake", "custom_operator_without_fake"),
    ],
)
def test_search_finds(text, name):
    assert name in [hit.entry.name for hit in exportdb.search(text)[:4]]


@pytest.mark.parametrize("name", ["branch_on_value", "list_by_tensor", "dataclass_as_input"])
def test_an_error_of_torch_leads_to_its_case(name):
    outcome = recorded()[-1].outcome(name, "torch")
    assert outcome.kind == "fails"
    hits = exportdb.search(f"{outcome.exception}: {outcome.message}")
    assert hits
    exact = [h for h in hits if recorded()[-1].outcome(h.entry.name, "torch").exception
             == outcome.exception]  # fmt: skip
    assert exact


def test_words_are_cut_alike():
    assert words_of("GuardOnDataDependentSymNode: x.shape[0]") == [
        "guard", "data", "data", "sym", "node", "size",
    ]  # fmt: skip


def test_list():
    output = run("list", "--tag", "torch.map")
    assert "dynamic_shape_map" in output
    assert "branch_on_value" not in output
    assert "unsupported" not in run("list", "--support", "supported", "--tag", "torch.cond")
    assert "no tag" in run("list", "--tag", "nothing", status=2)


def test_show():
    output = run("show", "branch-on-value")
    for text in ("What it shows", "class IfOnValue", "MG-D101", "+        return torch.where",
                 "torch.export, strict"):  # fmt: skip
        assert text in output
    assert "ExportedProgram" in run("show", "static_if")
    assert "did you mean branch_on_value" in run("show", "brnch_on_value", status=2)
    assert "did you mean `db search nms`?" in run("show", "nms", status=2)


def test_explain():
    output = run("explain", "mg-d101")
    assert "Python needs the truth of a tensor" in output
    assert "branch_on_value" in output
    assert "there is no code" in run("explain", "MG-Z1", status=2)


# Pages -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build(folder, [exportdb.get(name) for name in SOME], recorded(), prose=PROSE)
    return folder


def test_the_same_bytes_again(site, tmp_path):
    written = build(tmp_path, [exportdb.get(name) for name in SOME], recorded(), prose=PROSE)
    assert len(written) == len([p for p in site.rglob("*") if p.is_file()])
    for file in written:
        assert file.read_bytes() == (site / file.relative_to(tmp_path)).read_bytes(), file


def test_further_pages_are_prose_with_tables(site):
    text = (site / "models-swept.html").read_text()
    assert "<h1>Models</h1>" in text
    assert "<td>of a &lt;library&gt;</td>" in text
    assert (
        '<a href="../models-swept.html">models swept</a>'
        in (site / "case" / "branch-on-value.html").read_text()
    )


def test_links_and_anchors_resolve(site):
    pages = {file: Page(file.read_text()) for file in site.rglob("*.html")}
    assert len(pages) > len(SOME) + len(CODES)
    assert "cond-operands" in pages[site / "index.html"].ids  # as on the reference page
    for file, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), file
        for link in [*page.links, *page.loads]:
            if link.startswith("data:"):
                continue
            assert not link.startswith(("http", "//")), "no request leaves the pages"
            target, _, anchor = link.partition("#")
            other = (file.parent / target).resolve() if target else file
            assert other.exists(), f"{file}: {link}"
            assert not anchor or anchor in pages[other].ids, f"{file}: {link}"


def test_pages_do_not_know_where_they_were_made(site):
    for file in site.rglob("*.html"):
        assert str(Path(exportdb.__file__).parent) not in file.read_text(), file


def test_rst(tmp_path):
    build(tmp_path, [exportdb.get(name) for name in SOME], recorded(), form="rst")
    text = (tmp_path / "case/branch-on-value.rst").read_text()
    assert "Tags: :doc:`python.control-flow <../tag/python.control-flow>`" in text
    assert ".. code-block:: python\n\n    import torch" in text
    index = (tmp_path / "index.rst").read_text()
    for target in re.findall(r"^    ((?:tag|case)/\S+)$", index, re.M):
        assert (tmp_path / f"{target}.rst").exists()


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_in_a_browser(site):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        problems, requests = [], []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"file://{site}/index.html")
        page.fill("#query", "data dependent if")
        assert page.locator("#hits a").first.inner_text().startswith("branch_on_value")
        page.fill("#query", "MG-M103")
        assert "growing_buffer" in page.locator("#hits").inner_text()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/case/growing-buffer.html")
        assert page.locator(".listing .refused").count() == 1
        page.goto(f"file://{site}/matrix.html")
        page.select_option("#filter-exporter", "monograph")
        page.select_option("#filter-kind", "refused")
        shown = page.locator(".matrix tbody tr:visible")
        assert {shown.nth(i).locator("th").inner_text() for i in range(shown.count())} == {
            name for name in SOME
            if recorded()[-1].outcome(name, "monograph").kind == "refused"
        }  # fmt: skip
        page.set_viewport_size({"width": 380, "height": 700})
        for name in ("index", "matrix", "case/branch-on-value"):
            page.goto(f"file://{site}/{name}.html")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 380, f"{name} is {wide} wide on a phone"
        assert problems == []
        assert all(url.startswith(("file:", "data:")) for url in requests)
        browser.close()
