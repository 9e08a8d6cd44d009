"""The page of models and its JSON: what a reader finds, also in a browser."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from monograph.cli import app
from monograph.sweep import Outcome, Row, Store
from monograph.sweep.pages import models_fragment, models_page

CHROMIUM = shutil.which("chromium")


def row(name, kind, form="dynamic", exporter="monograph", torch="2.13.0", stage="", **told):
    details = {"varying": ["batch"]} if exporter == "eager" else {}
    outcome = Outcome(kind, details=details, **told)
    form = "" if exporter == "eager" else form
    return Row("own", name, exporter, form, f"c own 1 torch {torch}", outcome, stage=stage)


ROWS = [
    *(row(name, "right", exporter="eager") for name in ("swin-tiny", "llama", "vit")),
    row("gone", "eager cannot", exporter="eager", message="ImportError: no"),
    row("swin-tiny", "right"),
    row("swin-tiny", "fails", stage="onnx", message="no <operator>", where="a.py:3", text="x & y"),
    row("llama", "refused", code="MG-D101", message="[MG-D101] a question\nand more"),
    row("vit", "right", exporter="eager", torch="2.15.0"),
    row("vit", "wrong", torch="2.15.0", message="apart"),
]


def test_every_verdict_is_on_the_page():
    page = models_fragment(ROWS)
    assert page.count('data-torch="') == 2
    assert "1 of 2 right" in page
    assert "refused MG-D101</span></summary>[MG-D101] a question</details>" in page
    assert "no &lt;operator&gt;<br><code>a.py:3</code><br><code>x &amp; y</code>" in page
    assert "ONNX" in page
    assert "ImportError: no" in page
    assert models_page([]).startswith("<!doctype html>")


def test_the_command_writes_a_page_and_history(tmp_path):
    file, out = tmp_path / "results.db", tmp_path / "page"
    store = Store(file, "0.1.0", "abc")
    store.take(ROWS, "first")
    store.take([row("llama", "right"), row("swin-tiny", "crashes")], "second")
    store.close()
    made = CliRunner().invoke(app, ["sweep", "page", "--results", str(file), "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert "broken: own/swin-tiny" in (out / "index.html").read_text()
    data = json.loads((out / "verdicts.json").read_text())
    assert [(c["name"], c["what"]) for c in data["changes"]] == [
        ("swin-tiny", "broken"), ("llama", "mended"),
    ]  # fmt: skip
    [llama] = [model for model in data["models"] if model["name"] == "llama"]
    [verdict] = [v for v in llama["verdicts"] if v["exporter"] == "monograph"]
    assert verdict["kind"] == "right"
    assert verdict["title"] == "Monograph, dynamic"
    assert [(h["run"], h["kind"]) for h in verdict["history"]] == [(1, "refused"), (2, "right")]
    assert [run["origin"] for run in data["runs"]] == ["first", "second"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_the_page_in_a_browser(tmp_path):
    from playwright.sync_api import sync_playwright

    file = tmp_path / "index.html"
    file.write_text(models_page(ROWS))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 700})
        problems, requests = [], []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"file://{file}")

        def shown():
            return page.locator("tbody tr:visible th").all_inner_texts()

        names = ["own/gone", "own/llama", "own/swin-tiny", "own/vit"]
        assert shown() == ["own/vit"]  # the newest torch has one
        page.select_option("#models-torch", "2.13.0")
        assert shown() == names
        page.fill("#models-text", "SWIN tiny")
        assert shown() == ["own/swin-tiny"]
        assert page.locator("#models-count").inner_text() == "1 model"
        page.fill("#models-text", "nothing")
        assert page.locator("#models-none").is_visible()
        page.fill("#models-text", "")
        page.select_option("#models-kind", "refused")
        assert shown() == ["own/llama"]
        page.locator("tbody tr:visible summary").click()
        assert page.get_by_text("[MG-D101] a question").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
    assert problems == []
    assert requests == [f"file://{file}"]
