// The gallery: a card for each picture, kept as the threshold and the filter move.

import { isDefect, kindOf } from "./decide.js";
import { make } from "./dom.js";
import { drawOverlay } from "./overlay.js";

const WORDS = { no_capsule: "no capsule", error: "error" };

/** Says what a filter or a badge calls a kind of row. */
export const spellKind = (kind) => WORDS[kind] ?? kind;

export class Gallery {
  /** @param open Called with the picture that a person opens. */
  constructor(list, open) {
    this.list = list;
    this.open = open;
    this.cards = new Map();
  }

  add(picture) {
    this.cards.set(picture, new Card(picture, () => this.open(picture)));
    this.list.append(this.cards.get(picture).item);
  }

  /** Shows a picture as it is now, with what was decided. */
  update(picture, threshold) {
    this.cards.get(picture).update(threshold);
  }

  /** Shows these pictures in this order, and no others. */
  arrange(shown) {
    const items = shown.map((picture) => this.cards.get(picture).item);
    if (items.some((item, i) => this.list.children[i] !== item) || items.length < this.list.children.length) {
      this.list.replaceChildren(...items);
    }
  }

  clear() {
    this.cards.clear();
    this.list.replaceChildren();
  }
}

class Card {
  constructor(picture, open) {
    this.picture = picture;
    this.shown = "";
    this.view = make("div", { class: "view" });
    this.found = make("ul", { class: "found" });
    const name = make("span", { class: "name", id: `name-${picture.number}` }, picture.name);
    this.button = make("button", { type: "button", class: "open", "aria-labelledby": name.id }, this.view);
    this.button.addEventListener("click", open);
    this.item = make("li", { class: "card" }, this.button, name, this.found);
    this.update(0);
  }

  update(threshold) {
    const { picture } = this;
    const shown = [picture.thumbnail, picture.look(threshold), ...picture.rows.map((row) => row.error)].join("\n");
    if (shown === this.shown) return;
    this.shown = shown;
    this.draw(threshold);
    const rows = picture.decide(threshold);
    this.found.replaceChildren(...(rows.length ? rows.map(describe) : [make("li", { class: "soft" }, "waiting …")]));
    this.item.classList.toggle("has-defect", rows.some(isDefect));
    this.button.disabled = !picture.isDone;
  }

  draw(threshold) {
    const { picture } = this;
    const drawn = [];
    if (picture.thumbnail) drawn.push(make("img", { src: picture.thumbnail, alt: "", loading: "lazy" }));
    else if (picture.isDone) drawn.push(make("span", { class: "nothing" }, picture.isReadable ? "…" : "no preview"));
    else drawn.push(make("span", { class: "spinner" }));
    if (picture.size) drawn.push(drawOverlay(picture, picture.decide(threshold)));
    this.view.replaceChildren(...drawn);
  }
}

/** Returns a list item that says what a row says. */
function describe(row) {
  const item = make("li", {}, badge(row));
  if (row.status === "ok") {
    item.append(" ", make("span", { class: "score" }, `score ${row.defect_score.toFixed(3)}`));
    if (row.defect_area_px) item.append(" ", make("span", { class: "area" }, spellArea(row)));
  }
  if (row.error) item.append(make("p", { class: "error" }, row.error));
  if (row.warning) item.append(make("p", { class: "warning" }, row.warning));
  return item;
}

/** Returns the label of a row, or why it has none. */
export function badge(row) {
  const tone = row.status === "ok" ? (isDefect(row) ? "defect" : "good") : "other";
  return make("span", { class: `badge ${tone}` }, spellKind(kindOf(row)));
}

/** Says how large a defect is. */
export function spellArea(row) {
  if (row.defect_area_px === null) return "not known";
  return `${row.defect_area_px.toLocaleString("en")} px, ${row.defect_area_pct.toFixed(2)} %`;
}
