// The workbench: the source on the left, the program that it exports to on the right.
"use strict";

const start = JSON.parse(document.getElementById("start").textContent);
const isFixed = Boolean(start.answer); // a report: nothing is asked of a server
const byId = (id) => document.getElementById(id);
const nameOf = (file) => file.split("/").at(-1);

const workbench = {
  files: new Map([[start.path, { disk: start.text, now: start.text }]]),
  shown: start.path,
  request: { name: start.name, strict: false, operators: "captured", sizes: {}, opened: [], whole: false, ...(start.request || {}) },
  answer: null,
  printed: "",
  tab: "graph",
  chosen: { node: -1, nodes: [] },
  asking: null,
  isFile: start.path.endsWith(".pt2"),
};

// What the parts of the page tell ----------------------------------------------------------------

const told = {
  isFixed,
  select: (index) => choose(index, true),
  selectLine: (file, line) => chooseLine(file, line, true),
  where: (file, line) => `${nameOf(file)}:${line}`,
  search(text) {
    openTab("graph");
    nodes.search.value = text;
    nodes.fill();
  },
  setSize(argument, dim, varies) {
    const sizes = { ...workbench.request.sizes, [argument]: { ...(workbench.request.sizes[argument] || {}) } };
    if (varies === (dim.declared !== "")) delete sizes[argument][dim.dim];
    else sizes[argument][dim.dim] = varies;
    if (!Object.keys(sizes[argument]).length) delete sizes[argument];
    ask({ sizes });
  },
};

const source = new Source(byId("editor"), {
  isFixed: isFixed || workbench.isFile,
  changed(text) {
    workbench.files.get(workbench.shown).now = text;
    showFiles();
    clearTimeout(workbench.typing);
    workbench.typing = setTimeout(() => ask({}), 200);
  },
  selected: (line) => chooseLine(workbench.shown, line, false),
  saved: () => save(),
});
const nodes = new NodeList(told);
const picture = new Picture({
  isFixed,
  select(box) {
    const index = workbench.answer.program.nodes.findIndex((n) => box.nodes.includes(n.name) && (n.inside === (picture.drawing.name || "")));
    if (box.kind === "module") chooseNodes(box.nodes);
    else if (index >= 0) choose(index, true);
  },
  open: (path) => isFixed || ask({ opened: [...workbench.request.opened, path] }),
  close: (path) => ask({ opened: workbench.request.opened.filter((each) => !each.startsWith(path)) }),
  whole: (whole) => ask({ whole }),
});
const comparison = new Comparison((before, after) => post("compare", { before, after }).then((found) => found.json()));

// Tabs --------------------------------------------------------------------------------------------

const TABS = [
  ["source", "Source"], ["problems", "Problems"], ["graph", "Graph"], ["picture", "Picture"], ["sizes", "Sizes"], ["signature", "Signature"],
  ["assumptions", "Assumptions"], ["timeline", "Timeline"], ["compare", "Compare"], ["output", "Output"],
];

function counts() {
  const { answer, printed } = workbench, program = answer && answer.program;
  return { problems: answer ? answer.problems.length : 0, assumptions: program ? program.assumptions.length : 0, output: printed ? printed.trimEnd().split("\n").length : 0 };
}

function showTabs() {
  const count = counts();
  const isShown = { problems: count.problems > 0, output: count.output > 0, compare: !isFixed, source: true };
  byId("tabs").replaceChildren(
    ...TABS.filter(([id]) => isShown[id] !== false).map(([id, title]) =>
      make("button", { type: "button", role: "tab", id: `tab-${id}`, class: `tab tab-${id}`, "aria-selected": String(workbench.tab === id), onclick: () => openTab(id) }, title, count[id] ? make("span", { class: `tally${id === "problems" ? " bad" : ""}` }, count[id].toLocaleString()) : null),
    ),
  );
}

function openTab(id) {
  workbench.tab = id;
  document.body.classList.toggle("at-source", id === "source");
  showTabs();
  showPanel();
  if (id === "source") source.view.requestMeasure();
}

function showPanel() {
  const { answer, tab } = workbench, program = answer && answer.program;
  const empty = make("div", { class: "padded" }, make("p", { class: "soft" }, answer ? "There is no program." : "The process that exports is starting."));
  if (answer && answer.outcome === "unnamed") {
    const choices = answer.offers.map((each) => make("button", { type: "button", onclick: () => ask({ name: each }) }, each));
    empty.replaceChildren(make("p", { class: "soft" }, "Choose what of the file is exported:"), make("div", { class: "sizes" }, choices));
  }
  const panel = {
    source: () => empty,
    problems: problemsPanel,
    graph: () => (program ? nodes.element : empty),
    picture: () => (program ? picture.element : empty),
    sizes: () => (answer && answer.arguments.length ? sizesPanel(answer, workbench.request, told) : program ? sizesPanel({ ...answer, arguments: [] }, workbench.request, told) : empty),
    signature: () => (program ? signaturePanel(program, told) : empty),
    assumptions: () => (program ? assumptionsPanel(program, told) : empty),
    timeline: () => (program ? timelinePanel(answer, told) : empty),
    compare: () => comparison.element,
    output: () => make("pre", { class: "output" }, workbench.printed),
  }[tab]();
  const holder = byId("panel");
  if (holder.firstChild !== panel) holder.replaceChildren(panel);
  if (tab === "picture") picture.resize();
  if (tab === "graph") nodes.list.later();
  if (tab === "compare") comparison.compare();
}

// Problems ------------------------------------------------------------------------------------------

function problemsPanel() {
  const { answer } = workbench;
  const parts = answer.problems.map((problem) => {
    const message = make("pre", { class: "message" });
    message.innerHTML = problem.message; // made by the server, of escaped text
    return make("section", { class: "problem" }, message, problem.line ? make("p", {}, lineLink(`go to ${told.where(problem.file, problem.line)}`, problem.file, problem.line, told)) : null);
  });
  if (answer.patches.length) parts.push(fixPanel());
  else if (answer.suggested && Object.keys(answer.suggested).length) parts.push(make("h3", {}, "Sizes to declare"), make("pre", { class: "code" }, Object.entries(answer.suggested).map(([name, dim]) => `${name} = ${dim}`).join("\n")));
  else if (!answer.is_complete) parts.push(make("p", { class: "soft" }, "Changes are being tried …"));
  return make("div", { class: "padded" }, parts);
}

function fixPanel() {
  const { answer } = workbench;
  return make("section", { class: "fix" },
    make("p", {}, answer.promise),
    answer.patches.map((patch) => {
      const diff = make("pre", { class: "code" });
      diff.innerHTML = patch.diff; // made by the server, of escaped text
      return diff;
    }),
    isFixed ? null : make("button", { type: "button", class: "main try-fix", onclick: tryFix }, "Try the fix"),
  );
}

function inlineProblem(problem) {
  const { answer } = workbench;
  const hasFix = answer.patches.length > 0;
  const own = answer.patches.find((patch) => patch.file === problem.file);
  const parts = [
    make("div", { class: "inline-head" }, make("code", { class: "mg-code" }, problem.code), make("span", {}, problem.title), problem.count > 1 ? make("span", { class: "soft" }, `${problem.count} times`) : null),
  ];
  if (problem.fix) {
    const diff = make("pre", { class: "code" });
    if (own) diff.innerHTML = own.diff;
    parts.push(
      make("div", { class: "inline-fix" }, make("span", { class: "soft" }, `fix: ${problem.fix}`), hasFix && !isFixed ? make("button", { type: "button", class: "try-fix", onclick: tryFix }, "Try the fix") : null),
      own ? make("details", {}, make("summary", {}, "the change"), diff) : null,
    );
  } else if (!answer.is_complete) parts.push(make("div", { class: "soft" }, "changes are being tried …"));
  else if (problem.hint) parts.push(make("div", { class: "soft" }, problem.hint));
  return make("div", { class: "inline bad" }, parts);
}

function inlineError(error) {
  return make("div", { class: "inline bad" }, make("div", { class: "inline-head" }, make("code", { class: "mg-code" }, error.type), make("span", {}, error.text)));
}

function tryFix() {
  for (const patch of workbench.answer.patches) {
    const known = workbench.files.get(patch.file) || { disk: patch.before };
    workbench.files.set(patch.file, { ...known, now: patch.after });
  }
  openFile(workbench.answer.patches[0].file);
  if (workbench.tab === "problems") openTab("graph");
  ask({});
}

// Files ------------------------------------------------------------------------------------------------

function isDirty(file) {
  const found = workbench.files.get(file);
  return found.disk !== found.now;
}

function dirtyFiles() {
  return [...workbench.files.keys()].filter(isDirty);
}

function openFile(file) {
  workbench.shown = file;
  source.replace(workbench.files.get(file).now);
  showFiles();
  showMarks();
}

function showFiles() {
  const files = [...workbench.files.keys()];
  byId("files").hidden = files.length < 2;
  byId("files").replaceChildren(...files.map((file) => make("button", { type: "button", class: "file-tab", title: file, "aria-pressed": String(file === workbench.shown), onclick: () => openFile(file) }, nameOf(file), isDirty(file) ? make("span", { class: "dot", title: "not saved" }) : null)));
  const dirty = dirtyFiles();
  byId("save").disabled = !dirty.length;
  byId("unsaved").hidden = !dirty.length || isFixed;
  byId("unsaved").replaceChildren(
    make("span", {}, `${dirty.map(nameOf).join(", ")} ${dirty.length > 1 ? "are" : "is"} changed in memory; the program is that of the change.`),
    make("span", { class: "grow" }),
    make("button", { type: "button", id: "revert", onclick: revert }, "Revert"),
    make("button", { type: "button", class: "main", onclick: save }, "Save"),
  );
}

function revert() {
  for (const found of workbench.files.values()) found.now = found.disk;
  openFile(workbench.shown);
  ask({});
}

async function save() {
  if (isFixed) return;
  for (const file of dirtyFiles()) {
    const found = workbench.files.get(file), after = found.now;
    const done = await post("save", { file, before: found.disk, after });
    if (done.ok) found.disk = after;
    else notice("bad", `${nameOf(file)} is not saved: ${await done.text()}`);
  }
  showFiles();
  if (!dirtyFiles().length) ask({});
}

async function follow() {
  // Files that change on disk are read again, unless they have been changed here as well.
  const known = new Map();
  for await (const changed of linesOf(await fetch("changes"))) {
    let isNew = false;
    for (const [file, text] of Object.entries(changed)) {
      const found = workbench.files.get(file), isFirst = !known.has(file);
      known.set(file, text);
      if (found && found.disk !== text) {
        if (found.now === text || found.now === found.disk) found.now = text;
        else notice("warn", `${nameOf(file)} has changed on disk, too`);
        found.disk = text;
        isNew = true;
      } else if (!isFirst && (!found || workbench.isFile)) isNew = true;
    }
    if (!isNew) continue;
    openFile(workbench.shown);
    ask({});
  }
}

// Asking -------------------------------------------------------------------------------------------------

function post(path, body, signal) {
  return fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal });
}

async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

async function compareWithOthers() {
  // The programs that were named to be compared with: each is exported once.
  for (const [beside, [path, name]] of start.beside.entries()) {
    const response = await post("export", { beside, name, with_fixes: false });
    let program = null;
    for await (const { kind, value } of linesOf(response)) if (kind === "news" && value.program) program = value.program;
    if (program) comparison.add(nameOf(path), textOf(program));
    else notice("warn", `${nameOf(path)} does not export: there is nothing to compare with`);
  }
}

async function ask(changes) {
  Object.assign(workbench.request, changes);
  showTools();
  if (isFixed) return;
  workbench.asking?.abort();
  const asking = (workbench.asking = new AbortController());
  const texts = Object.fromEntries(dirtyFiles().map((file) => [file, workbench.files.get(file).now]));
  const begun = performance.now();
  let printed = "", how = "", last = null;
  byId("progress").hidden = false;
  document.body.classList.add("is-asking");
  try {
    const response = await post("export", { ...workbench.request, texts }, asking.signal);
    if (!response.ok) throw new Error(await response.text());
    for await (const { kind, value } of linesOf(response)) {
      if (asking.signal.aborted) return;
      if (kind === "printed") printed += value;
      else if (kind === "end") how = value;
      else if (kind === "news") {
        last = value;
        if (["refused", "exports"].includes(value.outcome)) take(value, printed, begun);
      }
    }
  } catch (error) {
    if (asking.signal.aborted) return;
    how = `the workbench does not answer: ${error.message}`;
  }
  if (workbench.asking !== asking) return;
  byId("progress").hidden = true;
  document.body.classList.remove("is-asking");
  if (printed !== workbench.printed || how || !last || !["refused", "exports"].includes(last.outcome)) {
    take({ ...(last || {}), outcome: how ? "stopped" : last?.outcome || "stopped", how }, printed, begun);
  }
}

// What has come ----------------------------------------------------------------------------------------------

function take(news, printed, begun) {
  const before = news.outcome === "unnamed" ? null : workbench.answer;
  const answer = { arguments: [], problems: [], patches: [], offers: [], files: {}, is_complete: true, ...news };
  answer.isOld = !answer.program && Boolean(before && before.program);
  answer.program = answer.program || (before && before.program) || null;
  if (!answer.arguments.length && before) answer.arguments = answer.outcome === "exports" ? [] : before.arguments;
  if (answer.error) answer.problems = [];
  workbench.answer = answer;
  workbench.printed = printed;
  for (const [file, text] of Object.entries(answer.files)) {
    if (!workbench.files.has(file)) workbench.files.set(file, { disk: text, now: text });
  }
  if (workbench.isFile && workbench.files.size > 1 && workbench.files.has(start.path)) {
    workbench.files.delete(start.path);
    openFile([...workbench.files.keys()][0]);
  }
  if (news.program) {
    for (const [index, node] of news.program.nodes.entries()) node.index = index;
    workbench.chosen = { node: -1, nodes: [] };
    nodes.show(answer.program.nodes);
    picture.show(answer.program.pictures, workbench.request.opened, workbench.request.whole);
    if (!isFixed) comparison.add(label(), textOf(answer.program));
    byId("detail").hidden = true;
  }
  if (workbench.tab === "problems" && !answer.problems.length) workbench.tab = "graph";
  if (answer.outcome === "refused" && before?.outcome !== "refused" && !answer.program) workbench.tab = "problems";
  showState(begun);
  showNames();
  showFiles();
  showMarks();
  showTabs();
  showPanel();
}

function textOf(program) {
  let inside = "";
  return program.nodes.flatMap((node) => {
    const start = node.inside === inside ? [] : ["", `${node.inside}:`];
    inside = node.inside;
    const name = node.kind === "output" ? "return" : node.name + (node.type && `: ${node.type}`);
    return [...start, node.call ? `${name}${node.kind === "output" ? "" : " ="} ${node.call}` : name];
  }).join("\n");
}

function label() {
  const { request, answer } = workbench;
  const parts = [{ captured: "captured", opened: "opened", core: "Core ATen" }[request.operators]];
  if (request.strict) parts.push("strict");
  if (answer.outcome === "refused") parts.push("with the fix");
  if (dirtyFiles().length) parts.push("not saved");
  return parts.join(", ");
}

const BADGES = { unnamed: ["", "choose"], exports: ["good", "exports"], refused: ["bad", "refused"], fails: ["bad", "fails"], unusable: ["bad", "cannot be loaded"], stopped: ["bad", "stopped"] };

function showState(begun) {
  const { answer } = workbench, badge = byId("badge");
  const [kind, text] = workbench.isFile && answer.outcome === "exports" ? ["good", "program"] : BADGES[answer.outcome] || ["", answer.outcome];
  document.body.dataset.outcome = answer.outcome;
  badge.className = `badge ${kind}`;
  badge.textContent = answer.outcome === "refused" && answer.problems.length ? `${answer.problems.length} ${answer.problems.length === 1 ? "problem" : "problems"}` : text;
  const times = answer.program && !answer.isOld && answer.program.times;
  byId("seconds").textContent = times && answer.outcome === "exports" ? `${ms(times.total)} ms` : "";
  byId("seconds").title = begun ? `${Math.round(performance.now() - begun)} ms from the question to the page` : "";
  const error = answer.error;
  if (answer.outcome === "stopped") notice("bad", answer.how || "the process has ended without an answer", answer.isOld);
  else if (error) notice("bad", `${error.type}: ${error.text}`, answer.isOld, error.lines);
  else if (answer.outcome === "refused" && answer.isOld) notice("warn", "It does not export as it is.", true);
  else if (answer.outcome === "refused" && answer.program) notice("warn", "It does not export as it is: this is the program with the fix, in memory.");
  else byId("notice").hidden = true;
}

function notice(kind, text, isOld = false, lines = []) {
  const box = byId("notice");
  box.hidden = false;
  box.className = `notice ${kind}`;
  box.replaceChildren(
    make("div", { class: "notice-text" }, text),
    lines.length ? make("ul", { class: "traceback" }, lines.slice(-8).map((each) => make("li", {}, lineLink(told.where(each.file, each.line), each.file, each.line, told), " ", make("code", {}, each.text)))) : "",
    isOld ? make("div", { class: "soft" }, "Below is the last program that exported.") : "",
  );
}

function showNames() {
  const { answer } = workbench, names = byId("names");
  if (!answer.offers.length) return;
  names.hidden = answer.offers.length < 2;
  const known = workbench.request.name;
  const offers = known ? answer.offers : ["", ...answer.offers];
  names.replaceChildren(...(answer.offers.length === 1 ? answer.offers : offers).map((each) => make("option", { value: each, selected: each === known }, each || "choose …")));
}

// Lines and nodes --------------------------------------------------------------------------------------------

function showMarks() {
  const { answer, shown } = workbench;
  const lines = new Map();
  const at = (line) => {
    if (!lines.has(line)) lines.set(line, { kinds: new Set(), count: 0, widget: null });
    return lines.get(line);
  };
  const found = workbench.files.get(shown);
  if (found && found.now !== found.disk) for (const line of changedLines(found.disk, found.now)) at(line).kinds.add("changed");
  if (answer && answer.program && !answer.isOld && answer.outcome === "exports") {
    for (const node of answer.program.nodes) if (node.file === shown && node.line) at(node.line).count++;
    for (const each of answer.program.assumptions) if (each.file === shown && each.line) at(each.line).kinds.add("warn");
  }
  for (const problem of answer ? answer.problems : []) {
    if (problem.file !== shown || !problem.line) continue;
    const line = at(problem.line);
    line.kinds.add("bad");
    const widget = inlineProblem(problem);
    if (line.widget) line.widget.append(widget);
    else line.widget = make("div", { class: "inline-frame" }, widget);
  }
  const error = answer && answer.error, mine = error && error.lines.filter((each) => each.file === shown).at(-1);
  if (mine) {
    at(mine.line).kinds.add("bad");
    at(mine.line).widget = make("div", { class: "inline-frame" }, inlineError(error));
  }
  source.mark([...lines].map(([line, value]) => [line, { ...value, kinds: [...value.kinds] }]));
}

function changedLines(before, after) {
  const one = before.split("\n"), two = after.split("\n");
  let first = 0, last = 0;
  while (first < two.length && one[first] === two[first]) first++;
  while (last < two.length - first && last < one.length - first && one[one.length - 1 - last] === two[two.length - 1 - last]) last++;
  const known = new Set(one.slice(first, one.length - last));
  const found = [];
  for (let i = first; i < two.length - last; i++) if (!known.has(two[i])) found.push(i + 1);
  return found;
}

function light(isShown) {
  const all = workbench.answer.program.nodes, { node, nodes: lit } = workbench.chosen;
  nodes.light(lit, node, isShown);
  picture.light(lit.map((i) => all[i].name), node >= 0 ? all[node].name : "", isShown);
}

function choose(index, isLineShown) {
  const node = workbench.answer.program.nodes[index];
  const lit = node.line ? workbench.answer.program.nodes.flatMap((n, i) => (n.file === node.file && n.line === node.line && n.module === node.module ? [i] : [])) : [index];
  workbench.chosen = { node: index, nodes: lit };
  light(true);
  showDetail(node, index);
  // The lines of a program with a fix are those of the text with the fix, which is not shown.
  if (node.line && workbench.files.has(node.file) && workbench.answer.outcome === "exports") {
    if (node.file !== workbench.shown) openFile(node.file);
    source.choose([node.line], isLineShown);
  }
}

function chooseNodes(names) {
  const wanted = new Set(names), all = workbench.answer.program.nodes;
  const lit = all.flatMap((n, i) => (wanted.has(n.name) && !n.inside ? [i] : []));
  workbench.chosen = { node: -1, nodes: lit };
  light(true);
  byId("detail").hidden = true;
  const lines = [...new Set(lit.filter((i) => all[i].file === workbench.shown).map((i) => all[i].line))];
  source.choose(lines, true);
}

function chooseLine(file, line, isLineShown) {
  const program = workbench.answer && workbench.answer.program;
  if (workbench.files.has(file)) {
    if (file !== workbench.shown) openFile(file);
    source.choose([line], isLineShown);
  }
  if (!program) return;
  const lit = program.nodes.flatMap((n, i) => (n.file === file && n.line === line ? [i] : []));
  workbench.chosen = { node: -1, nodes: lit };
  light(true);
}

function showDetail(node, index) {
  const all = workbench.answer.program.nodes;
  const chips = (indexes) => (indexes.length ? indexes.slice(0, 40).map((i) => make("button", { type: "button", class: "chip", onclick: () => choose(i, true) }, all[i].name)) : [make("span", { class: "soft" }, "none")]);
  const asked = workbench.answer.program.assumptions.filter((each) => each.line && each.file === node.file && each.line === node.line);
  const rows = [
    ["call", node.operator && make("code", {}, node.call.replace(/^torch\.ops\./, ""))],
    ["type", node.type && make("code", {}, node.type)],
    ["module", node.module && make("span", {}, make("code", {}, node.module), " ", make("span", { class: "soft" }, node.class))],
    ["line", node.line && make("span", {}, lineLink(told.where(node.file, node.line), node.file, node.line, told), " ", make("code", { class: "soft" }, node.code))],
    ["reads", node.inputs.length > 0 && make("span", { class: "chips" }, chips(node.inputs))],
    ["read by", make("span", { class: "chips" }, chips(node.users))],
    ["questions", asked.length > 0 && reasons(asked, told)],
  ].filter(([, value]) => value);
  const box = byId("detail");
  box.hidden = false;
  box.replaceChildren(
    make("div", { class: "detail-head" }, make("strong", {}, node.name), make("span", { class: "grow" }), make("button", { type: "button", class: "link", "aria-label": "close", onclick: () => { box.hidden = true; picture.resize(); } }, "✕")),
    make("dl", {}, rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
  );
  box.dataset.node = node.name;
  picture.resize();
}

// Tools ----------------------------------------------------------------------------------------------------------

function showTools() {
  for (const button of byId("operators").children) button.setAttribute("aria-pressed", String(button.dataset.operators === workbench.request.operators));
  byId("strict").checked = workbench.request.strict;
}

byId("operators").addEventListener("click", (event) => event.target.dataset.operators && ask({ operators: event.target.dataset.operators }));
byId("strict").addEventListener("change", (event) => ask({ strict: event.target.checked }));
byId("save").addEventListener("click", save);
byId("names").addEventListener("change", (event) => ask({ name: event.target.value, sizes: {}, opened: [] }));
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    save();
  } else if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !event.target.isContentEditable) {
    event.preventDefault();
    openTab("graph");
    nodes.search.focus();
  }
});

const divider = byId("divider");
const setWidth = (share) => byId("panes").style.setProperty("--left", `${Math.min(75, Math.max(20, share))}%`);
divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
divider.addEventListener("pointermove", (event) => divider.hasPointerCapture(event.pointerId) && setWidth((100 * event.clientX) / innerWidth));
divider.addEventListener("keydown", (event) => {
  const now = (100 * divider.getBoundingClientRect().left) / innerWidth;
  if (event.key === "ArrowLeft") setWidth(now - 3);
  if (event.key === "ArrowRight") setWidth(now + 3);
});

source.replace(start.text);
if (workbench.isFile) byId("strict").parentElement.hidden = byId("save").hidden = true;
showTools();
showFiles();
showTabs();
showPanel();
if (isFixed) {
  byId("tools").hidden = true;
  take(start.answer, start.printed || "", 0);
} else {
  follow();
  ask({}).then(compareWithOthers);
  addEventListener("beforeunload", (event) => dirtyFiles().length && event.preventDefault());
}
