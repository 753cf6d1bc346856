// The CSV: the bytes that `predict` writes as predictions.csv.

const DECISION = ["path", "capsule", "status", "label", "confidence", "defect_score", "threshold"];
const GEOMETRY = ["defect_area_px", "defect_area_pct", "x", "y", "width", "height", "angle"];
const NOTES = ["overlay", "mask", "warning", "error", "decision"];
const TEXTS = new Set(["path", "status", "label", ...NOTES]);
const WHOLE = new Set(["capsule", "defect_area_px"]);

/** Returns the rows as text, the line of columns first. */
export function toCsv(rows, classes) {
  const columns = [...DECISION, ...classes.map((name) => `p_${name}`), ...GEOMETRY, ...NOTES];
  const lines = rows.map((row) => columns.map((column) => cell(column, row[column])));
  return [columns, ...lines].map((cells) => `${cells.map(quote).join(",")}\n`).join("");
}

function cell(column, value) {
  if (value === null || value === undefined) return "";
  // A spreadsheet would take such a text for a formula.
  if (TEXTS.has(column)) return /^[=+\-@'\t\r]/.test(value) ? `'${value}` : value;
  return WHOLE.has(column) ? String(value) : spellFloat(value);
}

const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Spells a number as Python's repr of a float does: 1 as 1.0, 1e-7 as 1e-07. */
export function spellFloat(value) {
  const [, sign, first, rest = "", power] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(
    value.toExponential(), // as many digits as tell it from its neighbours, like Python
  );
  const exponent = Number(power);
  const digits = first + rest;
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${first}${rest && `.${rest}`}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** Orders texts by code point, as Python does; JavaScript orders by UTF-16 unit. */
export function byCodePoint(one, other) {
  const [a, b] = [Array.from(one), Array.from(other)];
  const at = a.findIndex((character, i) => character !== b[i]);
  if (at < 0) return a.length - b.length;
  return at < b.length ? a[at].codePointAt(0) - b[at].codePointAt(0) : 1;
}
