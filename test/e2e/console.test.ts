import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserPath, launchBrowser } from "./browser.ts";
import { watch } from "./page-faults.ts";
import { Picket } from "./picket-process.ts";

const REGIONS = ["weur", "enam", "apac"];
const LIFE_MS = 10_000;

describe.skipIf(browserPath === null)("the console in Chromium", () => {
  let picket: Picket;
  let browser: Browser;
  beforeAll(async () => {
    [picket, browser] = await Promise.all([Picket.start({ args: [], regions: 3 }), launchBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await picket.stop();
    picket.remove();
  });

  it("shows live requests of three regions and refusals, through the printed link, in either theme", async () => {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 1000 } })).newPage();
    const faults = watch(page, picket.home);
    const response = await page.goto(picket.consoleLink);
    const policy = response?.headers()["content-security-policy"] ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(part);
    }
    const live = page.getByRole("table", { name: /latest requests/i });
    for (const region of REGIONS)
      await live
        .getByRole("row", { name: new RegExp(region) })
        .first()
        .waitFor({ timeout: LIFE_MS });
    await live
      .getByRole("row", { name: /refuse/ })
      .first()
      .waitFor({ timeout: LIFE_MS });
    const regions = page.getByRole("table", { name: /^regions/i });
    for (const region of REGIONS) await regions.getByText(region, { exact: true }).waitFor({ timeout: LIFE_MS });
    await page.getByRole("heading", { name: /by reason/i }).waitFor();
    await page
      .getByText(/signature_invalid|token_expired|token_malformed|rate_limited/)
      .first()
      .waitFor({ timeout: LIFE_MS });
    const screenshots = mkdtempSync(join(tmpdir(), "picket-console-"));
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const image = await page.screenshot({ path: join(screenshots, `${colorScheme}.png`) });
      expect(image.length).toBeGreaterThan(20_000);
      // A canvas does not follow custom properties by itself: the stakes must be in the theme that the system changed to.
      await page.waitForFunction(paintsAllowed, undefined, { timeout: LIFE_MS });
    }
    console.log(`screenshots: ${screenshots}`);
    expect(page.url()).not.toContain("sign-in=");
    expect(faults).toEqual({ said: [], foreign: [] });
  });

  it("signs nobody in with a link that was used", async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(picket.consoleLink);
    await page.getByRole("heading", { name: "This sign-in link no longer works" }).waitFor({ timeout: LIFE_MS });
    const overview = await page.request.get(`${picket.home}/_picket/api/v1/overview?range=5m`);
    expect(overview.status()).toBe(401);
  });
});

/** Runs in the page: is a pixel of the picket line in the colour that "allowed" has now? */
function paintsAllowed(): boolean {
  const canvas = document.querySelector("canvas");
  if (!canvas?.width) return false;
  // Reading the page's own canvas back would slow it down, and Chromium would say so.
  const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  if (!context) return false;
  context.drawImage(canvas, 0, 0);
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = "var(--allow)";
  const [red, green, blue] = (getComputedStyle(probe).color.match(/\d+/g) ?? []).map(Number);
  probe.remove();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] === red && data[i + 1] === green && data[i + 2] === blue && data[i + 3] === 255) return true;
  }
  return false;
}
