import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { operationsIn, setLimit } from "../../cli/limits/policy-edit.ts";
import type { LimitSuggestion, LimitSuggestions } from "../../worker/soc/limit-suggestions-schema.ts";

const picket = fileURLToPath(new URL("../../cli/picket.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "picket-limits-"));

const policy = `# The orders API. Owner: desk.
picket: 1

services:
  - name: orders          # the public one
    match: { path: /orders }
    upstream: http://127.0.0.1:9000
    auth: [keys]
    operations:
      - GET /orders/{id}      # by far the most called
      - { method: POST, path: "/orders/new", limits: [tight], cost: 2 }   # payment

      - method: DELETE
        path: "/orders/{id}"  # rare
        limits:
          - spare # for now
authenticators:
  - { name: keys,  type: api-key,  keys: [{ id: acme, sha256: "${"ab".repeat(32)}" }] }
limits:
  # Set by hand, 2025.
  - { name: tight,   by: principal, rate: 5/1m }
  - name: spare
    by: address
    rate: 100/1m     # by address

telemetry: { rowsPerDay: 1000 }
`;

const suggestion = (over: Partial<LimitSuggestion>): LimitSuggestion => ({
  service: "orders",
  method: "GET",
  operation: "/orders/{id}",
  callers: 401,
  leftOut: 3,
  days: 35,
  coversMonth: true,
  minute: {
    p50: { value: 51, low: 46, high: 56 },
    p90: { value: 91, low: 88, high: 94 },
    p99: { value: 100, low: 99, high: null },
    max: 500,
  },
  largest: { authenticator: "keys", principal: "ac\u001b[31mme", minute: 500, burst: 150 },
  asked: 500,
  exceedance: 1 / 402,
  state: "ready",
  limit: { rate: "630/1m", burst: 770 },
  callersAbove: 0,
  above: [],
  ...over,
});

const answer: LimitSuggestions = {
  generatedMs: 0,
  policyVersion: 1,
  minDays: 7,
  minCallers: 5,
  isComplete: true,
  requestsUnlisted: 0,
  suggestions: [
    suggestion({}),
    suggestion({ method: "POST", operation: "/orders/new", days: 20, coversMonth: false }),
    suggestion({ method: "DELETE", days: 3, state: "too_few_days", limit: null }),
  ],
};

const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.headers.authorization} ${request.url}`);
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(answer));
});
let url = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function run(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, PICKET_ADMIN_TOKEN: "secret" };
  const child = spawn(process.execPath, [picket, "limits", ...args], { env });
  const out = { stdout: "", stderr: "" };
  child.stdout.on("data", (part) => (out.stdout += part));
  child.stderr.on("data", (part) => (out.stderr += part));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, ...out })));
}

function file(name: string, text = policy): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o640 });
  return path;
}

describe("limits suggest", () => {
  test("prints the table with what stands behind it, and what is missing", async () => {
    const { status, stdout } = await run("suggest", "--url", url, "--service", "orders", "--at", "p99", "--min-days", "3");
    expect(status).toBe(0);
    expect(asked.at(-1)).toBe("Bearer secret /_picket/api/v1/limits/suggestions?service=orders&at=p99&minDays=3");
    expect(stdout).toMatch(/^OPERATION +CALLERS +DAYS +50 % .*SUGGESTED BY PRINCIPAL\n/);
    expect(stdout).toMatch(
      /orders GET \/orders\/\{id\} +401 +35 +51 \(46–56\) +91 \(88–94\) +100 \(99–∞\) +500 +≤ 0\.25 % +630\/1m, burst 770\n/,
    );
    expect(stdout).toContain("3 callers of whose requests most were refused: left out");
    expect(stdout).toContain("20 days hold no whole month");
    expect(stdout).toContain("not enough yet: 3 of 7 days");
    // A principal may be any text; a terminal must not act on it.
    expect(stdout).not.toContain("\u001b");
  });

  test("as JSON is the API's answer", async () => {
    expect(JSON.parse((await run("suggest", "--url", url, "--json")).stdout)).toEqual(answer);
  });

  test.each([[[]], [["sugest"]], [["suggest", "--bogus"]], [["apply", "x.yaml"]]])("%j exits 2 with help", async (args) => {
    expect(await run(...args)).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("picket limits") });
  });
});

describe("limits apply", () => {
  test("makes a short operation long and adds the limit in shadow mode; every other byte stays", async () => {
    const path = file("short.yaml");
    const { status, stdout } = await run("apply", path, "GET /orders/{id}", "--url", url);
    expect(status).toBe(0);
    const item = "- { name: suggested-get-orders-id, by: principal, rate: 630/1m, burst: 770, mode: shadow }";
    expect(readFileSync(path, "utf8")).toBe(
      policy
        .replace("- GET /orders/{id} ", '- { method: GET, path: "/orders/{id}", limits: [suggested-get-orders-id] } ')
        .replace("# by address\n", `# by address\n  ${item}\n`),
    );
    expect(stdout).toContain(`\n-      - GET /orders/{id}      # by far the most called\n+      - { method: GET,`);
    expect(stdout).toContain(`\n+  ${item}\n`);
    expect(stdout).toContain("suggested-get-orders-id is in shadow mode");
    expect(statSync(path).mode & 0o777).toBe(0o640);
    // Once more: there is one now.
    const again = await run("apply", path, "GET /orders/{id}", "--url", url, "--enforce");
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining("(630/1m, burst 770, shadow)") });
    const replaced = await run("apply", path, "GET /orders/{id}", "--url", url, "--enforce", "--replace");
    expect(replaced.status).toBe(0);
    expect(readFileSync(path, "utf8")).toContain("burst: 770, mode: enforce }");
  });

  test("writes nothing without --replace where the operation has a limit; multiplies by what a request costs", async () => {
    const path = file("cost.yaml");
    const refused = await run("apply", path, "POST /orders/new", "--url", url);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("tight (5/1m, enforce)") });
    expect(refused.stdout).toContain("630/1m, burst 770");
    expect(readFileSync(path, "utf8")).toBe(policy);
    expect((await run("apply", path, "POST /orders/new", "--url", url, "--replace")).status).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(policy.replace("rate: 5/1m }", "rate: 1260/1m, burst: 1540, mode: shadow }"));
  });

  test("follows no suggestion that is none, and no name that is none", async () => {
    const path = file("none.yaml");
    const early = await run("apply", path, "DELETE /orders/{id}", "--url", url);
    expect(early).toMatchObject({ status: 1, stdout: expect.stringContaining("not enough yet: 3 of 7 days") });
    const typo = await run("apply", path, "GET /order/{id}", "--url", url);
    expect(typo).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean "GET /orders/{id}"') });
    const bad = file("bad.yaml", policy.replace("by: address", "by: adress"));
    expect((await run("apply", bad, "GET /orders/{id}", "--url", url)).status).toBe(1);
    expect(readFileSync(path, "utf8")).toBe(policy);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("an edit", () => {
  const wanted = { count: 630, burst: 770, mode: "shadow" } as const;
  const data = parse(policy);
  const { limits: _, ...bare } = {
    ...data,
    services: [{ ...data.services[0], operations: ["GET /orders/{id}", { method: "GET", path: "/b", limits: [] }] }],
  };
  test.each([
    ["JSON on one line", JSON.stringify(data)],
    ["JSON on many", JSON.stringify(data, null, 2)],
    ["JSON without limits", JSON.stringify(bare, null, 2)],
    ["YAML without limits", policy.replace(/^limits:[\s\S]*?\n\n/m, "").replaceAll(/, limits: \[tight\]|\n {8}limits:\n.*/g, "")],
    ["lines that end as on Windows", policy.replaceAll("\n", "\r\n")],
    ["no line end at the end", policy.trimEnd()],
    ["limits last", policy.replace("\ntelemetry: { rowsPerDay: 1000 }\n", "").trimEnd()],
  ])("is made in %s, of every operation, and changes nothing else", (__, text) => {
    for (const place of operationsIn(text)) {
      const edit = setLimit(text, place, wanted, true);
      if (!edit.ok) throw new Error(edit.message);
      const after = parse(edit.text);
      const limit = after.limits.find(({ name }: { name: string }) => name === edit.name);
      expect(limit).toEqual({ name: edit.name, by: "principal", rate: "630/1m", burst: 770, mode: "shadow" });
      const [, s, , o] = place.path;
      expect(after.services[s].operations[o]).toMatchObject({ method: place.method, path: place.template });
      expect(after.services[s].operations[o].limits).toContain(edit.name);
      // Lines that were there are there, in their order, but for those that the diff takes away.
      const gone = edit.diff.split("\n").filter((line) => line.startsWith("-"));
      const kept = text.split(/\r?\n/).length - gone.length;
      const added = edit.diff.split("\n").filter((line) => line.startsWith("+")).length;
      expect(edit.text.split(/\r?\n/).length).toBe(kept + added);
    }
  });

  test("that would change more than it should is not made", () => {
    const shared = policy
      .replace("- GET /orders/{id} ", '- &one { method: GET, path: "/orders/{id}" } ')
      .replace("authenticators:", "      - *one\nauthenticators:");
    const [place] = operationsIn(shared);
    expect(place && setLimit(shared, place, wanted, false)).toMatchObject({ ok: false, code: "not_editable" });
  });
});
