// The server: requests with the token, a few at a time, again when it is busy.

const IN_FLIGHT = 2;
const MOST_TRIES = 30;
const TRIES_UNANSWERED = 3;
const TOKEN = "capsule-inspect-token";

/** What the server answers instead of a result, as a sentence. */
export class RefusalError extends Error {
  /** @param {number} status The HTTP status; 0 without an answer. */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export class Server {
  /** @param askToken Asks the person for the token; told whether one was wrong; null refuses. */
  constructor(askToken) {
    this.askToken = askToken;
    this.token = recall();
    this.asking = null;
    this.free = IN_FLIGHT;
    this.waiting = [];
  }

  /** Returns what the server says of its model. */
  async model() {
    return (await this.request("v1/model")).json();
  }

  /**
   * Inspects a picture at threshold 0, where each capsule gets its likeliest defect and its mask:
   * with them, the page decides at any other threshold.
   */
  async inspect(picture, signal) {
    const path = address({ threshold: 0, mask: "rle" }, picture);
    return (await this.send(path, picture, "application/json", signal)).json();
  }

  /** Returns a picture's overlay as the server draws it. */
  async overlay(picture, threshold, type, signal) {
    return (await this.send(address({ threshold }, picture), picture, type, signal)).blob();
  }

  async send(path, picture, accept, signal) {
    await this.enter();
    try {
      signal.throwIfAborted();
      return await this.request(path, { method: "POST", signal, ...body(picture, accept) });
    } finally {
      this.leave();
    }
  }

  enter() {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  leave() {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }

  async request(path, options = {}) {
    for (let tries = 1; ; tries++) {
      const token = this.token;
      const headers = new Headers(options.headers);
      if (token) headers.set("Authorization", `Bearer ${token}`);
      let answer = null;
      try {
        answer = await fetch(path, { ...options, headers, cache: "no-store" });
      } catch {
        options.signal?.throwIfAborted();
      }
      if (answer?.ok) return answer;
      if (answer?.status === 401) {
        if (token === this.token) await this.renewToken();
      } else if (tries >= (answer ? MOST_TRIES : TRIES_UNANSWERED) || !isPassing(answer)) {
        throw new RefusalError(answer?.status ?? 0, await sentence(answer, options));
      } else {
        await pause(Number(answer?.headers.get("Retry-After")) || 1, options.signal);
      }
    }
  }

  /** Asks for a token once, however many requests miss it. */
  async renewToken() {
    this.asking ??= this.askToken(this.token !== null).finally(() => (this.asking = null));
    const token = await this.asking;
    if (token === null) throw new RefusalError(401, "The server asks for a token.");
    this.token = token;
    keep(token);
  }
}

// A browser can forbid the storage; the page then asks again after a reload.

function recall() {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

function keep(token) {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // Kept in memory alone.
  }
}

function address(query, picture) {
  // The server takes names of 1024 characters; the page shows the whole one.
  const name = Array.from(picture.name).slice(-1024).join("");
  return `v1/inspect?${new URLSearchParams({ ...query, name })}`;
}

function body(picture, accept) {
  const { file, name } = picture;
  if (file.size === 0) { // a raw body must not be empty, the file of a form may be
    const form = new FormData();
    form.append("file", file, name);
    return { body: form, headers: { Accept: accept } };
  }
  // The name goes into the query: browsers change quotes and line ends in the names of a form.
  const type = file.type.startsWith("image/") ? file.type : "image/unknown";
  return { body: file, headers: { Accept: accept, "Content-Type": type } };
}

const isPassing = (answer) => answer === null || answer.status === 429 || answer.status === 503;

async function sentence(answer, { body }) {
  if (answer === null) {
    return `The server does not answer${body ? ", or the file has changed" : ""}. Try again.`;
  }
  try {
    return String((await answer.json()).detail);
  } catch {
    return `The server answered ${answer.status} ${answer.statusText}.`;
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
