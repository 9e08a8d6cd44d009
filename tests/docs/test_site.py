"""The site that `make docs` builds: complete, whole, and without a request to another host."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from html_page import Page

from monograph.diagnostics.codes import CODES
from monograph.exportdb.table import recorded

ROOT = Path(__file__).parents[2]
SOME = "branch_on_value,cond_operands,growing_buffer,list_by_tensor"
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    arguments = ["-q", "-W", "--keep-going", "-b", "html", "-D", f"catalogue_cases={SOME}"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments, str(ROOT / "docs"), str(folder)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_links_resolve_and_no_request_leaves_the_site(site):
    pages = {file: Page(file.read_text()) for file in site.rglob("*.html")}
    some = {name.replace("_", "-") for name in SOME.split(",")}
    assert {f"{code}.html" for code in CODES} <= {file.name for file in pages}
    for file, page in pages.items():
        for link in [*page.links, *page.loads]:
            if link.startswith(("data:", "mailto:")):
                continue
            target, _, anchor = link.partition("#")
            target = target.partition("?")[0]
            if link.startswith(("http", "//")):
                assert link not in page.loads, f"{file}: {link}"
                continue
            other = (file.parent / target).resolve() if target else file
            if other.parent.name == "case" and other.stem not in some:
                continue  # of the whole catalogue
            assert other.exists(), f"{file}: {link}"
            if anchor and other in pages and other.parent.name != "case":
                ids = pages[other].ids
                assert anchor in ids or other.parent.parent.name == "exportdb", f"{file}: {link}"


def test_pages_do_not_know_where_they_were_made(site):
    for file in site.rglob("*.html"):
        assert str(ROOT) not in file.read_text(), file


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_in_a_browser(site):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        problems, requests = [], []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        outcome = recorded()[-1].outcome("list_by_tensor", "torch")
        page.goto(f"file://{site}/search.html")
        for text, address in (
            ("MG-D101", "code/MG-D101.html"),
            (f"{outcome.exception}: {outcome.message}", "case/list-by-tensor.html"),
            ("branch-on-value", "case/branch-on-value.html"),
            ("refine_dynamic_shapes", "#monograph.refine_dynamic_shapes"),
        ):
            page.fill("#query", text)
            links = page.locator("#hits a").evaluate_all("all => all.slice(0, 3).map(a => a.href)")
            assert any(link.endswith(address) for link in links), (text, links)
        page.fill("#query", "zzzqqqxxjj")
        assert page.locator("#hits").inner_text() == "nothing found"
        page.goto(f"file://{site}/index.html")
        page.keyboard.press("/")
        page.keyboard.type("growing buffer")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        page.locator("#hits a").first.wait_for()
        assert "growing_buffer" in page.locator("#hits").inner_text()
        page.set_viewport_size({"width": 380, "height": 700})
        for file in sorted(site.rglob("*.html")):
            if file.parent.name in ("code", "tag", "exporter"):
                continue
            page.goto(f"file://{file}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 380, f"{file} is {wide} wide on a phone"
        assert problems == []
        assert all(url.startswith(("file:", "data:")) for url in requests)
        browser.close()
