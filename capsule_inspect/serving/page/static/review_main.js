// The page of `review`: asks the server for the pictures, and sends it what the person says.

import { byId } from "./dom.js";
import { askToken } from "./token.js";

const TOKEN = "capsule-inspect token";
const LOST = "The server does not answer, so nothing was stored. Start it again with the same command, then repeat.";

async function ask(path, options = {}, wasWrong = false) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Error(LOST);
  }
  if (answer.status === 401) {
    const given = await askToken(wasWrong);
    if (given === null) throw new Error("The server asks for its token. Load the page again to give it.");
    sessionStorage.setItem(TOKEN, given);
    return ask(path, options, true);
  }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `The server answered ${answer.status}.`);
  return answer;
}

const post = async (path, body) => (await ask(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
})).json();

/** Keeps the judgements on the server's disk; knows those of others since the last answer. */
class ServerStore {
  constructor({ count, labels }) {
    this.labels = new Map();
    this.learn({ count, labels });
  }

  learn({ count, labels }) {
    this.count = count;
    for (const [item, label] of Object.entries(labels)) {
      if (label) this.labels.set(Number(item), label);
      else this.labels.delete(Number(item));
    }
  }

  async judge(item, label, reviewer) {
    this.learn(await post("v1/corrections", { item, label, reviewer, after: this.count }));
  }

  async undo(reviewer) {
    const answer = await post("v1/undo", { reviewer, after: this.count });
    this.learn(answer);
    return answer.undone;
  }
}

/** Gets pictures; keeps the last few, so that going back is quick. */
class Pictures {
  constructor() {
    this.kept = new Map();
  }

  get(item, isOverlay) {
    const path = `v1/${isOverlay ? "overlays" : "pictures"}/${item}`;
    const found = this.kept.get(path) ?? this.load(path);
    this.kept.delete(path);
    this.kept.set(path, found);
    for (const [old, address] of this.kept) {
      if (this.kept.size <= 8) break;
      this.kept.delete(old);
      address.then(URL.revokeObjectURL, () => {});
    }
    return found;
  }

  load(path) {
    const address = ask(path).then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob));
    address.catch(() => this.kept.delete(path)); // it may be there again next time
    return address;
  }
}

try {
  const run = await (await ask("v1/review")).json();
  const pictures = new Pictures();
  byId("folder").textContent = run.folder + (run.left_out ? `, without ${run.left_out} unreadable pictures` : "");
  startReview(byId("review"), {
    ...run,
    store: new ServerStore(run),
    pictureOf: (item, isOverlay) => pictures.get(item, isOverlay),
    hasOverlay: (item) => run.items[item].overlay,
  });
} catch (error) {
  byId("notice").textContent = error.message;
  byId("notice").hidden = false;
}
