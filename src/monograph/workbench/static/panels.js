// What stands beside the graph: sizes, signature, assumptions, times, comparisons, output.
"use strict";

const ms = (seconds) => (seconds * 1e3 >= 100 ? Math.round(seconds * 1e3).toLocaleString() : (seconds * 1e3).toFixed(1));

function table(head, rows, attributes = {}) {
  return make("div", { class: "scroll" }, make("table", attributes, make("thead", {}, make("tr", {}, head.map((each) => make("th", typeof each === "string" ? {} : { class: "number" }, typeof each === "string" ? each : each[0])))), make("tbody", {}, rows)));
}

function cells(...values) {
  return make("tr", {}, values.map((value) => (value instanceof Element && value.tagName === "TD" ? value : make("td", {}, value))));
}

function lineLink(text, file, line, told) {
  if (!line) return text;
  return make("button", { type: "button", class: "link", title: `${file}:${line}`, onclick: () => told.selectLine(file, line) }, text || told.where(file, line));
}

// Sizes ----------------------------------------------------------------------------------------

function sizesPanel(answer, request, told) {
  const program = answer.program, shapes = program ? program.shapes : {};
  const rows = answer.arguments.map((argument) => {
    const now = shapes[argument.placeholder];
    const chips = argument.dims.map((dim, i) => sizeChip(argument, dim, now && now[i], told));
    const shown = chips.length ? chips : argument.value;
    return cells(make("code", { class: "argument" }, argument.source), make("span", { class: "soft" }, argument.type), make("div", { class: "sizes" }, shown));
  });
  if (!answer.arguments.length) rows.push(...argumentsOf(program));
  const parts = [
    make("p", { class: "soft" }, told.isFixed || !answer.arguments.length ? "Sizes of the arguments: those with a name vary." : "Click a size to let it vary, or to fix it at the example's. What the program demands of it is found by exporting again."),
    table(["argument", "type", "sizes"], rows, { class: "arguments" }),
  ];
  const written = asWritten(request.sizes, answer);
  if (written) {
    parts.push(make("h3", {}, "In the file"), make("pre", { class: "code" }, written));
  }
  if (program && program.ranges.length) {
    parts.push(make("h3", {}, "Ranges"));
    for (const each of program.ranges) parts.push(rangeOf(each, answer, told));
  } else if (program && answer.arguments.length) parts.push(make("p", { class: "soft" }, "No size varies."));
  const named = new Set((program ? program.ranges : []).flatMap((each) => each.reasons.map((a) => a.text)));
  const fixed = program ? program.assumptions.filter((a) => ["fixed", "precondition", "narrowed"].includes(a.kind) && !named.has(a.text)) : [];
  if (fixed.length) {
    parts.push(make("h3", {}, "Fixed by the program"), reasons(fixed, told));
  }
  return make("div", { class: "padded" }, parts);
}

function argumentsOf(program) {
  // Of a program from a file: what its signature says.
  return program.signature.inputs.filter((each) => program.shapes[each.name]).map((each) => cells(
    make("code", { class: "argument" }, each.name),
    make("span", { class: "soft" }, each.type.split("[")[0]),
    make("div", { class: "sizes" }, program.shapes[each.name].map((size) => make("span", { class: `chip size-chip ${/^\d+$/.test(size) ? "static" : "varies"}` }, size))),
  ));
}

function sizeChip(argument, dim, now, told) {
  const isDynamic = now !== undefined && !/^-?[\d.]+$/.test(now);
  const wanted = dim.asked !== null ? dim.asked : dim.declared !== "";
  const isRefused = wanted && now !== undefined && !isDynamic;
  const state = isDynamic ? "varies" : isRefused ? "fixed" : wanted ? "wanted" : "static";
  const title = { varies: `varies; ${dim.size} in the example`, fixed: "asked to vary, and fixed by the program", wanted: `is to vary; ${dim.size} in the example`, static: "fixed at the example's size" }[state];
  const text = isDynamic ? now : String(dim.size);
  const inner = [make("span", { class: "size" }, text), make("span", { class: "example" }, isDynamic ? `= ${dim.size}` : isRefused ? "fixed" : "")];
  if (told.isFixed) return make("span", { class: `chip size-chip ${state}`, title }, inner);
  const name = `${argument.name}, dimension ${dim.dim}`;
  return make("button", { type: "button", class: `chip size-chip ${state}`, title: `${title}. Click to ${wanted ? "fix it" : "let it vary"}`, "aria-pressed": String(wanted), "aria-label": name, "data-size": `${argument.name}:${dim.dim}`, onclick: () => told.setSize(argument.name, dim, !wanted) }, inner);
}

function asWritten(sizes, answer) {
  if (!Object.values(sizes).some((dims) => Object.keys(dims).length)) return "";
  const entries = answer.arguments.flatMap((argument) => {
    const dims = argument.dims.flatMap((dim) => {
      const varies = dim.asked !== null ? dim.asked : dim.declared !== "";
      if (!varies) return [];
      const item = dim.declared || "Dim.AUTO";
      return [dim.dim === -1 ? item : `${dim.dim}: ${item}`];
    });
    if (!dims.length) return [];
    return [`    ${JSON.stringify(argument.name)}: ${argument.dims[0].dim === -1 ? dims[0] : `{${dims.join(", ")}}`},`];
  });
  return entries.length ? `dynamic_shapes = {\n${entries.join("\n")}\n}` : "dynamic_shapes = None";
}

function rangeOf(range, answer, told) {
  const lower = range.lower ?? "−∞", upper = range.upper ?? "∞";
  const example = exampleOf(range.name, answer);
  const place = (n) => (n <= 0 ? 0 : Math.min(100, (100 * Math.log2(1 + n)) / 16));
  const from = place(range.lower ?? 0), to = range.upper === null ? 100 : place(range.upper);
  return make(
    "div",
    { class: "range" },
    make("div", { class: "range-head" }, make("code", {}, range.name), make("span", { class: "number" }, `${lower} … ${upper}`), example !== null ? make("span", { class: "soft" }, `${example} in the example`) : null),
    make("div", { class: "track", "aria-hidden": "true" }, make("span", { class: "allowed", style: `left:${from}%;width:${Math.max(to - from, 0.8)}%` }), example !== null ? make("span", { class: "tick", style: `left:${place(example)}%` }) : null),
    reasons(range.reasons, told),
  );
}

function exampleOf(name, answer) {
  const shapes = answer.program.shapes;
  for (const argument of answer.arguments) {
    const now = shapes[argument.placeholder] || [];
    const at = now.indexOf(name);
    if (at >= 0) return argument.dims[at].size;
  }
  return null;
}

function reasons(assumptions, told) {
  return make("ul", { class: "reasons" }, assumptions.map((each) => make("li", {}, make("span", { class: `kind ${each.kind}` }, each.kind), each.text, " ", lineLink("", each.file, each.line, told))));
}

// Signature, assumptions -------------------------------------------------------------------------

function signaturePanel(program, told) {
  const rows = (specs) => specs.map((each) => cells(make("code", {}, each.name), make("code", { class: "soft" }, each.type), each.kind, make("code", { class: "soft" }, each.target || "")));
  const isState = (each) => ["parameter", "buffer", "constant tensor"].includes(each.kind);
  const states = program.signature.inputs.filter(isState);
  const head = ["name", "type", "kind", "of"];
  const parts = [
    make("p", { class: "soft" }, `${program.counts}. ${program.parameters}.`),
    make("h3", {}, "Arguments"),
    table(head, rows(program.signature.inputs.filter((each) => !isState(each)))),
    make("h3", {}, "Results"),
    table(head, rows(program.signature.outputs)),
  ];
  if (states.length) {
    const inner = make("div", {});
    parts.push(make("details", { ontoggle: (event) => { if (event.target.open && !inner.firstChild) inner.append(table(head, rows(states))); } }, make("summary", {}, `${states.length.toLocaleString()} parameters, buffers and constants`), inner));
  }
  const operators = Object.entries(program.operators).sort((a, b) => b[1] - a[1]);
  parts.push(make("h3", {}, "Operators"), table(["operator", ["calls"]], operators.map(([name, count]) => make("tr", {}, make("td", {}, make("button", { type: "button", class: "link code", onclick: () => told.search(name.replace(/^torch\.ops\./, "").split(".")[1] || name) }, name)), make("td", { class: "number" }, count.toLocaleString())))));
  return make("div", { class: "padded" }, parts);
}

function assumptionsPanel(program, told) {
  if (!program.assumptions.length) return make("div", { class: "padded" }, make("p", { class: "soft" }, "The program takes nothing for granted."));
  const rows = program.assumptions.map((each) => cells(make("span", { class: `kind ${each.kind}` }, each.kind), each.text, lineLink("", each.file, each.line, told)));
  return make("div", { class: "padded" }, make("p", { class: "soft" }, "What the program takes for granted, and the line that is the reason."), table(["kind", "what", "where"], rows));
}

// Times --------------------------------------------------------------------------------------------

const HUES = [215, 262, 165, 28, 340, 95, 190, 48];

function timelinePanel(answer, told) {
  const times = answer.program && answer.program.times;
  if (!times) return make("div", { class: "padded" }, make("p", { class: "soft" }, "This program was not exported here."));
  const phases = times.phases.map(([name, seconds], i) => ({ name, seconds, hue: HUES[i % HUES.length] }));
  const parts = [
    make("p", { class: "soft" }, `Exported in ${ms(times.total)} ms; the program ran ${times.captures === 1 ? "once" : `${times.captures} times`}.`),
    make("div", { class: "phases", role: "img", "aria-label": "time by phase" }, phases.map((p) => make("span", { style: `flex:${p.seconds * 1e3} 1 0;--hue:${p.hue}`, title: `${p.name}: ${ms(p.seconds)} ms` }))),
    make("ul", { class: "keys" }, phases.map((p) => make("li", {}, make("span", { class: "key", style: `--hue:${p.hue}` }), p.name, make("span", { class: "number soft" }, `${ms(p.seconds)} ms`)))),
    make("h3", {}, "By module"),
    modulesOf(times.modules, answer.program, told),
    make("h3", {}, "By operator"),
    table(["operator", ["calls"], ["ms"]], times.operators.slice(0, 40).map(([name, seconds, calls]) => make("tr", {}, make("td", {}, make("code", {}, name)), make("td", { class: "number" }, calls.toLocaleString()), make("td", { class: "number" }, ms(seconds))))),
  ];
  return make("div", { class: "padded" }, parts);
}

function modulesOf(rows, program, told) {
  // The time of a module and of those inside it, in the order of the program.
  const order = new Map(), total = new Map(), classes = new Map();
  for (const node of program.nodes) {
    const path = node.module.split(".");
    path.forEach((_, i) => order.set(path.slice(0, i + 1).join("."), order.get(path.slice(0, i + 1).join(".")) ?? order.size));
    if (node.class) classes.set(node.module, node.class);
  }
  for (const [name, seconds, calls] of rows) {
    const path = name ? name.split(".") : [];
    for (let i = 0; i <= path.length; i++) {
      const key = path.slice(0, i).join(".");
      const [s, c] = total.get(key) || [0, 0];
      total.set(key, [s + seconds, c + calls]);
    }
  }
  const all = total.get("")?.[0] || 1;
  const names = [...total.keys()].sort((a, b) => (a === "" ? -1 : b === "" ? 1 : compareBy(order, a, b)));
  const list = make("div", { class: "modules" });
  for (const name of names.slice(0, 400)) {
    const [seconds, calls] = total.get(name), depth = name ? name.split(".").length : 0;
    list.append(
      make("button", { type: "button", class: "module-row", onclick: () => told.search(name), title: `${ms(seconds)} ms, ${calls} operators` },
        make("span", { class: "module-name", style: `padding-left:${Math.min(depth, 8) * 14}px` }, name ? name.split(".").at(-1) : "the model", classes.has(name) ? make("span", { class: "soft" }, ` ${classes.get(name)}`) : null),
        make("span", { class: "module-bar" }, make("span", { style: `width:${(100 * seconds) / all}%` })),
        make("span", { class: "number soft" }, `${calls}`),
        make("span", { class: "number" }, `${ms(seconds)} ms`)),
    );
  }
  return list;
}

function compareBy(order, a, b) {
  const one = a.split("."), two = b.split(".");
  for (let i = 0; i < Math.max(one.length, two.length); i++) {
    if (one[i] === two[i]) continue;
    if (one[i] === undefined) return -1;
    if (two[i] === undefined) return 1;
    const key = (path) => order.get(path.slice(0, i + 1).join(".")) ?? 1e9;
    return key(one) - key(two) || one[i].localeCompare(two[i]);
  }
  return 0;
}

// Comparison ------------------------------------------------------------------------------------------

class Comparison {
  constructor(fetchRows) {
    this.fetchRows = fetchRows;
    this.programs = [];
    this.list = new LongList(20, (row) => make("div", { class: `row diff ${row.kind}` }, make("span", { class: "sign" }, row.sign), make("code", {}, row.text)), "differences");
    this.before = make("select", { "aria-label": "program before", onchange: () => this.compare() });
    this.after = make("select", { "aria-label": "program after", onchange: () => this.compare() });
    this.found = make("span", { class: "soft found", role: "status" });
    this.element = make("div", { class: "graph-list" }, make("div", { class: "bar-of-panel" }, this.before, make("span", { class: "soft" }, "→"), this.after, this.found), this.list.element);
  }

  add(label, text) {
    const last = this.programs.at(-1);
    if (last && last.text === text && last.label === label) return;
    this.programs.push({ label, text, time: new Date().toLocaleTimeString() });
    if (this.programs.length > 30) this.programs.shift();
    const options = () => this.programs.map((p, i) => make("option", { value: i }, `${p.time}  ${p.label}`));
    this.before.replaceChildren(...options());
    this.after.replaceChildren(...options());
    this.before.value = String(Math.max(0, this.programs.length - 2));
    this.after.value = String(this.programs.length - 1);
    if (this.element.isConnected) this.compare();
  }

  async compare() {
    const [one, two] = [this.before, this.after].map((each) => this.programs[Number(each.value)]);
    if (!one || !two) {
      this.found.textContent = "no program yet";
      return;
    }
    const rows = await this.fetchRows(one.text, two.text);
    const count = rows.filter(([sign]) => sign !== " ").length;
    this.found.textContent = this.programs.length < 2 ? "change something: the next program is compared with this one" : count ? `${count} lines differ` : "the same program";
    this.list.fill(folded(rows));
  }
}

function folded(rows) {
  const near = new Set();
  rows.forEach(([sign], i) => {
    if (sign !== " ") for (let j = i - 3; j <= i + 3; j++) near.add(j);
  });
  const found = [];
  let hidden = 0;
  const flush = () => {
    if (hidden) found.push({ kind: "gap", sign: "", text: `${hidden} lines are the same` });
    hidden = 0;
  };
  rows.forEach(([sign, text], i) => {
    if (!near.has(i)) return void hidden++;
    flush();
    found.push({ kind: { "+": "added", "-": "removed", " ": "same" }[sign], sign: sign.trim(), text });
  });
  flush();
  return found;
}
