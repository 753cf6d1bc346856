// The session: the pictures, the model, and what of them is shown.

import { byCodePoint } from "./csv.js";
import { isDefect, kindOf } from "./decide.js";

export const ALL = "all";
export const WARNED = "warned";

const score = (picture) => Math.max(-1, ...picture.rows.map((row) => row.defect_score ?? -1));

const ORDERS = {
  added: (one, other) => one.number - other.number,
  score: (one, other) => score(other) - score(one),
  name: (one, other) => byCodePoint(one.name, other.name),
};

export class Session {
  constructor() {
    this.model = null; // what the server says of it
    this.threshold = 0.5;
    this.filter = ALL;
    this.order = "added";
    this.clear();
  }

  /** Forgets the pictures; what is asked of the server for them stops. */
  clear() {
    this.work?.abort();
    this.work = new AbortController();
    for (const picture of this.pictures ?? []) picture.forget();
    this.pictures = [];
    this.filter = ALL;
  }

  get classes() {
    return this.model?.metadata.classes ?? [];
  }

  get isDone() {
    return this.pictures.every((picture) => picture.isDone);
  }

  /** Returns the rows of all pictures as decided now, in the order of `predict`. */
  rows() {
    return this.pictures.toSorted(ORDERS.name).flatMap((picture) => picture.decide(this.threshold));
  }

  /** Returns the pictures that the filter shows, in order. */
  shown() {
    const fitting = this.pictures.filter((picture) => this.kindsOf(picture).has(this.filter));
    return fitting.sort(ORDERS[this.order]);
  }

  /** Returns what filters show a picture. */
  kindsOf(picture) {
    const rows = picture.decide(this.threshold);
    return new Set([ALL, ...rows.map(kindOf), ...(rows.some((row) => row.warning) ? [WARNED] : [])]);
  }

  /** Returns a sentence about all pictures. */
  summary() {
    const rows = this.rows();
    const count = (test) => rows.filter(test).length;
    const seesCapsules = this.model?.metadata.roi.mode === "capsule";
    const facts = [
      ...(seesCapsules ? [counted(count((row) => row.status === "ok"), "capsule")] : []),
      `${count(isDefect)} defective`,
      `${count((row) => row.status === "no_capsule")} without a capsule`,
      `${count((row) => row.status === "error")} not inspected`,
    ];
    const told = facts.filter((fact, i) => i < facts.length - 2 || !fact.startsWith("0 "));
    return `${counted(this.pictures.length, "picture")}: ${told.join(", ")}`;
  }
}

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
