import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Picket } from "./picket-process.ts";
import { API_KEY, environment, policyFile, policyText } from "./policy.ts";
import { poll } from "./poll.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** The promise is two seconds; a machine that runs other tests may be late. */
const EFFECTIVE_MS = 5_000;

let upstream: Upstream;
let picket: Picket;

beforeAll(async () => {
  upstream = await startUpstream();
  const args = ["--policy", policyFile(policyText(upstream.origin)), "--regions", "weur,enam,apac"];
  picket = await Picket.start({ args, regions: 3, env: environment });
});
afterAll(async () => {
  await picket.stop();
  picket.remove();
  await upstream.close();
});

/** In each region, of the operation whose limit is one request a minute. */
function statuses(): Promise<number[]> {
  return Promise.all(
    picket.origins.map(async (origin) => {
      const { status, body } = await fetch(`${origin}/scarce`, {
        headers: { "X-Api-Key": API_KEY, "CF-Connecting-IP": "203.0.113.7" },
      });
      await body?.cancel();
      return status;
    }),
  );
}

async function limits(...given: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { PICKET_ADMIN_TOKEN: _, ...env } = process.env;
  const all = ["cli/picket.mjs", "limits", ...given, "--url", picket.home, "--data", picket.data];
  return promisify(execFile)(process.execPath, all, { env }).then(
    (said) => ({ code: 0, ...said }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

const allAre = (wanted: number) => async () => (await statuses()).every((status) => status === wanted);

it("exempts a caller in every region until the exemption is ended, and an address by the clock alone", async () => {
  await statuses();
  expect(await statuses()).toEqual([429, 429, 429]);
  const caller = ["--principal", "tester", "--authenticator", "keys", "--limit", "one-a-minute"];
  expect(await limits("exempt", ...caller, "--for", "1h", "--reason", "load test")).toMatchObject({ code: 0 });
  const sinceMs = performance.now();
  await poll("exempt everywhere", EFFECTIVE_MS, allAre(200));
  console.log(`exempt in three regions after ${Math.round(performance.now() - sinceMs)} ms`);
  for (let i = 0; i < 5; i++) expect(await statuses()).toEqual([200, 200, 200]);

  const listed = await limits("exemptions");
  const id = /^(\d+) {2}keys tester: limit one-a-minute, until .*: load test \(administrator, /m.exec(listed.stdout)?.[1] ?? "";
  expect(await limits("end-exemption", id)).toMatchObject({ code: 0 });
  await poll("held everywhere", EFFECTIVE_MS, allAre(429));
  expect((await limits("exemptions")).stdout).toMatch(/, ended .* by administrator: load test[\s\S]*^0 of at most 256/m);

  expect(await limits("exempt", "--address", "203.0.113.0/24", "--for", "6s", "--reason", "drill")).toMatchObject({ code: 0 });
  const untilMs = Date.now() + 6_000;
  await poll("exempt everywhere", EFFECTIVE_MS, allAre(200));
  await poll("ended", 10_000, allAre(429));
  expect(Date.now() - untilMs).toBeLessThan(2_000);
});

it("says what is wrong", async () => {
  const rest = ["--for", "1h", "--reason", "r"];
  const wrong = async (code: number, message: string, ...given: string[]) =>
    expect(await limits(...given)).toMatchObject({ code, stderr: expect.stringContaining(message) });
  await wrong(1, "(limit_unknown)", "exempt", "--address", "192.0.2.1", "--limit", "gone", ...rest);
  await wrong(1, "(network_too_wide)", "exempt", "--address", "0.0.0.0/0", ...rest);
  await wrong(1, "(authenticator_unknown)", "exempt", "--principal", "a", "--authenticator", "gone", ...rest);
  await wrong(1, "at most 366 days from now", "exempt", "--address", "192.0.2.1", "--for", "400d", "--reason", "r");
  await wrong(1, "(exemption_unknown)", "end-exemption", "999");
});
