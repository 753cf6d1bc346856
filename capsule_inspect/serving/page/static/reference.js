// The examples of the reference: they name this server.

const base = new URL(".", location.href).href.replace(/\/$/, "");
for (const element of document.querySelectorAll(".base")) element.textContent = base;
