import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserPath, launchBrowser } from "./browser.ts";
import { watch } from "./page-faults.ts";
import { Picket } from "./picket-process.ts";

const DAY = 86_400_000;
const hostile = `../"<b>&'=1/é`;

/** Callers as the regions would have written them. */
function writeCallers(data: string): void {
  for (const file of globSync(join(data, "state", "d1", "**", "*.sqlite"))) {
    const database = new DatabaseSync(file, { timeout: 5000 });
    try {
      if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'principals'").get() === undefined) continue;
      const nowMs = Date.now();
      const caller = database.prepare(
        "INSERT INTO principals VALUES (?, ?, 'partner', 'k', ?, '', '', NULL, NULL, NULL, 0, ?, ?, ?, 1, 0)",
      );
      const add = (principal: string, scopes: string, agoMs: number) =>
        caller.run("partner-keys", principal, scopes, nowMs - 41 * DAY, nowMs - agoMs, Math.floor(nowMs / DAY));
      add("e2e-partner", "devices:read orders:write", 1000);
      add(hostile, "devices:read", 2000);
      for (let i = 0; i < 60; i++) add(`e2e-other-${i}`, "", 100_000 + i);
      database
        .prepare("INSERT INTO principal_operations VALUES ('partner-keys', 'e2e-partner', 'fleet', 'GET', ?, 12300, 7, ?, ?)")
        .run("/fleet/devices/{deviceId}", nowMs - 41 * DAY, nowMs - 1000);
    } finally {
      database.close();
    }
  }
}

/** Every control and image has a name, every heading follows its level, and no id stands twice (WCAG 2.2 §4.1.2, §1.3.1). */
function unnamed(): string[] {
  const shown = (element: Element) => element.getClientRects().length > 0;
  const nameOf = (element: Element) =>
    element.getAttribute("aria-label") ?? (element as HTMLInputElement).labels?.[0]?.textContent ?? element.textContent ?? "";
  const controls = [...document.querySelectorAll("a, button, input, select, [role]")].filter(shown);
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  return [
    ...controls.filter((one) => nameOf(one).trim() === "" && !one.hasAttribute("aria-labelledby")).map((one) => one.outerHTML),
    ...ids.filter((id, index) => ids.indexOf(id) !== index),
    ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"]),
    ...(document.documentElement.scrollWidth > innerWidth ? ["wider than the window"] : []),
  ];
}

describe.skipIf(browserPath === null)("principals in Chromium", () => {
  let picket: Picket;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    [picket, browser] = await Promise.all([Picket.start({ args: ["--no-demo"], regions: 3 }), launchBrowser()]);
    writeCallers(picket.data);
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  });
  afterAll(async () => {
    await browser.close();
    await picket.stop();
    picket.remove();
  });

  it("are found, opened and left by keys alone, and each view has an address", async () => {
    const faults = watch(page, picket.home);
    await page.goto(picket.consoleLink);
    await page.getByRole("link", { name: "Principals", exact: true }).click();
    const table = page.getByRole("table", { name: /principals/i });
    await table.getByRole("row", { name: /e2e-partner/ }).waitFor();
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain("62 callers");
    expect(await page.evaluate(unnamed)).toEqual([]);
    await page.getByRole("button", { name: "Show more" }).click();
    await table.getByRole("row", { name: /e2e-other-59/ }).waitFor();

    await page.keyboard.press("/");
    await page.keyboard.type("E2E-part");
    await page.getByRole("heading", { name: "1 caller matches." }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "e2e-partner" }).waitFor();
    expect(new URL(page.url()).search).toBe("?authenticator=partner-keys&principal=e2e-partner");
    await page.getByText("Remove orders:write from e2e-partner: unused in 40 days, 12,300 requests seen.").waitFor();
    await page.getByRole("row", { name: /orders:write unused credential/ }).waitFor();
    await page.getByText("--subject=e2e-partner").waitFor();
    expect(await page.evaluate(unnamed)).toEqual([]);

    await page.goBack();
    await page.getByRole("heading", { name: "1 caller matches." }).waitFor();
    expect(await page.getByRole("searchbox").inputValue()).toBe("E2E-part");
    await page.goForward();
    await page.getByRole("heading", { name: "e2e-partner" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { name: "1 caller matches." }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { name: "62 callers." }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: hostile }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: hostile }).waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(unnamed)).toEqual([]);
    expect(faults).toEqual({ said: [], foreign: [] });
  });

  it("say what to do where there is nothing to show", async () => {
    await page.goto(`${picket.home}/_picket/principals?q=nobody`);
    await page.getByRole("button", { name: "Show everybody" }).click();
    await page.getByRole("table", { name: /principals/i }).waitFor();
    await page.goto(`${picket.home}/_picket/principals?authenticator=gone&principal=nobody`);
    await page.getByText("No caller of this name was seen by gone.").waitFor();
    await page.route("**/api/v1/principals?*", (route) =>
      route.fulfill({
        status: 503,
        contentType: "application/problem+json",
        body: '{"title":"Away","code":"storage_unavailable"}',
      }),
    );
    await page.getByRole("link", { name: "Principals", exact: true }).first().click();
    await page.getByText("storage_unavailable").waitFor();
    await page.unroute("**/api/v1/principals?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("table", { name: /principals/i }).waitFor();
    const file = await page.request.get(`${picket.home}/_picket/api/v1/least-privilege.csv?finding=scope_unused`);
    expect(await file.text()).toContain('"e2e-partner","partner","supply-team","scope_unused","orders:write"');
  });
});
