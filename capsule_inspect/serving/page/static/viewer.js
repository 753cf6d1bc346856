// The viewer: one picture, large, with its overlay and every number.

import { badge, spellArea } from "./gallery.js";
import { byId, make } from "./dom.js";
import { drawOverlay } from "./overlay.js";

const STEP = 1.4;
const MOST = 16; // times the size that fits

export class Viewer {
  /**
   * @param neighbours Returns the pictures that can be looked through.
   * @param drawByServer Returns the overlay of a picture that the browser cannot show.
   */
  constructor(neighbours, drawByServer) {
    this.neighbours = neighbours;
    this.drawByServer = drawByServer;
    this.dialog = byId("viewer");
    this.stage = byId("stage");
    this.picture = null;
    this.threshold = 0;
    this.zoom = 1;
    this.address = "";
    this.listen();
  }

  listen() {
    byId("viewer-close").addEventListener("click", () => this.dialog.close());
    byId("viewer-previous").addEventListener("click", () => this.go(-1));
    byId("viewer-next").addEventListener("click", () => this.go(1));
    byId("zoom-in").addEventListener("click", () => this.zoomTo(this.zoom * STEP));
    byId("zoom-out").addEventListener("click", () => this.zoomTo(this.zoom / STEP));
    byId("zoom-fit").addEventListener("click", () => this.zoomTo(1));
    this.dialog.addEventListener("close", () => this.leave());
    this.dialog.addEventListener("keydown", (event) => this.turn(event));
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.stage.addEventListener("dblclick", (event) => this.zoomTo(this.zoom > 1 ? 1 : 4, event));
    this.stage.addEventListener("wheel", (event) => this.roll(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    new ResizeObserver(() => this.picture && this.fit()).observe(this.stage);
  }

  show(picture, threshold) {
    this.picture = picture;
    this.threshold = threshold;
    if (!this.dialog.open) this.dialog.showModal();
    this.load();
    this.stage.focus();
  }

  /** Shows what is decided now. */
  update(threshold) {
    if (!this.picture) return;
    const before = this.picture.look(this.threshold);
    this.threshold = threshold;
    if (this.picture.isDrawnByServer && before !== this.picture.look(threshold)) this.load();
    else this.draw();
    this.tell();
  }

  /** Shows the picture itself, from the file or as the server draws it. */
  load() {
    const { picture } = this;
    this.forget();
    this.zoom = 1;
    this.dialog.classList.toggle("by-server", picture.isDrawnByServer);
    this.tell();
    if (picture.size) this.put(picture.file, picture.size);
    else if (!picture.isReadable) this.stage.replaceChildren(make("p", { class: "nothing" }, "There is no picture to show."));
    else this.fetch(picture);
  }

  async fetch(picture) {
    this.stage.replaceChildren(make("p", { class: "nothing" }, "The server draws it …"));
    try {
      const blob = await this.drawByServer(picture);
      const { width, height } = await sizeOf(blob);
      if (picture === this.picture) this.put(blob, { width, height });
    } catch (error) {
      if (picture === this.picture) this.stage.replaceChildren(make("p", { class: "nothing" }, error.message));
    }
  }

  put(blob, size) {
    this.size = size;
    this.address = URL.createObjectURL(blob);
    this.image = make("img", { src: this.address, alt: `The picture ${this.picture.name}`, draggable: "false" });
    this.sheet = make("div", { class: "sheet" }, this.image);
    this.stage.replaceChildren(this.sheet);
    this.fit();
  }

  /** Sizes the picture: at zoom 1 it fits the stage, and small ones are not blown up beyond 4. */
  fit() {
    if (!this.sheet?.isConnected) return;
    const { offsetWidth, offsetHeight } = this.stage; // scroll bars must not change the size
    const fitting = Math.min(offsetWidth / this.size.width, offsetHeight / this.size.height, 4);
    this.scale = fitting * this.zoom;
    this.sheet.style.setProperty("width", `${Math.floor(this.size.width * this.scale)}px`);
    this.sheet.style.setProperty("height", `${Math.floor(this.size.height * this.scale)}px`);
    this.sheet.classList.toggle("pixels", this.scale > 3);
    byId("zoom-now").textContent = `${Math.round(this.scale * 100)} %`;
    this.draw();
  }

  draw() {
    if (!this.picture.size || !this.sheet) return;
    const rows = this.picture.decide(this.threshold);
    this.sheet.replaceChildren(this.image, drawOverlay(this.picture, rows, this.scale));
  }

  /** Zooms; the point under the pointer, or else the middle, stays where it is. */
  zoomTo(zoom, pointer = null) {
    if (!this.sheet?.isConnected) return;
    const { stage } = this;
    const frame = stage.getBoundingClientRect();
    const x = pointer ? pointer.clientX - frame.left : frame.width / 2;
    const y = pointer ? pointer.clientY - frame.top : frame.height / 2;
    const before = this.scale;
    const at = this.sheet.getBoundingClientRect();
    const [left, top] = [(frame.left + x - at.left) / before, (frame.top + y - at.top) / before];
    this.zoom = Math.max(1, Math.min(zoom, MOST));
    this.fit();
    stage.scrollTo(left * this.scale - x, top * this.scale - y);
  }

  roll(event) {
    if (!event.ctrlKey) return; // a plain wheel scrolls
    event.preventDefault();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 200), event);
  }

  drag(event) {
    if (event.pointerType !== "mouse" || event.button) return; // fingers scroll by themselves
    const { stage } = this;
    const start = { x: event.clientX + stage.scrollLeft, y: event.clientY + stage.scrollTop };
    const move = (now) => stage.scrollTo(start.x - now.clientX, start.y - now.clientY);
    const stop = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }

  /** Handles the keys of the picture. */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoomTo(this.zoom * STEP);
    else if (event.key === "-") this.zoomTo(this.zoom / STEP);
    else if (event.key === "0") this.zoomTo(1);
    else if (event.key === "o") this.dialog.querySelector(".overlay-on").click();
  }

  /** Turns to the next picture by an arrow, unless the arrow has something else to move. */
  turn(event) {
    const moves = event.target.matches("input") || (event.target === this.stage && this.zoom > 1);
    if (moves || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") this.go(-1);
    else if (event.key === "ArrowRight") this.go(1);
  }

  go(step) {
    const pictures = this.neighbours();
    const next = pictures[pictures.indexOf(this.picture) + step];
    if (!next) return;
    this.picture = next;
    this.load();
  }

  tell() {
    const { picture } = this;
    const pictures = this.neighbours();
    const place = pictures.indexOf(picture);
    byId("viewer-name").textContent = picture.name;
    byId("viewer-place").textContent = place < 0 ? "" : `${place + 1} of ${pictures.length}`;
    // Not the attribute disabled, which would drop the focus at the end of the row.
    byId("viewer-previous").setAttribute("aria-disabled", String(place <= 0));
    byId("viewer-next").setAttribute("aria-disabled", String(place < 0 || place === pictures.length - 1));
    const note = "This browser cannot show the file, so the server draws it, overlay included.";
    byId("viewer-facts").replaceChildren(
      ...(picture.isDrawnByServer ? [make("p", { class: "soft small" }, note)] : []),
      ...picture.decide(this.threshold).map((row, i, rows) => describe(row, rows.length > 1 ? i : null)),
    );
  }

  leave() {
    this.forget();
    this.picture = null;
  }

  forget() {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = "";
    this.sheet = null;
    this.stage.replaceChildren();
    byId("zoom-now").textContent = "";
  }
}

async function sizeOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const size = { width: bitmap.width, height: bitmap.height };
  bitmap.close();
  return size;
}

/** Returns everything that a row says. */
function describe(row, number) {
  const head = make("h3", {}, number === null ? "" : `Capsule ${number + 1}: `, badge(row));
  const section = make("section", {}, head);
  if (row.error) section.append(make("p", { class: "error" }, row.error));
  if (row.warning) section.append(make("p", { class: "warning" }, row.warning));
  if (row.status !== "ok") return section;
  const facts = [
    ["Confidence", row.confidence.toFixed(4)],
    ["Defect score", row.defect_score.toFixed(4)],
    ["Threshold", row.threshold.toFixed(4)],
    ["Defect area", spellArea(row)],
    ["Centre", `${row.x}, ${row.y} px`],
    ["Size", `${row.width} × ${row.height} px`],
    ["Angle", `${row.angle}°`],
  ];
  section.append(
    make("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    make("h4", {}, "Probabilities"),
    make("dl", { class: "shares" }, ...shares(row)),
  );
  return section;
}

function shares(row) {
  const columns = Object.keys(row).filter((column) => column.startsWith("p_"));
  return columns.flatMap((column) => {
    const bar = make("span", { class: "share", "aria-hidden": "true" });
    bar.style.setProperty("--share", row[column]);
    return [make("dt", {}, column.slice(2)), make("dd", {}, row[column].toFixed(4), bar)];
  });
}
