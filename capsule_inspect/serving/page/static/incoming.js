// Incoming files: chosen, dropped or pasted, whole folders too.

import { byCodePoint } from "./csv.js";

const PICTURE = /\.(png|jpe?g|bmp|tiff?|webp)$/i;

/** Returns the files of an input, each with its name; those of a folder that are pictures. */
export function chosen(input) {
  const files = Array.from(input.files, (file) => ({ file, name: file.webkitRelativePath || file.name }));
  return inOrder(input.webkitdirectory ? files.filter(({ name }) => isPicture(name)) : files);
}

/** Returns the files of a drop; call it while the event lasts. */
export async function dropped(transfer) {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");
  const found = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  return inOrder((await Promise.all(found.map(readOne))).flat());
}

async function readOne(found) {
  if (found instanceof File) return [{ file: found, name: found.name }];
  if (found.isDirectory) return readFolder(found);
  return [{ file: await fileOf(found), name: found.name }];
}

async function readFolder(folder) {
  const reader = folder.createReader();
  const files = [];
  for (;;) {
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
