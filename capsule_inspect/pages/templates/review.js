"use strict";
/**
 * Shows pictures one by one and has a person judge them, by keys or with the mouse.
 *
 * @param {HTMLElement} root Holds the controls.
 * @param {object} run What there is to judge: `items`, `classes` (the defects) and `reviewer`;
 *   `store` with `labels` (a Map by item), `judge` and `undo`; `pictureOf(item, isOverlay)`, which
 *   promises an address; `hasOverlay(item)`; `takesKeys()`, by default always.
 */
function startReview(root, run) { // eslint-disable-line no-unused-vars
  const { items, classes, store, takesKeys = () => true } = run;
  const UNSURE = "unsure";
  let at = items.findIndex((_, item) => !store.labels.has(item));
  let isOverlay = true;
  let isShown = false;
  let isStoring = false;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const keys = new Map();
  const button = (key, name, act, group, spelled = key) => {
    const made = make("button", { type: "button", ...(key ? { "aria-keyshortcuts": spelled } : {}) });
    if (key) made.append(make("kbd", { "aria-hidden": "true" }, key));
    made.append(name);
    made.addEventListener("click", act);
    if (key) keys.set(spelled.toLowerCase(), act);
    group.append(made);
    return made;
  };

  const shown = make("div", { class: "shown", tabindex: "0", role: "group", "aria-label": "Picture" });
  const frame = make("div", { class: "frame" });
  const outline = make("div", { class: "outline" });
  const problem = make("p", { role: "alert" });
  const place = make("p");
  const name = make("p", { class: "path" });
  const model = make("p");
  const doubts = make("p", { class: "soft" });
  const told = make("p", { class: "told", role: "status", "aria-live": "polite" });
  const judgement = make("div", { class: "buttons", role: "group", "aria-label": "Judgement" });
  const moves = make("div", { class: "buttons", role: "group", "aria-label": "Pictures" });
  const who = make("input", { type: "text", maxlength: "100", autocomplete: "name" });
  const useKeys = make("input", { type: "checkbox" });
  who.value = run.reviewer;
  useKeys.checked = true;
  const choices = new Map();
  const choice = (key, label) => choices.set(label, button(key, label, () => judge(label), judgement));
  choice("g", "good");
  classes.forEach((label, number) => choice(number < 9 ? String(number + 1) : "", label));
  choice("u", UNSURE);
  button("p", "Previous", () => move(-1), moves);
  button("n", "Next", () => move(1), moves);
  const undoing = button("z", "Undo", undo, moves);
  const overlay = button("o", "Overlay", () => { isOverlay = !isOverlay; show(); }, moves);
  const size = button("x", "Full size", () => { shown.classList.toggle("large"); press(); centre(); }, moves);
  keys.set("arrowright", () => move(1));
  keys.set("arrowleft", () => move(-1));
  shown.append(frame, problem);
  root.replaceChildren(shown, make("div", { class: "beside" },
    place, name, model, doubts, judgement, moves, told,
    make("label", {}, "Reviewer ", who), make("label", {}, useKeys, " Use keys")));

  const say = (text) => { told.textContent = text; };
  const progress = () => `${store.labels.size} of ${items.length} judged`;

  function press() {
    const label = store.labels.get(at);
    for (const [each, made] of choices) {
      made.setAttribute("aria-pressed", String(each === label));
      made.disabled = !isShown;
    }
    overlay.setAttribute("aria-pressed", String(isOverlay && run.hasOverlay(at)));
    overlay.disabled = !run.hasOverlay(at);
    size.setAttribute("aria-pressed", String(shown.classList.contains("large")));
    undoing.disabled = isStoring;
    place.textContent = `Picture ${at + 1} of ${items.length}, ${progress()}`;
  }

  async function show() {
    const [item, wanted] = [at, isOverlay && run.hasOverlay(at)];
    const { path, capsule, capsules, label, defect_score: score, threshold, warning, reasons } = items[item];
    name.textContent = capsules > 1 ? `${path}, capsule ${capsule + 1} of ${capsules}` : path;
    model.textContent = label
      ? `The model says ${label}: score ${Number(score).toFixed(3)}, threshold ${Number(threshold).toFixed(3)}.`
      : "The model finds no capsule.";
    doubts.textContent = [...reasons, warning].filter(Boolean).join(" ");
    isShown = false;
    press();
    const isCurrent = () => item === at && wanted === (isOverlay && run.hasOverlay(at));
    try {
      const picture = make("img", { alt: path });
      // The picture itself is asked for, too: it must be the one that was inspected.
      const [address] = await Promise.all([run.pictureOf(item, wanted), run.pictureOf(item, false)]);
      picture.src = address;
      await picture.decode();
      if (!isCurrent()) return;
      frame.replaceChildren(picture);
      outlineCapsule(picture, items[item].box);
      problem.textContent = "";
      isShown = true;
    } catch (error) {
      if (!isCurrent()) return;
      frame.replaceChildren();
      problem.textContent = error.message;
    }
    press();
    const next = nextOpen(item);
    if (isShown && next >= 0) {
      for (const each of [false, isOverlay && run.hasOverlay(next)]) run.pictureOf(next, each).catch(() => {});
    }
  }

  function outlineCapsule(picture, box) {
    if (!box) return;
    const [x, y, width, height, angle] = box;
    const share = (part, whole) => `${(100 * part) / whole}%`;
    outline.style.left = share(x - width / 2, picture.naturalWidth);
    outline.style.top = share(y - height / 2, picture.naturalHeight);
    outline.style.width = share(width, picture.naturalWidth);
    outline.style.height = share(height, picture.naturalHeight);
    outline.style.transform = `rotate(${angle}deg)`;
    frame.append(outline);
    centre();
  }

  /** Scrolls to the capsule in question, where the picture is larger than its place. */
  function centre() {
    const { offsetLeft, offsetTop, offsetWidth, offsetHeight, isConnected } = outline;
    if (!isConnected) return;
    shown.scrollTo(offsetLeft + (offsetWidth - shown.clientWidth) / 2, offsetTop + (offsetHeight - shown.clientHeight) / 2);
  }

  /** Returns the next item without a judgement, from the start again at the end; -1 if all have one. */
  function nextOpen(from) {
    for (let step = 1; step <= items.length; step += 1) {
      const item = (from + step) % items.length;
      if (!store.labels.has(item)) return item;
    }
    return -1;
  }

  function go(item) {
    at = item;
    show();
  }

  function move(step) {
    go((at + step + items.length) % items.length);
  }

  async function storing(work) {
    if (isStoring) return;
    isStoring = true;
    try {
      await work();
    } catch (error) {
      say(error.message);
    }
    isStoring = false;
    press();
  }

  function judge(label) {
    const item = at;
    if (!isShown) {
      say("The picture is not shown yet.");
      return;
    }
    storing(async () => {
      await store.judge(item, label, who.value);
      const next = nextOpen(item);
      say(`Stored: ${items[item].path} is ${label}. ${next < 0 ? "All are judged." : `${progress()}.`}`);
      if (next >= 0 && item === at) go(next);
    });
  }

  function undo() {
    storing(async () => {
      const item = await store.undo(who.value);
      if (item === null) {
        say("There is nothing to take back.");
        return;
      }
      say(`Taken back: ${items[item].path}. ${progress()}.`);
      go(item);
    });
  }

  document.addEventListener("keydown", (event) => {
    const isText = event.target.matches?.("input:not([type=checkbox]), select, textarea");
    const held = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
    const act = keys.get(event.key.toLowerCase());
    if (!act || isText || held || !useKeys.checked || !takesKeys() || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });

  if (!items.length) {
    root.replaceChildren(make("p", {}, "There is nothing to judge."));
    return;
  }
  if (at < 0) {
    at = 0;
    say("All are judged.");
  }
  show();
}
