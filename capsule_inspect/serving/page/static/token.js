// The token: the dialog that asks for it.

import { make } from "./dom.js";

const FIRST = "Whoever runs the server has it. It stays in this tab and is gone when you close it.";
const AGAIN = "The server does not take that token. Check it and try again.";

/**
 * Asks for the token that the server wants.
 *
 * @param {boolean} wasWrong Whether one was tried.
 * @returns {Promise<string | null>} The token; null if the person gives none.
 */
export function askToken(wasWrong) {
  const input = make("input", {
    id: "token-input", type: "password", autocomplete: "off", spellcheck: "false",
    required: "", pattern: "[!-~]+", title: "ASCII characters without spaces",
  });
  const cancel = make("button", { type: "button", id: "token-cancel" }, "Cancel");
  const form = make("form", {},
    make("h2", { id: "token-title" }, "This server asks for a token"),
    make("p", { id: "token-note" }, wasWrong ? AGAIN : FIRST),
    make("label", {}, "Token ", input),
    make("div", { class: "row" }, make("button", { class: "primary" }, "Use it"), cancel),
  );
  const dialog = make("dialog", { id: "token", class: "token", "aria-labelledby": "token-title" }, form);
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    let token = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      token = input.value;
      dialog.close();
    });
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(token);
    });
  });
}
