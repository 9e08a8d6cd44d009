"use strict";

// Search: the index gives for each word the cases that have it, and what the word is worth there.
// Words are cut as monograph.exportdb.searching does.

const STOP = new Set(("a an and are as at be by class def for forward import in is it nn not of on or return self " +
  "that the this to torch with x").split(" "));
const SAME = {
  dependent: "data", value: "data", values: "data", guardondatadependentsymnode: "data", ifs: "if", branch: "if",
  conditional: "if", loops: "loop", while: "loop", for: "loop", shapes: "size", shape: "size", dynamic: "vary",
  varies: "vary", sizes: "size", mutation: "write", mutate: "write", inplace: "write", gradient: "autograd",
  kv: "cache", moe: "expert", mixture: "expert", experts: "expert",
};

function wordsOf(text) {
  const found = new Set();
  for (const [word] of text.matchAll(/[A-Za-z]+|\d{3,}/g)) {
    if (word.length >= 40) continue;
    for (const [part] of word.matchAll(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g)) {
      let lower = part.toLowerCase();
      if (STOP.has(lower) || lower.length < 2) continue;
      lower = SAME[lower] || lower;
      found.add(lower.length > 3 && lower.endsWith("s") ? lower.slice(0, -1) : lower);
    }
  }
  return found;
}

function pairs(word) {
  const found = new Set();
  for (let i = 0; i + 1 < word.length; i++) found.add(word.slice(i, i + 2));
  return found;
}

function closest(word, words) {
  if (words[word]) return [word, 1];
  let best = [word, 0];
  const mine = pairs(word);
  for (const other in words) {
    if (other.startsWith(word) && word.length > 2 && best[1] < 0.7) best = [other, 0.7];
    if (Math.abs(other.length - word.length) > 2) continue;
    const theirs = pairs(other);
    let shared = 0;
    for (const pair of mine) if (theirs.has(pair)) shared++;
    const likeness = (2 * shared) / (mine.size + theirs.size || 1);
    if (likeness > 0.5 && likeness * 0.6 > best[1]) best = [other, likeness * 0.6];
  }
  return best;
}

function search(text) {
  const { cases, words, codes } = window.EXPORTDB;
  const scores = new Map();
  const add = (i, score) => scores.set(i, (scores.get(i) || 0) + score);
  for (const [code] of text.toUpperCase().matchAll(/MG-[A-Z]\d+/g)) for (const i of codes[code] || []) add(i, 50);
  for (const word of wordsOf(text.replace(/MG-[A-Z]\d+/gi, " "))) {
    const [meant, worth] = closest(word, words);
    const places = words[meant] || {};
    for (const i in places) add(Number(i), worth * places[i]);
  }
  return [...scores].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 12).map(([i]) => cases[i]);
}

function itemOf(hit, root) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const name = document.createElement("code");
  link.href = root + hit.page;
  name.textContent = hit.name;
  link.append(name, " " + hit.title);
  item.append(link);
  return item;
}

function setUpSearch() {
  const query = document.getElementById("query");
  if (!query) return;
  const list = document.getElementById("hits");
  const root = document.body.dataset.root || document.documentElement.dataset.content_root || "";
  const show = () => {
    const text = query.value.trim();
    const found = text ? search(text).map((hit) => itemOf(hit, root)) : [];
    if (text && !found.length) {
      const nothing = document.createElement("li");
      nothing.textContent = "nothing found";
      found.push(nothing);
    }
    list.replaceChildren(...found);
    list.hidden = !found.length;
  };
  query.addEventListener("input", show);
  query.addEventListener("keydown", (event) => {
    const first = list.querySelector("a");
    if (event.key === "ArrowDown" && first) { first.focus(); event.preventDefault(); }
    if (event.key === "Enter") { if (first) first.click(); event.preventDefault(); }
    if (event.key === "Escape") { query.value = ""; show(); }
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    const next = document.activeElement.parentElement[step];
    (next ? next.querySelector("a") : query).focus();
    event.preventDefault();
  });
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) { query.value = asked; show(); }
}

// The filters are kept in the address, so that a view of the table can be sent to somebody.
function setUpFilters() {
  const of = (name) => document.getElementById("filter-" + name);
  const names = ["text", "torch", "tag", "exporter", "kind"];
  if (!of("text")) return;
  const tables = [...document.querySelectorAll("[data-version]")];
  const newest = of("torch").value;
  const apply = () => {
    const text = of("text").value.toLowerCase().replace(/[-_]/g, " "), tag = of("tag").value;
    const exporter = of("exporter").value, kind = of("kind").value;
    let count = 0;
    for (const table of tables) {
      table.hidden = table.dataset.version !== of("torch").value;
      if (table.hidden) continue;
      for (const row of table.querySelectorAll("tbody tr")) {
        const kinds = exporter ? [row.getAttribute("data-" + exporter)]
          : [...row.querySelectorAll(".kind")].map((k) => k.className.replace(/.*kind-/, ""));
        row.hidden = !(row.dataset.text.includes(text) && (!tag || row.dataset.tags.split(" ").includes(tag))
          && (!kind || kinds.includes(kind)));
        count += !row.hidden;
      }
      table.hidden = !count;
    }
    of("count").textContent = count + (count === 1 ? " case" : " cases");
    of("none").hidden = count > 0;
  };
  const keep = () => {
    const kept = names.filter((name) => of(name).value && !(name === "torch" && of(name).value === newest));
    const address = new URLSearchParams(kept.map((name) => [name, of(name).value])).toString();
    history.replaceState(null, "", "#" + address);
  };
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const name of names) of(name).value = asked.get(name) || (name === "torch" ? newest : "");
    apply();
  };
  for (const name of names) of(name).addEventListener("input", () => { apply(); keep(); });
  window.addEventListener("hashchange", read);
  read();
}

function setUpCopying() {
  for (const box of document.querySelectorAll(".copyable")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      const copy = box.querySelector("pre").cloneNode(true);
      for (const number of copy.querySelectorAll(".lineno")) number.remove();
      await navigator.clipboard.writeText(copy.textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    box.append(button);
  }
}

// The index of the search is a script, too, and may stand behind this one.
document.addEventListener("DOMContentLoaded", () => {
  setUpSearch();
  setUpFilters();
  setUpCopying();
});
