import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { run } from "../cli/limits/command.ts";

interface Asked {
  method: string | undefined;
  path: string | undefined;
  body: unknown;
}

/** What the API was asked, and what it is to answer. */
const asks: Asked[] = [];
let answer: { status: number; body: unknown } = { status: 200, body: {} };
const server = createServer(async (request, response) => {
  asks.push({ method: request.method, path: request.url, body: await bodyOf(request) });
  response.writeHead(answer.status, { "Content-Type": "application/json" }).end(JSON.stringify(answer.body));
});
let url = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("PICKET_ADMIN_TOKEN", "admin");
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});
afterEach(() => vi.restoreAllMocks());

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const text = Buffer.concat(await request.toArray()).toString();
  return text === "" ? null : JSON.parse(text);
}

/** Runs `picket limits …` against the server above. */
async function limits(...args: string[]) {
  asks.length = 0;
  const said: string[] = [];
  for (const stream of ["log", "error"] as const) vi.spyOn(console, stream).mockImplementation((line: string) => said.push(line));
  const code = await run([...args, "--url", url]);
  return { code, said: said.join("\n"), asked: asks[0] ?? null };
}

const exemption = {
  id: 7,
  principal: "batch-1",
  authenticator: "keys",
  address: null,
  limit: "own",
  untilMs: Date.UTC(2096, 0, 1),
  reason: "month's end",
  who: "administrator",
  madeMs: Date.UTC(2026, 10, 24),
  endedMs: null,
  endedBy: null,
};
const office = { ...exemption, id: 8, principal: null, authenticator: null, address: "192.0.2.0/24", limit: null };

const caller = ["--principal", "batch-1", "--authenticator", "keys"];
const why = ["--reason", "month's end"];

test("exempt asks for what was said, and says what it got", async () => {
  answer = { status: 201, body: { exemption, generation: 1, pending: [] } };
  const fromMs = Date.now();
  const made = await limits("exempt", ...caller, "--limit", "own", "--for", "2h", ...why);
  const body = made.asked?.body as { untilMs: number };
  expect(made.asked).toEqual({
    method: "POST",
    path: "/_picket/api/v1/exemptions",
    body: { principal: "batch-1", authenticator: "keys", limit: "own", untilMs: body.untilMs, reason: "month's end" },
  });
  expect(body.untilMs - fromMs).toBeGreaterThanOrEqual(7_200_000);
  expect(body.untilMs - fromMs).toBeLessThan(7_260_000);
  expect(made).toMatchObject({ code: 0, said: expect.stringMatching(/^7 {2}keys batch-1: limit own, until 2096-01-01T/) });

  const place = await limits("exempt", "--address", "192.0.2.0/24", "--until", "2096-01-01T00:00:00Z", ...why);
  expect(place.asked?.body).toEqual({ address: "192.0.2.0/24", untilMs: Date.UTC(2096, 0, 1), reason: "month's end" });
});

test("exemptions lists them, those that are over as well, and counts those in force", async () => {
  const over = { ...exemption, id: 6, endedMs: Date.UTC(2026, 10, 25), endedBy: "session 0123abcd" };
  answer = { status: 200, body: { most: 256, exemptions: [exemption, office, over, { ...office, untilMs: 1 }] } };
  const listed = await limits("exemptions");
  expect(listed.asked).toEqual({ method: "GET", path: "/_picket/api/v1/exemptions", body: null });
  expect([listed.code, ...listed.said.split("\n")]).toEqual([
    0,
    "7  keys batch-1: limit own, until 2096-01-01T00:00:00.000Z: month's end (administrator, 2026-11-24T00:00:00.000Z)",
    expect.stringMatching(/^8 {2}192\.0\.2\.0\/24: every limit, until /),
    expect.stringMatching(/^6 {2}keys batch-1: .*, ended 2026-11-25T00:00:00.000Z by session 0123abcd: month's end/),
    expect.stringMatching(/^8 .* until 1970-/),
    "2 of at most 256 exemptions",
  ]);
});

test("end-exemption ends one, and says where there is none", async () => {
  answer = { status: 200, body: { generation: 2, pending: ["apac"] } };
  const ended = await limits("end-exemption", "7");
  expect(ended.asked).toEqual({ method: "DELETE", path: "/_picket/api/v1/exemptions/7", body: null });
  expect(ended).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^Exemption 7 is ended\. Regions that did not answer: apac/),
  });
  answer = { status: 404, body: { title: "There is no such exemption in force", code: "exemption_unknown" } };
  expect(await limits("end-exemption", "8")).toMatchObject({ code: 1, said: expect.stringContaining("(exemption_unknown)") });
});

test.each([
  ["nobody", ["exempt", "--for", "2h", ...why], "expected --principal and --authenticator, or --address"],
  ["a principal of nobody", ["exempt", "--principal", "a", "--for", "2h", ...why], "expected --principal and --authenticator"],
  ["both", ["exempt", ...caller, "--address", "192.0.2.1", "--for", "2h", ...why], "expected --principal and --authenticator"],
  ["no reason", ["exempt", ...caller, "--for", "2h"], "missing: --reason"],
  ["no end", ["exempt", ...caller, ...why], "expected --for or --until"],
  ["two ends", ["exempt", ...caller, "--for", "2h", "--until", "2096-01-01", ...why], "expected --for or --until"],
  ["no time", ["exempt", ...caller, "--for", "soon", ...why], "--for soon: expected a time such as 90m, 12h, 7d"],
  ["an instant as a time", ["exempt", ...caller, "--for", "2096-01-01", ...why], "--for 2096-01-01: expected a time"],
  ["no instant", ["exempt", ...caller, "--until", "soon", ...why], "--until soon: expected an instant"],
  ["an unknown option", ["exempt", ...caller, "--forever", ...why], "picket limits exempt --principal"],
  ["a list of one", ["exemptions", "7"], "picket limits exemptions"],
  ["an end of none", ["end-exemption"], "picket limits end-exemption ID"],
  ["an end of a name", ["end-exemption", "x"], "picket limits end-exemption ID"],
  ["an unknown subcommand", ["exmpt"], "picket limits exempt --principal"],
  ["an inherited subcommand", ["constructor"], "picket limits exempt --principal"],
])("asks nothing where it is called with %s, and exits 2", async (_, args, message) => {
  expect(await limits(...args)).toEqual({ code: 2, asked: null, said: expect.stringContaining(message) });
});
