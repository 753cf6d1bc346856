// Pictures: each file with what the server found on it, and its small version for the gallery.

import { decide, errorRow, isDefect, kindOf } from "./decide.js";
import { maskPath } from "./overlay.js";

const THUMBNAIL = 480;
const FINAL = 422; // the picture cannot be read: asking again changes nothing

let numbers = 0;

export class Picture {
  constructor({ file, name }) {
    this.number = ++numbers;
    this.file = file;
    this.name = name;
    this.rows = []; // at threshold 0; empty until the server answers
    this.masks = []; // a path per row; empty where the model makes none
    this.size = null; // of the decoded picture; null where the server draws
    this.thumbnail = ""; // the address of a small version
    this.canRetry = false;
    this.drawnAt = null; // the threshold at which the server drew it
  }

  get isDone() {
    return this.rows.length > 0;
  }

  get isReadable() {
    return this.isDone && this.rows[0].status !== "error";
  }

  /** Whether the browser cannot show the picture, so that the server draws it. */
  get isDrawnByServer() {
    return this.isReadable && this.size === null;
  }

  decide(threshold) {
    return this.rows.map((row) => decide(row, threshold));
  }

  /** Returns a text that changes with what an overlay shows. */
  look(threshold) {
    return this.decide(threshold).map((row) => `${kindOf(row)} ${isDefect(row)}`).join();
  }

  /** Takes the server's answer at threshold 0. */
  async take(answer) {
    this.canRetry = false;
    const runs = answer.masks.filter(Boolean);
    const shown = await decode(this.file, runs[0]?.size);
    this.masks = answer.masks.map((each) => (each ? maskPath(each) : ""));
    this.rows = answer.rows.map((row) => ({ ...row, path: this.name }));
    if (shown) {
      this.size = shown.size;
      this.keepThumbnail(shown.thumbnail);
    }
  }

  /** Takes a refusal as the row of the picture. */
  fail(error) {
    this.rows = [errorRow(this.name, error.message)];
    this.canRetry = error.status !== FINAL;
  }

  /** Makes it wait for the server again. */
  wait() {
    this.rows = [];
    this.canRetry = false;
  }

  keepThumbnail(blob) {
    this.forget();
    this.thumbnail = URL.createObjectURL(blob);
  }

  /** Frees the small version. */
  forget() {
    if (this.thumbnail) URL.revokeObjectURL(this.thumbnail);
    this.thumbnail = "";
  }
}

// One at a time: a decoded picture can take hundreds of megabytes.
let decoding = Promise.resolve();

/**
 * Decodes a picture for its size and small version.
 *
 * @param {Blob} file
 * @param {[number, number] | undefined} expected Height and width that the server saw.
 * @returns The size and a small JPEG; null if the browser cannot, or sees another size.
 */
export function decode(file, expected) {
  const mine = decoding.then(() => decodeNow(file, expected)).catch(() => null);
  decoding = mine;
  return mine;
}

async function decodeNow(file, expected) {
  const bitmap = await createImageBitmap(file);
  try {
    const size = { width: bitmap.width, height: bitmap.height };
    if (expected && (size.height !== expected[0] || size.width !== expected[1])) return null;
    const scale = Math.min(1, THUMBNAIL / Math.max(size.width, size.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(size.width * scale));
    canvas.height = Math.max(1, Math.round(size.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const thumbnail = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    return thumbnail && { size, thumbnail };
  } finally {
    bitmap.close();
  }
}
