import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { run } from "../../../cli/export/command.ts";
import { event } from "./any-event.ts";

const stored = fc.sample(event, { numRuns: 7, seed: 5 });
const folder = mkdtempSync(join(tmpdir(), "picket-export-"));
const asked: URLSearchParams[] = [];
let failsAt = Number.POSITIVE_INFINITY;

/** Pages of three. */
const server = createServer((request, response) => {
  const query = new URL(request.url ?? "", "http://picket.test").searchParams;
  asked.push(query);
  const start = Number(query.get("before") ?? 0);
  response.writeHead(asked.length > failsAt ? 503 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify({ events: stored.slice(start, start + 3), next: start + 3 < 7 ? String(start + 3) : null }));
});
let url = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  vi.stubEnv("PICKET_ADMIN_TOKEN", "token");
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  server.close();
  rmSync(folder, { recursive: true });
});

async function exported(name: string, ...args: string[]): Promise<{ code: number; text: string }> {
  asked.length = 0;
  const out = join(folder, name);
  const code = await run(["--url", url, "--out", out, ...args]);
  return { code, text: readFileSync(out, "utf8") };
}

test.each(["ndjson", "csv", "ocsf-api", "ocsf-http"])("every page is written once as %s", async (format) => {
  const { code, text } = await exported(format, "--format", format, "--region", "weur");
  expect([code, asked.length, asked[2]?.get("region")]).toEqual([0, 3, "weur"]);
  const ids = stored.map(({ id }) => id);
  expect(ids.filter((id) => !text.includes(id))).toEqual([]);
  if (format !== "csv")
    expect(
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toHaveLength(7);
  else expect(text.match(/"timeMs"/g)).toHaveLength(1);
});

test("a time ago is a time before now", async () => {
  await exported("ago", "--from", "2h", "--to", "1h");
  expect(Number(asked[0]?.get("to")) - Number(asked[0]?.get("from"))).toBe(3_600_000);
  expect(Number(asked[0]?.get("to"))).toBeLessThan(Date.now() - 3_500_000);
});

test("what came before a failure is kept, and the failure said", async () => {
  failsAt = 1;
  const { code, text } = await exported("broken");
  failsAt = Number.POSITIVE_INFINITY;
  expect([code, text.trimEnd().split("\n").length]).toEqual([1, 3]);
});

test.each([
  [["--format", "xml"]],
  [["--from", "yesterday"]],
  [["--colour", "red"]],
  [["--url", "http://picket.example"]],
  [["--out", join(folder, "ago")]],
])("refuses %j", async (args) => {
  expect(await run(["--url", url, ...args])).toBe(2);
});
