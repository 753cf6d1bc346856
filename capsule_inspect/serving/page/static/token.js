// The token: the dialog that asks for it.

import { byId } from "./dom.js";

/**
 * Asks for the token that the server wants.
 *
 * @param {boolean} wasWrong Whether one was tried.
 * @returns {Promise<string | null>} The token; null if the person gives none.
 */
export function askToken(wasWrong) {
  const [dialog, input] = [byId("token"), byId("token-input")];
  if (wasWrong) byId("token-note").textContent = "The server does not take that token. Check it and try again.";
  input.value = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    const listening = new AbortController();
    const { signal } = listening;
    let token = null;
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      token = input.value;
      dialog.close();
    }, { signal });
    byId("token-cancel").addEventListener("click", () => dialog.close(), { signal });
    dialog.addEventListener("close", () => {
      listening.abort();
      resolve(token);
    }, { signal });
  });
}
