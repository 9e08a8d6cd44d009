"""The workbench: its server, the processes that export, and its page in a real browser."""

import http.client
import importlib.util
import json
import os
import shutil
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
import torch

import monograph

pytest.importorskip("uvicorn", reason="the extra `workbench`")

from monograph.workbench.page import report
from monograph.workbench.requests import Operators, Request
from monograph.workbench.server import Workbench, address, listening, server_of
from monograph.workbench.trial import attempt

CHROMIUM = shutil.which("chromium")

GOOD = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, n):
        y = self.linear(x).relu()
        if x.shape[0] > 2:
            y = y.repeat(1, 2)
        return y * n


def make():
    return Net(), (torch.ones(3, 4), 2)
"""
REFUSED = GOOD.replace(
    "x.shape[0] > 2:\n            y = y.repeat(1, 2)", "y.sum() > 0:\n            y = y + 1"
)
DECLARED = GOOD.replace(
    "(torch.ones(3, 4), 2)", '(torch.ones(3, 4), 2), {}, {"x": {0: monograph.Dim("batch", min=3)}}'
).replace("import torch\n", "import monograph\nimport torch\n", 1)


class Bench:
    """A workbench that is served, and who asks it."""

    def __init__(self, folder):
        self.file = folder / "net.py"
        self.file.write_text(GOOD)
        self.other = folder / "other.py"
        self.other.write_text(GOOD.replace("relu", "sigmoid"))
        beside = [(self.other, "make")]
        self.workbench = Workbench(self.file, "make", beside=beside, seconds=30)
        self.door = listening(0)
        self.address = address(self.workbench, self.door)
        self.server = server_of(self.workbench)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.door]})
        self.thread.start()

    def close(self):
        changes = self.get(urlsplit(self.address).path + "changes")
        changes.readline()
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert changes.read() == b""  # it has come to its end, and was not cut off
        self.door.close()

    def get(self, path, method="GET", body=None, **headers):
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def post(self, name, given):
        return self.get(urlsplit(self.address).path + name, "POST", json.dumps(given))

    def export(self, text=None, **asked):
        """The messages of an export of ``text``: news, what was printed, and the end."""
        if text is not None:
            self.file.write_text(text)
        answer = self.post("export", {"name": "make", **asked})
        assert answer.status == 200
        messages = [json.loads(line) for line in answer.read().splitlines()]
        by_kind = {kind: [m["value"] for m in messages if m["kind"] == kind]
                   for kind in ("news", "printed", "end")}  # fmt: skip
        return by_kind["news"], "".join(by_kind["printed"]), by_kind["end"][0]

    def answer(self, text=None, **asked):
        news, _, end = self.export(text, **asked)
        assert end == ""
        return news[-1]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    found = Bench(tmp_path_factory.mktemp("bench"))
    yield found
    found.close()


def operators(answer):
    return [n["operator"] for n in answer["program"]["nodes"] if n["kind"] == "call_function"]


# Who may ask ---------------------------------------------------------------------------------


def test_without_the_token_nothing_is_served(bench):
    here = urlsplit(bench.address)
    for path in ("/", "/static/page.js", "/export", "/x/", f"/{bench.workbench.token[:-1]}/", "//"):
        for method in ("GET", "POST"):
            answer = bench.get(path, method)
            assert (answer.status, answer.read()) == (403, b"")
    assert bench.get(here.path).status == 200
    assert bench.get(here.path, Host=f"somewhere.example:{here.port}").status == 403
    assert bench.get(here.path, Origin="http://somewhere.example").status == 403
    assert bench.door.getsockname()[0] == "127.0.0.1"


def test_only_the_files_of_the_model_are_read_and_written(bench, tmp_path):
    other = tmp_path / "other.py"
    other.write_text("1\n")
    bench.answer(GOOD)
    given = {"file": str(other), "before": "1\n", "after": "2\n"}
    assert bench.post("save", given).status == 404
    assert bench.get(f"{urlsplit(bench.address).path}file?path={other}").status == 404
    assert other.read_text() == "1\n"
    given = {"file": str(bench.file), "before": "not this", "after": "2\n"}
    assert bench.post("save", given).status == 409
    assert bench.post("save", {**given, "before": GOOD, "after": REFUSED}).status == 200
    assert bench.file.read_text() == REFUSED


def test_what_is_no_request_is_refused(bench):
    for given in ({"operators": "many"}, {"texts": []}, {"sizes": {"x": {"a": True}}}):
        assert bench.post("export", given).status == 400


# What comes of an export -----------------------------------------------------------------------


def test_a_program_as_data(bench):
    answer = bench.answer(GOOD)
    assert answer["outcome"] == "exports"
    assert operators(answer) == ["linear", "relu", "repeat", "mul"]
    repeat = next(n for n in answer["program"]["nodes"] if n["name"] == "repeat")
    assert (repeat["file"], repeat["line"]) == (str(bench.file), 13)
    assert repeat["type"] == "f32[3, 8]"
    linear = next(n for n in answer["program"]["nodes"] if n["name"] == "linear")
    assert (linear["module"], linear["class"]) == ("linear", "Linear")
    (picture,) = answer["program"]["pictures"]
    assert [box["lines"][0] for box in picture["boxes"]] == [
        "x", "n", "linear", "relu", "repeat", "mul", "output"
    ]  # fmt: skip
    assert answer["program"]["times"]["total"] > 0
    assert str(bench.file) in answer["files"]


def test_what_is_not_saved_is_exported_from_memory(bench):
    text = GOOD.replace("relu", "sigmoid")
    answer = bench.answer(GOOD, texts={str(bench.file): text})
    assert operators(answer)[:2] == ["linear", "sigmoid"]
    sigmoid = next(n for n in answer["program"]["nodes"] if n["name"] == "sigmoid")
    assert sigmoid["code"] == "y = self.linear(x).sigmoid()"
    assert bench.file.read_text() == GOOD


def test_modules_beside_the_file_are_edited_and_watched(bench):
    other = bench.file.with_name("activations.py")
    other.write_text("def act(x):\n    return x.relu()\n")
    text = GOOD.replace("import torch\n", "import torch\nfrom activations import act\n", 1).replace(
        "self.linear(x).relu()", "act(self.linear(x))"
    )
    assert operators(bench.answer(text))[:2] == ["linear", "relu"]
    changed = {str(other): "def act(x):\n    return x.tanh()\n"}
    assert operators(bench.answer(texts=changed))[:2] == ["linear", "tanh"]
    changes = bench.get(urlsplit(bench.address).path + "changes")
    assert json.loads(changes.readline()) == {
        str(bench.file): text, str(other): "def act(x):\n    return x.relu()\n"
    }  # fmt: skip
    other.write_text("def act(x):\n    return x.exp()\n")
    assert json.loads(changes.readline()) == {str(other): "def act(x):\n    return x.exp()\n"}
    changes.close()
    assert operators(bench.answer())[:2] == ["linear", "exp"]


def test_a_program_that_prints_raises_hangs_or_crashes(bench):
    news, printed, end = bench.export(GOOD + 'print("hello")\n')
    assert (printed, end, news[-1]["outcome"]) == ("hello\n", "", "exports")
    answer = bench.answer(GOOD.replace("y * n", "y * n + {}['key']"))
    assert answer["outcome"] == "fails"
    assert (answer["error"]["type"], answer["error"]["lines"][-1]["line"]) == ("KeyError", 14)
    answer = bench.answer("def make(:\n")
    assert (answer["error"]["type"], answer["error"]["lines"][-1]["line"]) == ("SyntaxError", 1)
    answer = bench.answer("x = 1\n")
    assert answer["outcome"] == "unusable"
    assert "has no make" in answer["error"]["text"]
    answer = bench.answer(GOOD + "raise SystemExit(3)\n")
    assert answer["error"]["type"] == "SystemExit"
    _, _, end = bench.export(GOOD + "import os\nos.kill(os.getpid(), 11)\n")
    assert end == "ended by SIGSEGV"
    _, _, end = bench.export(GOOD + "import os\nos._exit(3)\n")
    assert end == "left with exit status 3"
    bench.workbench.seconds = 0.5
    _, printed, end = bench.export(GOOD + 'print("on and on")\nwhile True:\n    pass\n')
    assert (printed, end) == ("on and on\n", "no end within 0.5 s")
    bench.workbench.seconds = 30
    assert bench.answer(GOOD)["outcome"] == "exports"


def test_who_stops_listening_ends_the_process(bench, tmp_path):
    noted = tmp_path / "pid"
    bench.file.write_text(
        f"import os, time\nopen({str(noted)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    answer = bench.post("export", {})
    until = time.monotonic() + 30
    while not (noted.exists() and noted.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    answer.close()
    while is_alive(int(noted.read_text())):
        assert time.monotonic() < until
        time.sleep(0.02)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_problem_is_told_at_once_and_its_fix_when_it_was_tried(bench):
    news, _, _ = bench.export(REFUSED)
    first = next(each for each in news if each["problems"])
    assert first["problems"][0]["code"] == "MG-D101"
    assert not first["is_complete"]
    answer = news[-1]
    assert answer["is_complete"]
    (problem,), (patch,) = answer["problems"], answer["patches"]
    assert (problem["line"], problem["fix"]) == (12, "the statement as an operator")
    lines = {"linear": 11, "relu": 11, "cond": 12, "mul": 14}  # of the file as it is
    nodes = {node["name"]: node for node in answer["program"]["nodes"] if not node["inside"]}
    assert {name: nodes[name]["line"] for name in lines} == lines
    assert nodes["mul"]["code"] == "return y * n"
    fixed = bench.answer(texts={patch["file"]: patch["after"]})
    assert fixed["outcome"] == "exports"
    assert "cond" in operators(fixed)
    assert bench.file.read_text() == REFUSED


def test_sizes_vary_or_are_fixed(bench):
    answer = bench.answer(GOOD)
    assert answer["program"]["shapes"] == {"x": ["3", "4"]}
    answer = bench.answer(GOOD, sizes={"x": {"0": True, "1": True}})
    assert answer["program"]["shapes"]["x"] == ["s0", "4"]
    (size,) = answer["program"]["ranges"]
    assert (size["name"], size["lower"], size["upper"]) == ("s0", 3, None)
    assert [(each["kind"], each["line"]) for each in size["reasons"]] == [("narrowed", 12)]
    reasons = [each["text"] for each in answer["program"]["assumptions"] if each["line"] == 11]
    assert reasons == ["`y = self.linear(x).relu()` raises an error unless s1 == 4"]
    answer = bench.answer(GOOD, sizes={"n": {"-1": True}})
    assert answer["program"]["shapes"]["n"] == ["s0"]
    answer = bench.answer(DECLARED)
    assert answer["program"]["shapes"]["x"] == ["batch", "4"]
    assert answer["arguments"][0]["dims"][0]["declared"] == "Dim('batch', min=3)"
    answer = bench.answer(DECLARED, sizes={"x": {"0": False}})
    assert answer["program"]["shapes"]["x"] == ["3", "4"]


def test_strict_mode_and_other_operators(bench):
    assert bench.answer(REFUSED, strict=True)["outcome"] == "exports"
    assert "linear" in operators(bench.answer(GOOD))
    assert "linear" not in operators(bench.answer(GOOD, operators="opened"))
    assert "addmm" in operators(bench.answer(GOOD, operators="core"))


def test_two_programs_are_compared(bench):
    rows = json.loads(bench.post("compare", {"before": "a\nb\nc", "after": "a\nx\nc"}).read())
    assert rows == [[" ", "a"], ["-", "b"], ["+", "x"], [" ", "c"]]


# Programs in files ---------------------------------------------------------------------------


@pytest.fixture
def attempted(monkeypatch):
    """What comes of an export, in this process: `attempt` leaves a trace in what is imported."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))

    def ask(path, **asked):
        told = {}
        attempt(Request(str(path), **asked), told.update)
        return told

    return ask


@pytest.mark.parametrize("library", ["ours", "torch"])
def test_files_of_programs_open(attempted, tmp_path, library):
    file = tmp_path / "net.pt2"
    model, args = torch.nn.Linear(4, 4), (torch.ones(3, 4),)
    if library == "ours":
        monograph.save(monograph.export(model, args), file)
    else:
        torch.export.save(torch.export.export(model, args), file)
    answer = attempted(file)
    assert answer["outcome"] == "exports"
    assert operators(answer) == ["linear"]
    assert "linear" not in operators(attempted(file, operators=Operators.core))
    assert attempted(file, name="other")["error"]["type"] == "UsageError"


def test_a_damaged_file_is_told(attempted, tmp_path):
    file = tmp_path / "net.pt2"
    file.write_bytes(b"PK not at all")
    answer = attempted(file)
    assert (answer["outcome"], answer["error"]["type"]) == ("unusable", "FileError")


def test_a_fix_of_declared_sizes(attempted, tmp_path):
    file = tmp_path / "sized.py"
    text = DECLARED.replace(", min=3", "").replace("y.repeat(1, 2)", "y + 1")
    file.write_text(text.replace("y * n", "y.view(3, 4) * n"))
    answer = attempted(file, name="make")
    assert answer["problems"][0]["code"] == "MG-S101"
    assert answer["suggested"]
    (patch,) = answer["patches"]
    file.write_text(patch["after"])
    assert attempted(file, name="make")["outcome"] == "exports"


# The page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser):
    """A page that must not complain, nor ask any other host."""
    found = browser.new_page(viewport={"width": 1280, "height": 800})
    problems, requests = [], []
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    found.on("request", lambda request: requests.append(request.url))
    yield found
    found.close()
    assert problems == []
    assert all(url.startswith(("http://127.0.0.1:", "file:", "data:")) for url in requests)


def opened(page, bench, text=GOOD):
    bench.file.write_text(text)
    page.goto(bench.address)
    settled(page)


def settled(page, outcome=None):
    wanted = f'"{outcome}"' if outcome else ""
    page.wait_for_selector(f"body[data-outcome{'=' if wanted else ''}{wanted}]:not(.is-asking)")


def shown_nodes(page):
    return page.locator(".row.node").evaluate_all("all => all.map(e => e.dataset.node)")


def test_a_file_is_edited_a_problem_appears_and_its_fix_is_applied(page, bench):
    opened(page, bench)
    assert page.locator("#badge").inner_text() == "exports"
    assert shown_nodes(page) == ["x", "n", "linear", "relu", "repeat", "mul", "output"]
    bench.file.write_text(REFUSED)  # in another editor
    settled(page, "refused")
    assert "MG-D101" in page.locator(".inline").inner_text()
    page.locator(".inline .try-fix").click()
    settled(page, "exports")
    assert "cond" in shown_nodes(page)
    assert bench.file.read_text() == REFUSED
    assert page.locator("#unsaved").is_visible()
    page.locator("#save").click()
    page.wait_for_selector("#unsaved", state="hidden")
    settled(page, "exports")
    assert "monograph.cond" in bench.file.read_text()
    spec = importlib.util.spec_from_file_location("fixed_net", bench.file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model, args = module.make()
    monograph.export(model, args).verify(model, samples=5)


def test_typing_exports_from_memory_and_can_be_taken_back(page, bench):
    opened(page, bench)
    page.locator(".cm-line", has_text="relu()").click()
    page.keyboard.press("End")
    page.keyboard.type(".tanh()")
    page.wait_for_selector('.row.node[data-node="tanh"]')
    assert bench.file.read_text() == GOOD
    page.locator("#revert").click()
    page.wait_for_selector('.row.node[data-node="tanh"]', state="detached")
    assert page.locator("#unsaved").is_hidden()


def test_what_of_a_file_is_chosen(page, bench):
    opened(page, bench)
    page.evaluate("ask({ name: '' })")
    text = GOOD + "\n\ndef other():\n    return Net().linear, (torch.ones(1, 4),)\n"
    bench.file.write_text(text)
    page.locator("#panel button:has-text('other')").click()
    settled(page, "exports")
    assert shown_nodes(page) == ["input", "linear", "output"]
    page.select_option("#names", "make")
    page.locator('.row.node[data-node="repeat"]').wait_for()


def test_lines_and_nodes_are_selected_together(page, bench):
    opened(page, bench)
    page.locator(".cm-line", has_text="y.repeat").click()
    assert page.locator(".row.node.lit .name").all_inner_texts() == ["repeat"]
    page.locator('.row.node[data-node="mul"]').click()
    assert page.locator(".chosen-line").inner_text().strip() == "return y * n"
    detail = page.locator("#detail").inner_text()
    assert "net.py:14" in detail
    page.locator("#detail .chip", has_text="repeat").click()
    assert page.locator("#detail").get_attribute("data-node") == "repeat"
    page.locator("#tab-picture").click()
    place = page.evaluate("picture.placeOf('relu')")
    page.mouse.click(place["x"], place["y"])
    assert page.locator("#detail").get_attribute("data-node") == "relu"


def test_a_size_is_let_vary_and_what_narrows_it_is_shown(page, bench):
    opened(page, bench)
    page.locator("#tab-sizes").click()
    page.locator('[data-size="x:0"]').click()
    page.wait_for_selector('.varies[data-size="x:0"]')
    reasons = page.locator(".range").inner_text()
    assert "3 … ∞" in reasons
    assert "net.py:12" in reasons
    assert '"x": {0: Dim.AUTO}' in page.locator("#panel pre").inner_text()
    page.locator('[data-size="x:1"]').click()
    page.wait_for_selector('.fixed[data-size="x:1"]')
    assert "raises an error unless s1 == 4" in page.locator("#panel").inner_text()
    page.locator('[data-size="x:0"]').click()
    page.wait_for_selector('.static[data-size="x:0"]')


def test_programs_are_compared(page, bench):
    opened(page, bench)
    page.locator("#tab-compare").click()
    before = page.locator("select[aria-label='program before']")
    before.locator("option:has-text('other.py')").wait_for(state="attached")
    page.locator(".row.diff.added:has-text('sigmoid')").first.wait_for()
    page.locator('[data-operators="core"]').click()
    before.locator("option:has-text('Core ATen')").wait_for(state="attached")
    options = before.locator("option").all_inner_texts()
    assert [text.split("  ")[1] for text in options] == ["captured", "other.py", "Core ATen"]
    before.select_option("0")
    page.locator(".row.diff.added:has-text('aten.addmm')").first.wait_for()
    assert "aten.linear" in "".join(page.locator(".row.diff.removed").all_inner_texts())


def test_every_panel_at_every_width(page, bench):
    text = DECLARED.replace("y * n", "y * n + id(x) % 2") + 'print("<b>printed</b>")\n'
    opened(page, bench, text)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for tab in ("graph", "picture", "sizes", "signature", "assumptions", "timeline", "output"):
            page.locator(f"#tab-{tab}").click()
            assert page.locator("#panel").inner_text() or tab == "picture"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#panel").inner_text() == "<b>printed</b>\n"
    page.locator("#tab-source").click()
    assert page.locator(".cm-content").is_visible()


BIG = """\
import torch
from torch import nn


def make():
    layers = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(60)]
    return nn.Sequential(*layers).eval(), (torch.ones(1, 3, 8),)
"""


def test_a_graph_of_two_thousand_nodes_is_moved_and_searched(page, bench):
    opened(page, bench, BIG)
    page.locator("#tab-picture").click()
    page.locator(".picture-panel .switch input").click()
    page.wait_for_selector("canvas:not([aria-label$=' 62 boxes'])")
    assert page.evaluate("workbench.answer.program.nodes.length") > 2000
    took = """
        (work) => {
          const times = [];
          for (let i = 0; i < 9; i++) {
            const start = performance.now();
            work(i);
            times.push(performance.now() - start);
          }
          return times.sort((a, b) => a - b)[4];
        }
    """
    assert page.evaluate(f"({took})((i) => (picture.move(3, -400 * i), picture.draw()))") < 50
    page.evaluate("picture.fit(true)")
    assert page.evaluate(f"({took})((i) => (picture.zoom(0.99), picture.draw()))") < 50
    page.locator("#tab-graph").click()
    assert page.locator(".row").count() < 120
    scroll = "(i) => ((nodes.list.element.scrollTop = 2000 * i), nodes.list.render())"
    assert page.evaluate(f"({took})({scroll})") < 50
    search = "(i) => ((nodes.search.value = 'layer ' + i), nodes.fill())"
    assert page.evaluate(f"({took})({search})") < 50
    page.fill("#search", "59 softmax attention")
    page.fill("#search", "59.norm2")
    assert page.locator(".row.node .name").all_inner_texts() == ["layer_norm_119"]


def test_a_report_needs_no_server(page, attempted, tmp_path):
    file = tmp_path / "net_of_report.py"
    file.write_text(REFUSED.replace("import torch\n", "import torch  # </script><b>\n", 1))
    answer = attempted(file, name="make")
    start = {"path": str(file), "name": "make", "text": file.read_text(), "answer": answer}
    report_file = tmp_path / "report.html"
    report_file.write_text(report("net.py", {**start, "printed": "said\n"}))
    page.goto(report_file.as_uri())
    assert page.locator("#badge").inner_text() == "1 problem"
    assert "</script><b>" in page.locator(".cm-content").inner_text()
    for tab in ("problems", "graph", "picture", "sizes", "signature", "timeline", "output"):
        page.locator(f"#tab-{tab}").click()
    assert page.locator(".try-fix, #save:visible, #tab-compare").count() == 0
