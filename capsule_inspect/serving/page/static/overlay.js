// Overlays: boxes, defects and captions over a picture, drawn as SVG in its pixels.

import { makeSvg } from "./dom.js";
import { isDefect } from "./decide.js";

const BOX_MARGIN = 6; // in a picture whose longer side has 1000 pixels, as the server draws it
const CAPTION_HEIGHT = 13; // letters, in pixels of the screen
const measure = document.createElement("canvas").getContext("2d");
let clips = 0;

/**
 * Returns a mask as a path of rectangles, in pixels of the picture.
 *
 * @param {{size: [number, number], counts: number[]}} runs Run lengths down the columns.
 */
export function maskPath(runs) {
  const boxes = [];
  let [column, open, next] = [-1, new Map(), new Map()];
  for (const [x, top, bottom] of stretches(runs)) {
    if (x !== column) { // what the column before it has can be continued
      open = x === column + 1 ? next : new Map();
      next = new Map();
      column = x;
    }
    const key = `${top}-${bottom}`;
    const box = open.get(key) ?? boxes[boxes.push({ x, top, width: 0, height: bottom - top }) - 1];
    box.width += 1;
    next.set(key, box);
  }
  return boxes.map((b) => `M${b.x} ${b.top}h${b.width}v${b.height}h${-b.width}z`).join("");
}

/** Yields the stretches within the mask: column, top and bottom. */
function* stretches({ size: [height], counts }) {
  let at = 0;
  for (const [i, count] of counts.entries()) {
    const end = at + count;
    while (i % 2 && at < end) {
      const x = Math.floor(at / height);
      const bottom = Math.min(end, (x + 1) * height);
      yield [x, at - x * height, bottom - x * height];
      at = bottom;
    }
    at = end;
  }
}

/**
 * Draws the overlay of a picture.
 *
 * @param picture Its size and the masks of its rows.
 * @param rows What was decided.
 * @param {number} scale Pixels of the screen per pixel; 0 draws no captions.
 */
export function drawOverlay(picture, rows, scale = 0) {
  const { width, height } = picture.size;
  const capsules = rows.map((row, i) => ({ row, mask: picture.masks[i] }))
    .filter(({ row }) => row.status === "ok");
  const margin = (BOX_MARGIN * Math.max(width, height)) / 1000;
  const drawn = [
    ...capsules.map(({ row }) => drawBox(row, margin)),
    ...capsules.filter(({ row, mask }) => isDefect(row) && mask).flatMap(({ mask }) => drawMask(mask, width, height)),
    ...(scale ? captions(capsules.map(({ row }) => row), margin, scale, picture.size) : []),
  ];
  const view = { viewBox: `0 0 ${width} ${height}`, class: "overlay", "aria-hidden": "true" };
  return makeSvg("svg", view, ...drawn);
}

const tone = (row) => (isDefect(row) ? "is-defect" : "is-good");

function drawBox(row, margin) {
  const [length, across] = [row.width + 2 * margin, row.height + 2 * margin];
  return makeSvg("rect", {
    class: `box ${tone(row)}`, x: row.x - length / 2, y: row.y - across / 2, width: length,
    height: across, transform: `rotate(${row.angle} ${row.x} ${row.y})`,
  });
}

/** Draws a tint over the defect's pixels and a contour that begins where they end. */
function drawMask(path, width, height) {
  const id = `outside-${++clips}`;
  const outside = makeSvg("path", { d: `M0 0h${width}v${height}h${-width}z${path}`, "clip-rule": "evenodd" });
  const strokes = ["rim", "line"].map((name) => makeSvg("path", { class: name, d: path }));
  return [
    makeSvg("clipPath", { id }, outside),
    makeSvg("path", { class: "tint", d: path }),
    makeSvg("g", { "clip-path": `url(#${id})` }, ...strokes),
  ];
}

function captions(rows, margin, scale, size) {
  if (!rows.length) return [caption("no capsule found", "is-note", [[0, 0]], scale, size)];
  return rows.map((row) => {
    const corners = boxCorners(row, margin).sort((one, other) => one[1] - other[1]);
    const text = `${row.label} ${row.confidence.toFixed(2)}`;
    return caption(text, tone(row), corners, scale, size);
  });
}

function boxCorners({ x, y, width, height, angle }, margin) {
  const turn = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const [a, b] = [width / 2 + margin, height / 2 + margin];
  const signs = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
  return signs.map(([i, j]) => [x + i * a * cos - j * b * sin, y + i * a * sin + j * b * cos]);
}

/**
 * Draws a caption above the highest corner of a capsule's box, or where there is no room below the
 * lowest; it stays over the box.
 */
function caption(text, name, corners, scale, size) {
  measure.font = `600 ${CAPTION_HEIGHT}px system-ui, sans-serif`;
  const letters = CAPTION_HEIGHT / scale;
  const [pad, gap] = [letters / 2, 4 / scale];
  const [width, height] = [measure.measureText(text).width / scale + 2 * pad, letters + 1.2 * pad];
  const [highest, lowest] = [corners[0], corners.at(-1)];
  const above = highest[1] - gap - height;
  const [middle, wanted] = above < 0 ? [lowest[0], lowest[1] + gap] : [highest[0], above];
  const sides = corners.map(([x]) => x);
  const beside = clamp(middle - width / 2, Math.min(...sides), Math.max(...sides) - width);
  const x = clamp(beside, 0, size.width - width);
  const y = clamp(wanted, 0, size.height - height);
  const foot = { x: x + pad, y: y + height / 2, "font-size": letters, "dominant-baseline": "central" };
  return makeSvg("g", { class: `caption ${name}` },
    makeSvg("rect", { x, y, width, height, rx: pad / 2 }), makeSvg("text", foot, text));
}

const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
