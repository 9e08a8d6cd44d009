// The source: an editor with marks at lines, and problems under theirs.
"use strict";

class Source {
  constructor(parent, { changed, selected, saved, isFixed }) {
    const CM = CodeMirror;
    this.told = { changed, selected };
    this.setMarks = CM.StateEffect.define();
    this.setChosen = CM.StateEffect.define();
    const marks = CM.StateField.define({
      create: () => ({ lines: CM.Decoration.none, counts: CM.RangeSet.empty }),
      update: (value, transaction) => {
        value = { lines: value.lines.map(transaction.changes), counts: value.counts.map(transaction.changes) };
        for (const effect of transaction.effects) {
          if (effect.is(this.setMarks)) value = effect.value(transaction.state);
        }
        return value;
      },
      provide: (field) => CM.EditorView.decorations.from(field, (value) => value.lines),
    });
    const chosen = CM.StateField.define({
      create: () => CM.Decoration.none,
      update: (value, transaction) => {
        value = value.map(transaction.changes);
        for (const effect of transaction.effects) {
          if (effect.is(this.setChosen)) {
            value = CM.Decoration.set(
              effect.value
                .filter((line) => line >= 1 && line <= transaction.state.doc.lines)
                .map((line) => CM.Decoration.line({ class: "chosen-line" }).range(transaction.state.doc.line(line).from)),
              true,
            );
          }
        }
        return value;
      },
      provide: (field) => CM.EditorView.decorations.from(field),
    });
    const style = CM.HighlightStyle.define([
      { tag: [CM.tags.keyword, CM.tags.operatorKeyword, CM.tags.controlKeyword, CM.tags.definitionKeyword, CM.tags.moduleKeyword], color: "var(--code-keyword)" },
      { tag: [CM.tags.string, CM.tags.special(CM.tags.string)], color: "var(--code-string)" },
      { tag: [CM.tags.number, CM.tags.bool, CM.tags.null], color: "var(--code-number)" },
      { tag: CM.tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
      { tag: [CM.tags.function(CM.tags.definition(CM.tags.variableName)), CM.tags.definition(CM.tags.className)], color: "var(--code-name)", fontWeight: "600" },
      { tag: CM.tags.function(CM.tags.variableName), color: "var(--code-name)" },
      { tag: [CM.tags.meta, CM.tags.self], color: "var(--code-number)" },
    ]);
    this.view = new CM.EditorView({
      parent,
      extensions: [
        CM.keymap.of([{ key: "Mod-s", run: () => (saved(), true), preventDefault: true }, CM.indentWithTab]),
        CM.gutter({
          class: "counts",
          markers: (view) => view.state.field(marks).counts,
          initialSpacer: () => new Count(0, ""),
        }),
        CM.basicSetup,
        CM.indentUnit.of("    "),
        CM.python(),
        CM.syntaxHighlighting(style),
        CM.EditorView.contentAttributes.of({ "aria-label": "source" }),
        CM.EditorState.readOnly.of(isFixed),
        marks,
        chosen,
        CM.EditorView.updateListener.of((update) => {
          if (this.isQuiet) return;
          if (update.docChanged) this.told.changed(update.state.doc.toString());
          else if (update.selectionSet && update.view.hasFocus) {
            this.told.selected(update.state.doc.lineAt(update.state.selection.main.head).number);
          }
        }),
      ],
    });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  quietly(work) {
    this.isQuiet = true;
    try {
      work();
    } finally {
      this.isQuiet = false;
    }
  }

  replace(text) {
    const now = this.text;
    if (text === now) return;
    let start = 0;
    while (start < text.length && start < now.length && text[start] === now[start]) start++;
    let end = 0;
    while (end < text.length - start && end < now.length - start && text[text.length - 1 - end] === now[now.length - 1 - end]) end++;
    this.quietly(() =>
      this.view.dispatch({ changes: { from: start, to: now.length - end, insert: text.slice(start, text.length - end) } }),
    );
  }

  // `lines`: {number: {kind: "bad" | "warn" | "changed", count, widget: element or null}}
  mark(lines) {
    const CM = CodeMirror;
    const effect = this.setMarks.of((state) => {
      const decorations = [], counts = [];
      for (const [number, { kinds, count, widget }] of lines) {
        if (number < 1 || number > state.doc.lines) continue;
        const line = state.doc.line(number);
        for (const kind of kinds) decorations.push(CM.Decoration.line({ class: `${kind}-line` }).range(line.from));
        if (widget) {
          decorations.push(CM.Decoration.widget({ widget: new Inline(widget), side: 1, block: true }).range(line.to));
        }
        if (count) counts.push(new Count(count, kinds.join(" ")).range(line.from));
      }
      return { lines: CM.Decoration.set(decorations, true), counts: CM.RangeSet.of(counts, true) };
    });
    this.quietly(() => this.view.dispatch({ effects: effect }));
  }

  choose(lines, isShown) {
    const CM = CodeMirror, effects = [this.setChosen.of(lines)];
    const line = lines[0];
    if (isShown && line >= 1 && line <= this.view.state.doc.lines) {
      const at = this.view.state.doc.line(line).from;
      effects.push(CM.EditorView.scrollIntoView(at, { y: "center" }));
    }
    this.quietly(() => this.view.dispatch({ effects }));
  }
}

class Inline extends CodeMirror.WidgetType {
  constructor(element) {
    super();
    this.element = element;
  }
  eq(other) {
    return other.element === this.element;
  }
  toDOM() {
    return this.element;
  }
  ignoreEvent() {
    return true;
  }
}

class Count extends CodeMirror.GutterMarker {
  constructor(count, kinds) {
    super();
    this.count = count;
    this.kinds = kinds;
  }
  eq(other) {
    return other.count === this.count && other.kinds === this.kinds;
  }
  toDOM() {
    const title = this.count ? `${this.count} ${this.count === 1 ? "node" : "nodes"}` : "";
    return make("span", { class: `count ${this.kinds}`, title }, this.count ? String(this.count) : "");
  }
}
