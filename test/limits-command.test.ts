import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Penalty, tableOf } from "../cli/limits/blocked.ts";
import { run } from "../cli/limits/command.ts";

const penalty: Penalty = {
  ...{ region: "weur", limit: "api", key: "00000000000000aa", authenticator: "users", principal: "ann", address: "192.0.2.1" },
  ...{ state: "blocked", untilMs: Date.UTC(2026, 9, 1), refusals: 12, knocks: 345, clearedBy: null, clearedMs: null },
};
const listing = { most: 1024, total: 1, penalties: [penalty], regions: [], silent: [] };

/** A gateway that answers one thing, and what it was asked. */
const asked: { method: string; url: string; body: unknown }[] = [];
let answer: { status: number; body: unknown } = { status: 200, body: listing };
const server = createServer(async (request: IncomingMessage, response) => {
  const body = await text(request);
  asked.push({ method: request.method ?? "", url: request.url ?? "", body: body === "" ? null : JSON.parse(body) });
  response.writeHead(answer.status, { "Content-Type": "application/json" }).end(JSON.stringify(answer.body));
});
let url = "";
let printed: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  printed = [];
  vi.stubEnv("PICKET_ADMIN_TOKEN", "secret");
  for (const name of ["log", "error"] as const) vi.spyOn(console, name).mockImplementation((line) => void printed.push(line));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("lists who is blocked, by limit and principal where they are given", async () => {
  answer = { status: 200, body: listing };
  expect(await run(["blocked", "--limit", "api", "--principal", "a&b", "--url", url])).toBe(0);
  expect(asked).toEqual([{ method: "GET", url: "/_picket/api/v1/penalties?limit=api&principal=a%26b", body: null }]);
  expect(printed).toEqual([
    "REGION  LIMIT  STATE    UNTIL                     REFUSALS  KNOCKS  KEY               WHO",
    "weur    api    blocked  2026-10-01T00:00:00.000Z  12        345     00000000000000aa  users ann 192.0.2.1",
    "1 blocked; each region blocks 1024 at most",
  ]);
});

test("lets out by principal or by key, and says where it could not", async () => {
  answer = { status: 200, body: { released: [penalty], pending: [] } };
  expect(await run(["release", "--limit", "api", "--principal", "ann", "--authenticator", "users", "--url", url])).toBe(0);
  expect(asked[0]).toEqual({
    method: "POST",
    url: "/_picket/api/v1/penalties/release",
    body: { limit: "api", principal: "ann", authenticator: "users" },
  });
  expect(printed[0]).toBe("weur: api users ann 192.0.2.1 is let out (key 00000000000000aa)");
  answer = { status: 200, body: { released: [penalty], pending: ["apac"] } };
  expect(await run(["release", "--limit", "api", "--key", penalty.key, "--url", url])).toBe(1);
  expect(asked[1]?.body).toEqual({ limit: "api", key: penalty.key });
  expect(printed.at(-1)).toMatch(/did not answer: apac/);
  answer = { status: 404, body: { title: "Nobody", code: "penalty_unknown" } };
  expect(await run(["release", "--limit", "api", "--key", penalty.key, "--url", url])).toBe(1);
  expect(printed.at(-1)).toBe("picket limits: Nobody (penalty_unknown)");
});

test.each([
  [[]],
  [["toString"]],
  [["blocked", "--key", "00"]],
  [["blocked", "ann"]],
  [["release"]],
  [["release", "--limit", "api"]],
  [["release", "--principal", "ann"]],
  [["release", "--limit", "api", "--principal", "ann", "--key", "00"]],
  [["release", "--all"]],
])("called with %j it says how, asks nobody and exits 2", async (args) => {
  expect(await run(args)).toBe(2);
  expect([asked, printed.length]).toEqual([[], 1]);
});

test("shows what may be missing, and no name drives the terminal", () => {
  const hostile = {
    ...penalty,
    principal: "\u001b[2J\u202eann\u2028",
    state: "released",
    clearedBy: "session 01234567",
    clearedMs: 0,
  };
  const counted = { region: "weur", refusalsUnlisted: 1, keysForgotten: 2, blocksUnkept: 3 };
  const lines = tableOf({ ...listing, penalties: [hostile], total: 601, regions: [counted], silent: ["apac"] });
  expect(lines[1]).toMatch(/let out by session 01234567 {2}1970-01-01T00:00:00.000Z .*users �\[2J�ann� 192\.0\.2\.1$/);
  expect(lines.slice(2)).toEqual([
    "0 blocked; each region blocks 1024 at most",
    "600 more are not shown: narrow the list by --limit or --principal",
    "weur: 1 refusals not listed, 2 keys forgotten, 3 blocks not kept, for want of room",
    "Regions that did not answer: apac",
  ]);
  expect(tableOf({ ...listing, penalties: [], total: 0 })).toEqual(["0 blocked; each region blocks 1024 at most"]);
});
