import type { Page } from "playwright-core";

/** Everything that a page should never do. */
export interface Faults {
  said: string[];
  foreign: string[];
}

/** Notes what a page says in its console, and whom it calls beside its own origin. */
export function watch(page: Page, origin: string): Faults {
  const faults: Faults = { said: [], foreign: [] };
  page.on("console", (message) => {
    // A violated Content-Security-Policy is told here too.
    if (message.type() === "error" || message.type() === "warning") faults.said.push(message.text());
  });
  page.on("pageerror", (error) => faults.said.push(error.message));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== "data:") faults.foreign.push(request.url());
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(origin).host) faults.foreign.push(socket.url());
  });
  return faults;
}
