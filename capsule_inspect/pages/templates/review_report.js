"use strict";
// The report of `predict`: judgements stay in the browser, and are downloaded as corrections.csv.
document.addEventListener("DOMContentLoaded", () => {
  const byId = (id) => document.getElementById(id);
  const { items, classes, columns, batch } = JSON.parse(byId("review-data").textContent);
  const [section, begin, save, note] = ["review", "review-begin", "review-save", "review-note"].map(byId);
  const BATCH = `capsule-inspect corrections ${batch}`;
  const REVIEWER = "capsule-inspect reviewer";

  const read = (key, otherwise) => {
    try {
      return localStorage.getItem(key) ?? otherwise;
    } catch { // a browser may keep nothing for files
      return otherwise;
    }
  };

  /** Keeps the lines of corrections.csv in the browser; see inference/corrections.py. */
  class PageStore {
    constructor() {
      this.isKept = true;
      this.lines = [];
      this.load();
    }

    load() {
      try {
        const lines = JSON.parse(read(BATCH, "[]"));
        if (this.isKept && Array.isArray(lines) && lines.length >= this.lines.length) this.lines = lines;
      } catch { /* somebody else wrote there */ }
      this.stacks = new Map();
      this.lines.forEach(({ item, label }, number) => {
        if (!this.stacks.has(item)) this.stacks.set(item, []);
        if (label) this.stacks.get(item).push(number);
        else this.stacks.get(item).pop();
      });
      const standing = Array.from(this.stacks).filter(([, stack]) => stack.length);
      this.labels = new Map(standing.map(([item, stack]) => [item, this.lines[stack.at(-1)].label]));
      save.disabled = !this.lines.length;
    }

    add(item, label, reviewer) {
      if (!reviewer.trim()) throw new Error("Enter your name first.");
      this.load(); // another tab may have judged
      const time = `${new Date().toISOString().slice(0, 19)}+00:00`;
      this.lines.push({ time, reviewer: reviewer.trim(), item, label });
      try {
        localStorage.setItem(BATCH, JSON.stringify(this.lines));
        localStorage.setItem(REVIEWER, reviewer.trim());
      } catch {
        this.isKept = false;
        note.textContent = "This browser keeps nothing for this page: download corrections.csv before you close it.";
      }
      this.load();
    }

    async judge(item, label, reviewer) {
      this.add(item, label, reviewer);
    }

    async undo(reviewer) {
      const own = Array.from(this.stacks.values(), (stack) => stack.at(-1))
        .filter((number) => number !== undefined && this.lines[number].reviewer === reviewer.trim());
      if (!own.length) return null;
      const { item } = this.lines[Math.max(...own)];
      this.add(item, "", reviewer);
      return item;
    }

    /** Returns the content of corrections.csv. */
    toCsv() {
      const rows = this.lines.map((line) => {
        const item = items[line.item];
        return [line.time, line.reviewer, item.path, item.capsule ?? "", item.capsules,
          item.picture_sha256, item.label, item.score, line.label];
      });
      const number = new Set(["capsule", "capsules", "defect_score"].map((name) => columns.indexOf(name)));
      // A spreadsheet would take such a text for a formula.
      const guard = (text, column) => (!number.has(column) && /^[=+\-@'\t\r]/.test(text) ? `'${text}` : String(text));
      const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      return [columns, ...rows].map((cells) => `${cells.map(guard).map(quote).join(",")}\n`).join("");
    }
  }

  const store = new PageStore();
  begin.addEventListener("click", () => {
    section.hidden = false;
    begin.hidden = true;
    startReview(section, {
      items, classes, store,
      reviewer: read(REVIEWER, ""),
      pictureOf: async (item) => document.querySelector(`[data-row="${items[item].row}"] img`).src,
      hasOverlay: () => false,
    });
    section.scrollIntoView();
  });
  save.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([store.toCsv()], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "corrections.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  });
  addEventListener("beforeunload", (event) => {
    if (!store.isKept) event.preventDefault();
  });
});
