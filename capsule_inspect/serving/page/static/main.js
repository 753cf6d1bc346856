// The page: has pictures inspected, and shows what was found at any threshold.

import { aboutModel } from "./about.js";
import { byId } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Gallery } from "./gallery.js";
import { listenForFiles } from "./incoming.js";
import { decode, Picture } from "./pictures.js";
import { Server } from "./server.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { askToken } from "./token.js";
import { Viewer } from "./viewer.js";
import { notice, tell } from "./words.js";

const DRAW_AGAIN_AFTER = 500; // milliseconds without a change

const session = new Session();
const server = new Server(askToken);
const settings = new Settings(session, refresh);
const downloads = new Downloads(session, server);
const gallery = new Gallery(byId("gallery"), (picture) => viewer.show(picture, session.threshold));
const viewer = new Viewer(() => session.shown(), drawnByServer);

let learning = null;

/** Asks the server about its model, once; the page decides and writes by it. */
function learnModel() {
  learning ??= askModel().finally(() => {
    if (!session.model) learning = null;
  });
  return learning;
}

async function askModel() {
  session.model = await server.model();
  byId("model").replaceChildren(...aboutModel(session.model));
  byId("model-short").textContent = `Model ${session.model.sha256.slice(0, 12)}`;
  settings.setThreshold(session.model.metadata.operating_point.threshold);
}

function take(files) {
  if (!files.length) return;
  notice("");
  const pictures = files.map((each) => new Picture(each));
  session.pictures.push(...pictures);
  for (const picture of pictures) gallery.add(picture);
  inspect(pictures);
}

/** Has pictures inspected, a few at a time, and shows each as it is done. */
async function inspect(pictures) {
  const { signal } = session.work;
  refresh();
  await Promise.all(pictures.map((picture) => inspectOne(picture, signal)));
  if (!signal.aborted && session.isDone) tell(session.summary());
}

async function inspectOne(picture, signal) {
  try {
    await learnModel();
    await picture.take(await server.inspect(picture, signal));
  } catch (error) {
    picture.fail(error);
  }
  if (signal.aborted) {
    picture.forget();
    return;
  }
  refresh();
  if (picture.isDrawnByServer) await drawThumbnail(picture);
}

/** Returns a picture with its overlay, as the server draws it. */
function drawnByServer(picture) {
  return server.overlay(picture, session.threshold, "image/jpeg", session.work.signal);
}

/** Gets the small version of a picture that the browser cannot show. */
async function drawThumbnail(picture) {
  try {
    picture.drawnAt = session.threshold;
    const shown = await decode(await drawnByServer(picture));
    if (shown && session.pictures.includes(picture)) picture.keepThumbnail(shown.thumbnail);
    refresh();
  } catch {
    // Its card stays without a picture; opening it says why.
  }
}

let drawing = 0;

/** Has the server draw those again that look different now. */
function drawAgain() {
  clearTimeout(drawing);
  drawing = setTimeout(() => {
    for (const picture of session.pictures) {
      const { drawnAt } = picture;
      const isOld = drawnAt !== null && picture.look(drawnAt) !== picture.look(session.threshold);
      if (isOld) drawThumbnail(picture);
    }
  }, DRAW_AGAIN_AFTER);
}

let isStale = false;

/** Shows everything as it is now, at most once a frame. */
function refresh() {
  if (isStale) return;
  isStale = true;
  requestAnimationFrame(() => {
    isStale = false;
    byId("main").classList.toggle("empty", !session.pictures.length);
    byId("summary").textContent = session.summary();
    showProgress();
    showGallery();
    settings.show();
    downloads.show();
    viewer.update(session.threshold);
    drawAgain();
  });
}

function showGallery() {
  const pictures = session.shown();
  for (const picture of pictures) gallery.update(picture, session.threshold);
  gallery.arrange(pictures);
  byId("none-shown").hidden = pictures.length > 0;
}

function showProgress() {
  const total = session.pictures.length;
  const done = session.pictures.filter((picture) => picture.isDone).length;
  const refused = session.pictures.filter((picture) => picture.canRetry).length;
  byId("work").hidden = done === total && !refused;
  byId("progress").hidden = done === total;
  byId("progress").max = total || 1;
  byId("progress").value = done;
  byId("retry").hidden = !refused;
  byId("progress-text").textContent =
    done < total ? `Inspected ${done} of ${total}` : `The server did not inspect ${refused} of ${total}`;
}

byId("clear").addEventListener("click", () => {
  session.clear();
  gallery.clear();
  refresh();
  tell("All pictures are removed.");
  byId("pick-files").focus();
});
byId("retry").addEventListener("click", () => {
  const refused = session.pictures.filter((picture) => picture.canRetry);
  for (const picture of refused) picture.wait();
  inspect(refused);
});
listenForFiles(take);
learnModel().catch((error) => notice(error.message));
