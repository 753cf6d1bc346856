// The downloads: the results as CSV, the overlays as a zip.

import { toCsv } from "./csv.js";
import { byId, download } from "./dom.js";
import { notice, tell } from "./words.js";
import { Zip } from "./zip.js";

export class Downloads {
  constructor(session, server) {
    this.session = session;
    this.server = server;
    this.zipping = null;
    byId("csv").addEventListener("click", () => this.giveCsv());
    byId("zip").addEventListener("click", () => (this.zipping ? this.zipping.abort() : this.giveZip()));
  }

  /** Shows what there is to download: nothing before all is done, for half a CSV looks whole. */
  show() {
    const { session } = this;
    byId("csv").disabled = !session.isDone;
    byId("zip").disabled = !this.zipping && !(session.isDone && this.drawable().length);
  }

  drawable() {
    return this.session.shown().filter((picture) => picture.isReadable);
  }

  giveCsv() {
    const text = toCsv(this.session.rows(), this.session.classes);
    download("predictions.csv", new Blob([text], { type: "text/csv" }));
  }

  async giveZip() {
    this.zipping = new AbortController();
    const signal = AbortSignal.any([this.zipping.signal, this.session.work.signal]);
    try {
      await this.zip(signal);
    } catch (error) {
      if (!signal.aborted) notice(error.message);
      this.zipping.abort();
    }
    this.zipping = null;
    byId("zip").textContent = "Overlays as zip";
    this.show();
  }

  /** Gets the overlays of the pictures shown from the server, and hands them over. */
  async zip(signal) {
    const pictures = this.drawable();
    const { threshold } = this.session;
    const zip = new Zip();
    const failures = [];
    let done = 0;
    await Promise.all(pictures.map(async (picture) => {
      try {
        const overlay = await this.server.overlay(picture, threshold, "image/png", signal);
        await zip.add(`overlays/${portable(picture.name)}.png`, overlay);
      } catch (error) {
        if (signal.aborted || error.status === undefined) throw error;
        failures.push(error.message); // a refusal costs one overlay, not all
      }
      done += 1;
      byId("zip").textContent = `Stop (${done} of ${pictures.length})`;
    }));
    if (failures.length < done) download("overlays.zip", zip.finish());
    if (failures.length) notice(`${failures.length} of ${done} overlays are missing. ${failures[0]}`);
    else tell(`The zip has ${done} overlays.`);
  }
}

const NOT_PORTABLE = /[<>:"|?*\\\x00-\x1f\x7f]|[. ]+$/g;
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** Returns a path that any system can unpack, as `predict` names its overlays. */
function portable(path) {
  const parts = path.split("/").map((part) => {
    const safe = part.replace(NOT_PORTABLE, (found) => "_".repeat(found.length));
    return DEVICE.test(safe) ? `_${safe}` : safe;
  });
  return parts.join("/");
}
