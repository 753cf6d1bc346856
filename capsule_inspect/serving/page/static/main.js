// The page: takes pictures, has them inspected, and shows what was found at any threshold.

import { aboutModel, spellExpected } from "./about.js";
import { byCodePoint, toCsv } from "./csv.js";
import { isDefect, kindOf } from "./decide.js";
import { byId, download, make, makeSvg } from "./dom.js";
import { Gallery, spellKind } from "./gallery.js";
import { chosen, dropped } from "./incoming.js";
import { decode, Picture } from "./pictures.js";
import { Server } from "./server.js";
import { askToken } from "./token.js";
import { Viewer } from "./viewer.js";
import { Zip } from "./zip.js";

const ALL = "all";
const WARNED = "warned";

const server = new Server(askToken);
const gallery = new Gallery(byId("gallery"), (picture) => viewer.show(picture, state.threshold));
const viewer = new Viewer(shown, (picture) => overlayOf(picture, "image/jpeg"));
const state = {
  model: null,
  learning: null,
  threshold: 0.5,
  filter: ALL,
  order: "added",
  pictures: [],
  work: new AbortController(), // stops when the pictures are removed
  photos: 0,
  zipping: null,
};

// Pictures in, results out.

/** Adds files as pictures and has them inspected. */
async function add(files) {
  const pictures = files.map((each) => new Picture(each));
  if (!pictures.length) return;
  notice("");
  state.pictures.push(...pictures);
  for (const picture of pictures) gallery.add(picture);
  refresh();
  await inspect(pictures);
}

/** Has pictures inspected, a few at a time, and shows each as it is done. */
async function inspect(pictures) {
  const { signal } = state.work;
  const knowing = learnModel();
  await Promise.all(pictures.map(async (picture) => {
    try {
      await knowing;
      await picture.take(await server.inspect(picture, signal));
    } catch (error) {
      if (signal.aborted) return;
      picture.fail(error);
    }
    if (signal.aborted) return picture.forget();
    refresh();
    if (picture.isDrawnByServer) await drawByServer(picture);
  }));
  if (!signal.aborted && state.pictures.every((picture) => picture.isDone)) tell(summary());
}

/** Gets the small version of a picture that the browser cannot show. */
async function drawByServer(picture) {
  try {
    picture.drawnAt = state.threshold;
    const shown = await decode(await overlayOf(picture, "image/jpeg"));
    if (shown && state.pictures.includes(picture)) picture.keepThumbnail(shown.thumbnail);
    refresh();
  } catch {
    // Its card stays without a picture; opening it says why.
  }
}

const overlayOf = (picture, type) => server.overlay(picture, state.threshold, type, state.work.signal);

/** Asks the server about its model, once; the page decides and writes by it. */
function learnModel() {
  state.learning ??= askModel().finally(() => {
    if (!state.model) state.learning = null;
  });
  return state.learning;
}

async function askModel() {
  const about = await server.model();
  state.model = about;
  byId("model").replaceChildren(...aboutModel(about));
  byId("model-short").textContent = `Model ${about.sha256.slice(0, 12)}`;
  setThreshold(about.metadata.operating_point.threshold);
}

function clear() {
  state.work.abort();
  state.work = new AbortController();
  for (const picture of state.pictures) picture.forget();
  state.pictures = [];
  state.filter = ALL;
  gallery.clear();
  refresh();
  tell("All pictures are removed.");
  byId("pick-files").focus();
}

// What is shown.

const kindsOf = (picture) => {
  const rows = picture.decide(state.threshold);
  return [ALL, ...rows.map(kindOf), ...(rows.some((row) => row.warning) ? [WARNED] : [])];
};

const score = (picture) => Math.max(-1, ...picture.rows.map((row) => row.defect_score ?? -1));

const ORDERS = {
  added: (one, other) => one.number - other.number,
  score: (one, other) => score(other) - score(one),
  name: (one, other) => byCodePoint(one.name, other.name),
};

/** Returns the pictures that the filter shows, in order. */
function shown() {
  const fitting = state.pictures.filter((picture) => kindsOf(picture).includes(state.filter));
  return fitting.sort(ORDERS[state.order]);
}

let isStale = false;

/** Shows everything as it is now, at most once a frame. */
function refresh() {
  if (isStale) return;
  isStale = true;
  requestAnimationFrame(() => {
    isStale = false;
    const hasPictures = state.pictures.length > 0;
    byId("main").classList.toggle("empty", !hasPictures);
    showProgress();
    showFilter();
    const pictures = shown();
    for (const picture of pictures) gallery.update(picture, state.threshold);
    gallery.arrange(pictures);
    byId("none-shown").hidden = pictures.length > 0;
    byId("summary").textContent = summary();
    const isDone = state.pictures.every((picture) => picture.isDone); // half a CSV looks whole
    byId("csv").disabled = !isDone;
    byId("zip").disabled = !state.zipping && !(isDone && pictures.some((picture) => picture.isReadable));
    showRug();
    viewer.update(state.threshold);
    redrawByServer();
  });
}

/** Has the server draw those again that look different now. */
let redraw = 0;
function redrawByServer() {
  clearTimeout(redraw);
  redraw = setTimeout(() => {
    for (const picture of state.pictures) {
      const { drawnAt } = picture;
      if (drawnAt !== undefined && picture.look(drawnAt) !== picture.look(state.threshold)) drawByServer(picture);
    }
  }, 500);
}

function showProgress() {
  const done = state.pictures.filter((picture) => picture.isDone).length;
  const failed = state.pictures.filter((picture) => picture.canRetry).length;
  const left = state.pictures.length - done;
  byId("work").hidden = !left && !failed;
  byId("progress").hidden = !left;
  byId("progress").max = state.pictures.length || 1;
  byId("progress").value = done;
  byId("retry").hidden = !failed;
  byId("progress-text").textContent = left
    ? `Inspected ${done} of ${state.pictures.length}`
    : `The server did not inspect ${failed} of ${state.pictures.length}`;
}

function showFilter() {
  const counts = new Map([[ALL, 0]]);
  const known = state.model?.metadata.classes ?? [];
  for (const kind of [...known, "no_capsule", "error", WARNED]) counts.set(kind, 0);
  for (const picture of state.pictures) {
    for (const kind of new Set(kindsOf(picture))) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const chips = byId("filter").querySelector(".chips");
  for (const [kind, count] of counts) chipOf(chips, kind).update(count);
}

const chipsByKind = new Map();

function chipOf(chips, kind) {
  if (!chipsByKind.has(kind)) {
    const input = make("input", { type: "radio", name: "kind", value: kind });
    const count = make("span", { class: "count" });
    const words = kind === WARNED ? "with a warning" : spellKind(kind);
    const chip = make("label", { class: "chip" }, input, `${words} `, count);
    input.addEventListener("change", () => {
      state.filter = kind;
      refresh();
      tell(`${shown().length} shown: ${words}`);
    });
    chips.append(chip);
    chipsByKind.set(kind, {
      update: (number) => {
        count.textContent = number;
        input.checked = state.filter === kind;
        chip.hidden = !number && kind !== ALL && !input.checked;
      },
    });
  }
  return chipsByKind.get(kind);
}

function summary() {
  const rows = state.pictures.flatMap((picture) => picture.decide(state.threshold));
  const count = (test) => rows.filter(test).length;
  const parts = [
    [rows.filter((row) => row.status === "ok").length, "capsule", "capsules"],
    [count(isDefect), "defective", "defective"],
    [count((row) => row.status === "no_capsule"), "without a capsule", "without a capsule"],
    [count((row) => row.status === "error"), "not inspected", "not inspected"],
  ];
  const total = state.pictures.length;
  const told = parts.filter(([number], i) => number || i < 2).map(([number, one, many]) => `${number} ${number === 1 ? one : many}`);
  return `${total} ${total === 1 ? "picture" : "pictures"}: ${told.join(", ")}`;
}

/** Draws a line at each score above the slider. */
function showRug() {
  const rows = state.pictures.flatMap((picture) => picture.decide(state.threshold));
  const lines = rows.filter((row) => row.status === "ok").map((row) => {
    const x = row.defect_score * 1000;
    return makeSvg("line", { x1: x, x2: x, y1: 0, y2: 20, class: isDefect(row) ? "is-defect" : "is-good" });
  });
  byId("rug").replaceChildren(...lines);
}

// The threshold and the overlay.

function setThreshold(threshold) {
  state.threshold = threshold;
  const { operating_point: point } = state.model.metadata;
  byId("threshold").value = threshold;
  byId("threshold").setAttribute("aria-valuetext", threshold.toFixed(3));
  const exact = byId("threshold-number"); // while someone types there, "0." must not become "0"
  if (exact !== document.activeElement) exact.value = threshold;
  byId("threshold-reset").hidden = threshold === point.threshold;
  byId("expected").textContent = spellExpected(point, threshold);
  byId("expected").classList.toggle("moved", threshold !== point.threshold);
  refresh();
}

let telling = 0;

function moveThreshold(input) {
  if (!state.model || !input.value || !input.checkValidity()) return;
  setThreshold(input.valueAsNumber);
  clearTimeout(telling);
  telling = setTimeout(() => tell(summary()), 800);
}

function setOverlay(input) {
  const { style, classList } = document.documentElement;
  if (input.type === "range") style.setProperty("--overlay", input.value);
  else classList.toggle("no-overlay", !input.checked);
  for (const other of document.querySelectorAll(`.${input.className}`)) {
    if (input.type === "range") other.value = input.value;
    else other.checked = input.checked;
  }
}

// Downloads.

function downloadCsv() {
  const rows = state.pictures.toSorted(ORDERS.name).flatMap((picture) => picture.decide(state.threshold));
  const text = toCsv(rows, state.model?.metadata.classes ?? []);
  download("predictions.csv", new Blob([text], { type: "text/csv" }));
}

/** Gets the overlays of the pictures shown from the server, and hands them over as a zip. */
async function downloadZip() {
  if (state.zipping) return state.zipping.abort();
  const pictures = shown().filter((picture) => picture.isReadable);
  const [stop, zip, failed] = [new AbortController(), new Zip(), []];
  const { threshold } = state;
  const signal = AbortSignal.any([stop.signal, state.work.signal]);
  state.zipping = stop;
  let done = 0;
  try {
    await Promise.all(pictures.map(async (picture) => {
      try {
        const overlay = await server.overlay(picture, threshold, "image/png", signal);
        await zip.add(`overlays/${picture.name}.png`, overlay);
      } catch (error) {
        if (signal.aborted || error.status === undefined) throw error;
        failed.push(error.message);
      }
      done += 1;
      byId("zip").textContent = `Stop (${done} of ${pictures.length})`;
    }));
    if (done > failed.length) download("overlays.zip", zip.finish());
    if (failed.length) notice(`${failed.length} overlays are missing. ${failed[0]}`);
    else tell(`The zip has ${done} overlays.`);
  } catch (error) {
    if (!signal.aborted) notice(error.message);
    stop.abort();
  }
  state.zipping = null;
  byId("zip").textContent = "Overlays as zip";
  refresh();
}

// Words to the person.

/** Tells something to those who listen to the page. */
function tell(text) {
  byId("told").textContent = text;
}

/** Shows what went wrong; an empty text hides it. */
function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

const report = (error) => notice(error.message);

// Listen.

for (const id of ["pick-files", "pick-folder", "pick-photo"]) {
  const input = byId(id);
  input.addEventListener("change", () => {
    const files = chosen(input);
    if (!files.length && input.files.length) notice("The folder holds no picture.");
    // Cameras call every photo the same.
    const named = id === "pick-photo" ? files.map(({ file }) => ({ file, name: `photo-${++state.photos}.jpg` })) : files;
    input.value = "";
    add(named);
  });
}

let entered = 0; // a drag enters and leaves every element on its way
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (carriesFiles(event) && ++entered) document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (carriesFiles(event) && --entered <= 0) document.body.classList.remove("dragging");
});
addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  entered = 0;
  document.body.classList.remove("dragging");
  if (!carriesFiles(event)) return;
  event.preventDefault();
  dropped(event.dataTransfer).then((files) => {
    if (!files.length) notice("There is no picture in what you dropped.");
    return add(files);
  }).catch(report);
});
addEventListener("paste", (event) => {
  const files = Array.from(event.clipboardData.files, (file) => ({ file, name: file.name }));
  add(files);
});

for (const id of ["threshold", "threshold-number"]) {
  byId(id).addEventListener("input", (event) => moveThreshold(event.target));
}
byId("threshold-reset").addEventListener("click", () => {
  byId("threshold").focus(); // the button goes
  setThreshold(state.model.metadata.operating_point.threshold);
});
for (const input of document.querySelectorAll(".overlay-on, .overlay-opacity")) {
  input.addEventListener("input", () => setOverlay(input));
}
byId("order").addEventListener("change", (event) => {
  state.order = event.target.value;
  refresh();
});
byId("csv").addEventListener("click", downloadCsv);
byId("zip").addEventListener("click", downloadZip);
byId("clear").addEventListener("click", clear);
byId("retry").addEventListener("click", () => {
  const failed = state.pictures.filter((picture) => picture.canRetry);
  for (const picture of failed) picture.wait();
  refresh();
  inspect(failed);
});

const wide = matchMedia("(min-width: 900px)"); // as in the style sheet
const unfold = () => (byId("settings").open = wide.matches);
wide.addEventListener("change", unfold);
unfold();

learnModel().catch(report);
