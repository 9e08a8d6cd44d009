"""The workbench in Chromium: ``python -m bench.workbench``.

From a save of the file to the picture that was drawn of it, for a transformer of 12 layers; and the
frames while a graph of 2,000 nodes is moved, zoomed, scrolled and searched.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from monograph.workbench.server import Workbench, address, listening, server_of

ROUNDS = 9
WIDE = {"width": 1280, "height": 800}

MODEL = """\
import torch
from torch import nn

# {round}
def make():
    layers = [
        nn.TransformerEncoderLayer({width}, {heads}, {width} * 4, batch_first=True)
        for _ in range({layers})
    ]
    return nn.Sequential(*layers).eval(), (torch.ones(2, 16, {width}),)
"""

FRAMES = """
async (work) => {
  const step = new Function("i", work), found = [];
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  let before = await frame();
  for (let i = 0; i < 120; i++) {
    step(i);
    const now = await frame();
    found.push(now - before);
    before = now;
  }
  return found;
}
"""

MOVES = {
    "the picture is moved": "picture.move(i % 2 ? 3 : -3, -120)",
    "the picture is zoomed": "picture.zoom(i < 60 ? 0.95 : 1.05)",
    "the list is scrolled": "nodes.list.element.scrollTop += 400",
    "the list is searched": "nodes.search.value = String(i % 60); nodes.fill()",
}


def shown(page: Any) -> None:
    page.wait_for_selector("body[data-outcome=exports]:not(.is-asking)", timeout=120_000)


def save_to_picture(page: Any, file: Path) -> list[float]:
    """Milliseconds, each from a save to the picture on the screen."""
    page.locator("#tab-picture").click()
    page.evaluate(
        """() => {
          const draw = picture.draw, show = picture.show;
          picture.show = function (...given) { this.isNew = true; show.apply(this, given); };
          picture.draw = function () {
            draw.call(this);
            if (this.isNew) window.drawn = performance.timeOrigin + performance.now();
            this.isNew = false;
          };
        }"""
    )
    found = []
    for number in range(ROUNDS):
        page.evaluate("() => { window.drawn = 0; }")
        text = MODEL.format(round=number, width=256, heads=8, layers=12)
        start = time.time()
        file.write_text(text)
        while not (drawn := page.evaluate("window.drawn")):
            time.sleep(0.005)
        found.append(drawn - start * 1e3)
        time.sleep(0.3)
    return found


def frames(page: Any) -> dict[str, list[float]]:
    """Milliseconds of each frame, by what goes on."""
    page.locator("#tab-picture").click()
    page.locator(".picture-panel .switch input").click()
    page.wait_for_selector("canvas:not([aria-label$=' 62 boxes'])", timeout=120_000)
    shown(page)
    found = {}
    for name, work in MOVES.items():
        page.locator("#tab-picture" if "picture" in name else "#tab-graph").click()
        page.wait_for_timeout(500)
        found[name] = page.evaluate(f"(async () => await ({FRAMES})({work!r}))()")
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play, listening(0) as door:
        file = Path(folder) / "model.py"
        file.write_text(MODEL.format(round="", width=256, heads=8, layers=12))
        workbench = Workbench(file, "make")
        server = server_of(workbench)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=WIDE, bypass_csp=True)
        page.goto(address(workbench, door))
        shown(page)
        times = save_to_picture(page, file)
        print("from a save to the picture, 12 layers, milliseconds:")
        print(f"  median {statistics.median(times):.0f}, {min(times):.0f} to {max(times):.0f}")
        file.write_text(MODEL.format(round="", width=16, heads=2, layers=60))
        page.wait_for_selector("canvas[aria-label$=' 62 boxes']", timeout=120_000)
        shown(page)
        count = page.evaluate("workbench.answer.program.nodes.length")
        print(f"frames of a graph of {count:,} nodes, milliseconds:")
        for name, taken in frames(page).items():
            print(f"  {name}: median {statistics.median(taken):.1f}, longest {max(taken):.1f}")
        browser.close()
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
