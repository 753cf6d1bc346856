// Words to the person.

import { byId } from "./dom.js";

/** Tells something to those who listen to the page. */
export function tell(text) {
  byId("told").textContent = text;
}

/** Shows what went wrong; an empty text hides it. */
export function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}
