// Zip files: stored, not compressed, for overlays are PNG; APPNOTE.TXT 6.3.10 defines the format.

const VERSION = 20;
const UTF8_NAMES = 1 << 11;
const MOST_FILES = 0xffff;
const MOST_BYTES = 0xffffffff;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes) {
  let crc = ~0;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

export class Zip {
  constructor() {
    this.parts = [];
    this.directory = [];
    this.names = new Set();
    this.size = 0;
    const now = new Date();
    this.time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
    this.date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  }

  /**
   * Adds a file.
   *
   * @param {string} wanted Its path; made safe, and unlike the others.
   * @param {Blob} content
   */
  async add(wanted, content) {
    const name = new TextEncoder().encode(this.nameApart(safePath(wanted)));
    const crc = crc32(new Uint8Array(await content.arrayBuffer()));
    const facts = [
      [2, VERSION], [2, UTF8_NAMES], [2, 0], [2, this.time], [2, this.date], [4, crc],
      [4, content.size], [4, content.size], [2, name.length], [2, 0],
    ];
    const head = pack([[4, 0x04034b50], ...facts]);
    const place = [[2, 0], [2, 0], [2, 0], [4, 0], [4, this.size]];
    this.directory.push(pack([[4, 0x02014b50], [2, VERSION], ...facts, ...place]), name);
    this.parts.push(head, name, content);
    this.size += head.length + name.length + content.size;
    if (this.size > MOST_BYTES || this.names.size > MOST_FILES) {
      throw new Error("The zip would be too large. Show fewer pictures and try again.");
    }
  }

  /** Returns the whole file. */
  finish() {
    const size = this.directory.reduce((sum, part) => sum + part.length, 0);
    const count = this.names.size;
    const end = [[4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, this.size], [2, 0]];
    return new Blob([...this.parts, ...this.directory, pack(end)], { type: "application/zip" });
  }

  nameApart(name) {
    const [, stem, extension] = /^(.*?)(\.[^./]*)?$/s.exec(name);
    let apart = name;
    for (let n = 2; this.names.has(apart); n++) apart = `${stem} (${n})${extension ?? ""}`;
    this.names.add(apart);
    return apart;
  }
}

/** Makes a path that cannot lead out of the folder it is unpacked into. */
function safePath(path) {
  const parts = path.replaceAll("\\", "_").split("/");
  return parts.filter((part) => part && part !== "." && part !== "..").join("/");
}

function pack(fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}
