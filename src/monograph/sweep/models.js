"use strict";
(() => {
  const field = (name) => document.getElementById("models-" + name);
  const value = (name) => (field(name) ? field(name).value : "");
  const tables = [...document.querySelectorAll(".models [data-torch]")];

  function show() {
    const words = value("text").toLowerCase().split(/[^a-z0-9]+/).filter(Boolean);
    const torch = value("torch") || tables[0].dataset.torch;
    let count = 0;
    for (const table of tables) {
      table.hidden = table.dataset.torch !== torch;
      for (const row of table.querySelectorAll("tbody tr")) {
        const { text, library, kinds } = row.dataset;
        const fits =
          words.every((word) => text.toLowerCase().includes(word)) &&
          (!value("library") || library === value("library")) &&
          (!value("kind") || kinds.split(" ").includes(value("kind")));
        row.hidden = !fits;
        if (fits && !table.hidden) count++;
      }
    }
    field("count").textContent = count + (count === 1 ? " model" : " models");
    field("none").hidden = count > 0;
  }

  for (const name of ["text", "library", "kind", "torch"]) {
    if (field(name)) field(name).addEventListener("input", show);
  }
  if (tables.length) show();
})();
