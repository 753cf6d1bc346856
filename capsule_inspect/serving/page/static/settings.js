// The settings: threshold, filter, order and overlay.

import { spellExpected } from "./about.js";
import { isDefect } from "./decide.js";
import { byId, make, makeSvg } from "./dom.js";
import { spellKind } from "./gallery.js";
import { ALL, WARNED } from "./session.js";
import { tell } from "./words.js";

const TELL_AFTER = 800; // milliseconds without a change

export class Settings {
  /** @param changed Called when the session shows something else. */
  constructor(session, changed) {
    this.session = session;
    this.changed = changed;
    this.chips = new Map();
    this.telling = 0;
    this.listen();
  }

  listen() {
    for (const id of ["threshold", "threshold-number"]) {
      byId(id).addEventListener("input", (event) => this.moveThreshold(event.target));
    }
    byId("threshold-reset").addEventListener("click", () => {
      byId("threshold").focus(); // the button goes
      this.setThreshold(this.session.model.metadata.operating_point.threshold);
    });
    byId("order").addEventListener("change", (event) => {
      this.session.order = event.target.value;
      this.changed();
    });
    for (const input of document.querySelectorAll(".overlay-on, .overlay-opacity")) {
      input.addEventListener("input", () => setOverlay(input));
    }
    const wide = matchMedia("(min-width: 900px)"); // as in the style sheet
    const unfold = () => (byId("settings").open = wide.matches);
    wide.addEventListener("change", unfold);
    unfold();
  }

  moveThreshold(input) {
    if (!this.session.model || !input.value || !input.checkValidity()) return;
    this.setThreshold(input.valueAsNumber);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => tell(this.session.summary()), TELL_AFTER);
  }

  setThreshold(threshold) {
    this.session.threshold = threshold;
    const { operating_point: point } = this.session.model.metadata;
    byId("threshold").value = threshold;
    byId("threshold").setAttribute("aria-valuetext", threshold.toFixed(3));
    const exact = byId("threshold-number"); // while someone types there, "0." must not become "0"
    if (exact !== document.activeElement) exact.value = threshold;
    byId("threshold-reset").hidden = threshold === point.threshold;
    byId("expected").textContent = spellExpected(point, threshold);
    byId("expected").classList.toggle("moved", threshold !== point.threshold);
    this.changed();
  }

  /** Shows the counts of the filter, and a line at each score above the slider. */
  show() {
    const { session } = this;
    const kinds = [ALL, ...session.classes, "no_capsule", "error", WARNED];
    const counts = new Map(kinds.map((kind) => [kind, 0]));
    for (const kind of session.pictures.flatMap((picture) => [...session.kindsOf(picture)])) {
      counts.set(kind, counts.get(kind) + 1);
    }
    for (const [kind, count] of counts) this.showChip(kind, count);
    byId("rug").replaceChildren(...session.rows().filter((row) => row.status === "ok").map(scoreLine));
  }

  showChip(kind, number) {
    if (!this.chips.has(kind)) this.chips.set(kind, this.makeChip(kind));
    const { chip, input, count } = this.chips.get(kind);
    count.textContent = number;
    input.checked = this.session.filter === kind;
    chip.hidden = !number && kind !== ALL && !input.checked;
  }

  makeChip(kind) {
    const input = make("input", { type: "radio", name: "kind", value: kind });
    const count = make("span", { class: "count" });
    const words = kind === WARNED ? "with a warning" : spellKind(kind);
    const chip = make("label", { class: "chip" }, input, `${words} `, count);
    input.addEventListener("change", () => {
      this.session.filter = kind;
      this.changed();
      tell(`${this.session.shown().length} shown: ${words}`);
    });
    byId("chips").append(chip);
    return { chip, input, count };
  }
}

function scoreLine(row) {
  const x = row.defect_score * 1000;
  return makeSvg("line", { x1: x, x2: x, y1: 0, y2: 20, class: isDefect(row) ? "is-defect" : "is-good" });
}

/** Sets the overlay of every picture, and each other control of it. */
function setOverlay(input) {
  const { style, classList } = document.documentElement;
  const property = input.type === "range" ? "value" : "checked";
  if (input.type === "range") style.setProperty("--overlay", input.value);
  else classList.toggle("no-overlay", !input.checked);
  for (const other of document.querySelectorAll(`.${input.className}`)) other[property] = input[property];
}
