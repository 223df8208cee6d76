import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Chromium of this machine; null where there is none. */
export const browserPath: string | null =
  [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path): path is string => path !== undefined && existsSync(path),
  ) ?? null;

if (browserPath === null) {
  console.warn(
    "No Chromium was found, so the console is not tested in it: apt-get install chromium, or set CHROMIUM to its path.",
  );
}

/** It must call nobody by itself: a test that watches for foreign requests would see them. */
const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: browserPath ?? "", args: quiet });
}
