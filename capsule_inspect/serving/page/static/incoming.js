// Incoming files: chosen, photographed, dropped or pasted, whole folders too.

import { byCodePoint } from "./csv.js";
import { byId } from "./dom.js";
import { notice } from "./words.js";

const PICTURE = /\.(png|jpe?g|bmp|tiff?|webp|p[gnp]m|avif)$/i;

let photos = 0;

/** Listens for files; each comes with the name that it is shown under. */
export function listenForFiles(take) {
  const inputs = { "pick-files": chosen, "pick-folder": ofFolder, "pick-photo": photographed };
  for (const [id, read] of Object.entries(inputs)) {
    const input = byId(id);
    input.addEventListener("change", () => {
      const files = inOrder(read(Array.from(input.files)));
      input.value = "";
      take(files);
    });
  }
  addEventListener("paste", (event) => take(chosen(Array.from(event.clipboardData.files))));
  listenForDrops(take);
}

const chosen = (files) => files.map((file) => ({ file, name: file.name }));

// Cameras call every photo the same.
const photographed = (files) => files.map((file) => ({ file, name: `photo-${++photos}.jpg` }));

function ofFolder(files) {
  const named = files.map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  const pictures = named.filter(({ name }) => isPicture(name));
  if (!pictures.length) notice("The folder holds no picture.");
  return pictures;
}

function listenForDrops(take) {
  let entered = 0; // a drag enters and leaves every element on its way
  const count = (change) => (event) => {
    if (!carriesFiles(event)) return;
    entered = Math.max(0, entered + change);
    document.body.classList.toggle("dragging", entered > 0);
  };
  addEventListener("dragenter", count(1));
  addEventListener("dragleave", count(-1));
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    count(-entered)(event);
    try {
      const files = await dropped(event.dataTransfer);
      if (!files.length) notice("There is no picture in what you dropped.");
      take(files);
    } catch (error) {
      notice(`The browser cannot read what you dropped: ${error.message}`);
    }
  });
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

async function dropped(transfer) {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");
  const found = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile()); // before the event ends
  return inOrder((await Promise.all(found.map(readOne))).flat());
}

async function readOne(found) {
  if (found instanceof File) return chosen([found]);
  if (found.isDirectory) return readFolder(found);
  return chosen([await fileOf(found)]);
}

async function readFolder(folder) {
  const reader = folder.createReader();
  const files = [];
  for (;;) { // it gives a hundred at a time
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return files;
    for (const entry of entries) {
      if (entry.isDirectory && !entry.name.startsWith(".")) files.push(...(await readFolder(entry)));
      else if (entry.isFile && isPicture(entry.name)) {
        files.push({ file: await fileOf(entry), name: entry.fullPath.slice(1) });
      }
    }
  }
}

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
const isPicture = (path) => PICTURE.test(path) && !path.split("/").some((part) => part.startsWith("."));
const inOrder = (files) => files.sort((one, other) => byCodePoint(one.name, other.name));
