// Elements, and lists of which only those rows are made that are seen.
"use strict";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

class LongList {
  // `draw(row, index)` gives the content of a row as an element.
  constructor(height, draw, label) {
    this.height = height;
    this.draw = draw;
    this.rows = [];
    this.shown = new Map();
    this.space = make("div", { class: "space" });
    this.element = make("div", { class: "long-list", tabindex: "0", role: "list", "aria-label": label }, this.space);
    this.element.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(this.element);
  }

  fill(rows) {
    this.rows = rows;
    this.space.style.height = `${rows.length * this.height}px`;
    this.again();
  }

  again() {
    this.space.replaceChildren();
    this.shown.clear();
    this.render();
  }

  later() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.render());
  }

  render() {
    this.waiting = 0;
    const top = this.element.scrollTop, seen = this.element.clientHeight || 600;
    const first = Math.max(0, Math.floor(top / this.height) - 8);
    const last = Math.min(this.rows.length, Math.ceil((top + seen) / this.height) + 8);
    for (const [index, element] of this.shown) {
      if (index < first || index >= last) {
        element.remove();
        this.shown.delete(index);
      }
    }
    for (let index = first; index < last; index++) {
      if (this.shown.has(index)) continue;
      const element = this.draw(this.rows[index], index);
      element.style.top = `${index * this.height}px`;
      element.style.height = `${this.height}px`;
      element.setAttribute("role", "listitem");
      this.space.append(element);
      this.shown.set(index, element);
    }
  }

  show(index) {
    const top = index * this.height, seen = this.element.clientHeight;
    if (top < this.element.scrollTop || top + this.height > this.element.scrollTop + seen) {
      this.element.scrollTop = Math.max(0, top - seen / 3);
    }
    this.later();
  }
}
