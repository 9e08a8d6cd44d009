// The graph, as a list of nodes and as a picture.
"use strict";

class NodeList {
  // `select(index)`: a node was chosen; `where`: of a line, as shown.
  constructor({ select, selectLine, where }) {
    this.told = { select, selectLine, where };
    this.list = new LongList(24, (row) => this.draw(row), "nodes");
    this.search = make("input", { type: "search", id: "search", placeholder: "Search: name, operator, type, module, line", "aria-label": "search the graph", oninput: () => this.fill() });
    this.found = make("span", { class: "soft found", role: "status" });
    this.states = make("label", { class: "switch", title: "parameters, buffers and constants" }, make("input", { type: "checkbox", onchange: () => this.fill() }), make("span", {}, "Weights"));
    this.element = make("div", { class: "graph-list" }, make("div", { class: "bar-of-panel" }, this.search, this.found, this.states), this.list.element);
    this.nodes = [];
    this.lit = new Set();
    this.chosen = -1;
  }

  show(nodes) {
    this.nodes = nodes;
    this.words = null;
    this.chosen = -1;
    this.fill();
  }

  fill() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hasStates = this.states.firstChild.checked || words.length > 0;
    if (!this.words) {
      this.words = this.nodes.map((n) => [n.name, n.operator, n.type, n.module, n.class, n.code, n.line && `:${n.line}`].join(" ").toLowerCase());
    }
    const rows = [];
    let group = null, inside = "", count = 0;
    this.nodes.forEach((node, index) => {
      if (node.kind === "state" && !hasStates) return;
      if (words.some((word) => !this.words[index].includes(word))) return;
      count += node.kind === "output" && words.length ? 0 : 1;
      if (node.inside !== inside) {
        inside = node.inside;
        rows.push({ kind: "inside", text: inside || "the graph" });
        group = null;
      }
      const key = node.kind === "call_function" ? `${node.module}\n${node.file}\n${node.line}` : node.kind;
      if (key !== group && node.kind !== "get_attr") {
        group = key;
        rows.push({ kind: "group", node });
      }
      rows.push({ kind: "node", index, node });
    });
    this.found.textContent = words.length ? `${count.toLocaleString()} of ${this.nodes.length.toLocaleString()}` : "";
    this.rows = new Map(rows.flatMap((row, at) => (row.kind === "node" ? [[row.index, at]] : [])));
    this.list.fill(rows);
  }

  draw(row) {
    if (row.kind === "inside") return make("div", { class: "row inside" }, make("code", {}, row.text));
    if (row.kind === "group") return this.drawGroup(row.node);
    const { node, index } = row;
    return make(
      "div",
      {
        class: `row node ${node.kind}${this.lit.has(index) ? " lit" : ""}${this.chosen === index ? " chosen" : ""}`,
        onclick: () => this.told.select(index),
        "data-node": node.name,
      },
      make("span", { class: "name" }, node.name),
      node.type ? make("span", { class: "type" }, node.type) : null,
      make("span", { class: "call" }, node.kind === "output" ? `return ${node.call}` : node.call.replace(/^torch\.ops\./, "")),
    );
  }

  drawGroup(node) {
    if (node.kind === "placeholder" || node.kind === "state" || node.kind === "output") {
      const title = { placeholder: "arguments", state: "parameters, buffers, constants", output: "results" }[node.kind];
      return make("div", { class: "row group" }, make("span", { class: "module" }, title));
    }
    return make(
      "div",
      { class: "row group", onclick: () => node.line && this.told.selectLine(node.file, node.line) },
      make("span", { class: "module" }, node.module || "the model"),
      node.class ? make("span", { class: "soft" }, node.class) : null,
      node.line ? make("span", { class: "place" }, this.told.where(node.file, node.line)) : null,
      make("code", { class: "soft" }, node.code),
    );
  }

  light(indexes, chosen, isShown) {
    this.lit = new Set(indexes);
    this.chosen = chosen;
    const first = chosen >= 0 ? chosen : indexes[0];
    this.list.again();
    if (isShown && first !== undefined && this.rows.has(first)) this.list.show(this.rows.get(first));
  }
}

const LEAST_SCALE_OF_TEXT = 0.35;

class Picture {
  // Drawn on a canvas: only what is seen is drawn, in any number.
  constructor({ select, open, close, whole, isFixed }) {
    this.told = { select, open };
    this.canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": "picture of the graph" });
    this.names = make("select", { "aria-label": "which graph", hidden: true, onchange: () => this.pick(Number(this.names.value)) });
    this.whole = make("label", { class: "switch", title: "each operator a box, whatever module it is in", hidden: isFixed }, make("input", { type: "checkbox", onchange: (event) => whole(event.target.checked) }), make("span", {}, "All operators"));
    this.openedChips = make("span", { class: "chips" });
    this.close = close;
    const button = (text, title, work) => make("button", { type: "button", title, "aria-label": title, onclick: work }, text);
    this.element = make(
      "div",
      { class: "picture-panel" },
      make("div", { class: "bar-of-panel" }, this.names, this.whole, this.openedChips, make("span", { class: "grow" }), button("−", "smaller", () => this.zoom(1 / 1.25)), button("+", "larger", () => this.zoom(1.25)), button("Fit", "all of it", () => this.fit(true))),
      make("div", { class: "canvas-frame" }, this.canvas, make("p", { class: "hint soft" }, isFixed ? "drag to move, Ctrl and wheel to zoom" : "drag to move, Ctrl and wheel to zoom, double-click a module to open it")),
    );
    this.drawings = [];
    this.lit = new Set();
    this.chosen = "";
    this.view = { x: 0, y: 0, scale: 1 };
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
  }

  show(drawings, opened, isWhole) {
    const before = this.drawing && this.drawing.name;
    this.drawings = drawings;
    this.names.replaceChildren(...drawings.map((d, i) => make("option", { value: i }, d.name || "the program")));
    this.names.hidden = drawings.length < 2;
    this.whole.firstChild.checked = isWhole;
    this.openedChips.replaceChildren(...opened.map((path) => make("button", { type: "button", class: "chip", title: "close this module", onclick: () => this.close(path) }, `${path} ×`)));
    const at = Math.max(0, drawings.findIndex((d) => d.name === before));
    const isNew = !this.drawing;
    this.pick(at, !isNew);
  }

  pick(at, isKept) {
    this.drawing = this.drawings[at];
    this.names.value = String(at);
    this.canvas.setAttribute("aria-label", this.drawing ? `picture of the graph, ${this.drawing.boxes.length} boxes` : "no picture");
    if (!isKept) this.isUnplaced = true;
    this.resize();
  }

  resize() {
    const frame = this.canvas.parentElement, width = frame.clientWidth, height = frame.clientHeight;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    if (this.isUnplaced && this.drawing) this.fit(false);
    this.draw();
  }

  fit(isWhole) {
    if (!this.drawing) return;
    this.isUnplaced = false;
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const across = (width - 48) / this.drawing.width, down = (height - 48) / this.drawing.height;
    const scale = isWhole ? Math.min(across, down, 1) : Math.min(1, Math.max(Math.min(across, 1), 0.55));
    const x = (width - this.drawing.width * scale) / 2;
    const isTall = this.drawing.height * scale > height - 48;
    this.view = { scale, x, y: isTall ? 24 : (height - this.drawing.height * scale) / 2 };
    this.later();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(3, Math.max(0.02, this.view.scale * factor)), by = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    this.later();
  }

  move(x, y) {
    this.view.x += x;
    this.view.y += y;
    this.later();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
      else this.move(event.shiftKey ? -event.deltaY : -event.deltaX, event.shiftKey ? 0 : -event.deltaY);
    }, { passive: false });
    const fingers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
      this.dragged = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = { x: event.offsetX, y: event.offsetY };
      if (fingers.size === 2) {
        const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)[1];
        const far = (p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
        this.zoom(far(now) / far(before), other.x, other.y);
      } else this.move(now.x - before.x, now.y - before.y);
      this.dragged += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      fingers.set(event.pointerId, now);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => {
        fingers.delete(event.pointerId);
        if (name === "pointerup" && this.dragged < 4) {
          const box = this.at(event.offsetX, event.offsetY);
          if (box) this.told.select(box, this.drawing.name);
        }
      });
    }
    canvas.addEventListener("dblclick", (event) => {
      const box = this.at(event.offsetX, event.offsetY);
      if (box && box.kind === "module") this.told.open(box.title.split(" > ").at(-1));
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (step) this.move(...step);
      else if (event.key === "+") this.zoom(1.25);
      else if (event.key === "-") this.zoom(1 / 1.25);
      else return;
      event.preventDefault();
    });
  }

  at(x, y) {
    const { scale, x: left, y: top } = this.view, px = (x - left) / scale, py = (y - top) / scale;
    return this.drawing?.boxes.find(({ at: [cx, cy, w, h] }) => Math.abs(px - cx) <= w / 2 && Math.abs(py - cy) <= h / 2);
  }

  // Where a box is on the screen, for whoever wants to click it.
  placeOf(name) {
    const box = this.drawing?.boxes.find((each) => each.nodes.includes(name) || each.lines[0] === name);
    if (!box) return null;
    const frame = this.canvas.getBoundingClientRect();
    return { x: frame.left + this.view.x + box.at[0] * this.view.scale, y: frame.top + this.view.y + box.at[1] * this.view.scale };
  }

  light(names, chosen, isShown) {
    this.lit = new Set(names);
    this.chosen = chosen;
    const box = isShown && this.drawing?.boxes.find((each) => each.nodes.some((n) => n === chosen || (!chosen && this.lit.has(n))));
    if (box && this.canvas.clientWidth) {
      const { scale } = this.view, x = this.view.x + box.at[0] * scale, y = this.view.y + box.at[1] * scale;
      const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
      if (x < 20 || y < 20 || x > width - 20 || y > height - 20) this.move(width / 2 - x, height / 2 - y);
    }
    this.later();
  }

  later() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.waiting = 0;
    const canvas = this.canvas, pen = canvas.getContext("2d"), drawing = this.drawing;
    const ratio = devicePixelRatio || 1, { x, y, scale } = this.view;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!drawing) return;
    pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
    const left = -x / scale, top = -y / scale, right = left + canvas.clientWidth / scale, bottom = top + canvas.clientHeight / scale;
    const style = getComputedStyle(document.body), colour = (name) => style.getPropertyValue(name).trim();
    this.drawEdges(pen, drawing, { left, top, right, bottom }, colour);
    const hasText = scale >= LEAST_SCALE_OF_TEXT;
    const [text, soft, mono] = [colour("--text"), colour("--soft"), colour("--mono")];
    const fills = { input: [colour("--panel"), colour("--soft")], output: [colour("--panel"), colour("--soft")], special: [colour("--warn-back"), colour("--warn")], module: [colour("--module"), colour("--module-line")], operator: [colour("--box"), colour("--box-line")] };
    const [litFill, litLine, accent] = [colour("--lit"), colour("--link"), colour("--link")];
    pen.textAlign = "center";
    for (const box of drawing.boxes) {
      const [cx, cy, w, h] = box.at;
      if (cx + w / 2 < left || cx - w / 2 > right || cy + h / 2 < top || cy - h / 2 > bottom) continue;
      const isLit = box.nodes.some((name) => this.lit.has(name)), isChosen = this.chosen && box.nodes.includes(this.chosen);
      const [fill, line] = fills[box.kind] || fills.operator;
      pen.fillStyle = isLit || isChosen ? litFill : fill;
      pen.strokeStyle = isChosen ? accent : isLit ? litLine : line;
      pen.lineWidth = isChosen ? 2.5 : 1.2;
      pen.beginPath();
      pen.roundRect(cx - w / 2, cy - h / 2, w, h, 7);
      pen.fill();
      pen.stroke();
      if (!hasText) continue;
      box.lines.forEach((each, i) => {
        pen.fillStyle = i ? soft : text;
        pen.font = `${i ? "" : "600 "}12px ${mono}`;
        pen.fillText(each, cx, cy - h / 2 + 18 + i * 16, w - 8);
      });
    }
  }

  drawEdges(pen, drawing, seen, colour) {
    pen.strokeStyle = colour("--edge");
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (const way of drawing.edges) {
      const count = way.length / 2;
      if (way[1] > seen.bottom || way[2 * count - 1] < seen.top) continue;
      let lo = Infinity, hi = -Infinity;
      for (let i = 0; i < way.length; i += 2) {
        lo = Math.min(lo, way[i]);
        hi = Math.max(hi, way[i]);
      }
      if (lo > seen.right || hi < seen.left) continue;
      pen.moveTo(way[0], way[1]);
      for (let i = 1; i < count; i++) {
        if (way[2 * i + 1] < seen.top - 200 || way[2 * i - 1] > seen.bottom + 200) {
          pen.moveTo(way[2 * i], way[2 * i + 1]);
          continue;
        }
        const [u0, v0] = slope(way, i - 1, count), [u1, v1] = slope(way, i, count);
        pen.bezierCurveTo(way[2 * i - 2] + u0, way[2 * i - 1] + v0, way[2 * i] - u1, way[2 * i + 1] - v1, way[2 * i], way[2 * i + 1]);
      }
    }
    pen.stroke();
  }
}

// Through all points, upright at both ends: as pictures/graphs.py draws edges.
function slope(way, i, count) {
  if (i === 0) return [0, (way[3] - way[1]) / 2];
  if (i === count - 1) return [0, (way[2 * i + 1] - way[2 * i - 1]) / 2];
  return [(way[2 * i + 2] - way[2 * i - 2]) / 6, (way[2 * i + 3] - way[2 * i - 1]) / 6];
}
