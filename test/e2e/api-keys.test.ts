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
  const policy = policyText(upstream.origin).replace("name: keys, type: api-key,", "name: keys, type: api-key, stored: true,");
  picket = await Picket.start({ args: ["--policy", policyFile(policy), "--regions", "weur,enam"], regions: 2, env: environment });
});
afterAll(async () => {
  await picket.stop();
  picket.remove();
  await upstream.close();
});

async function statuses(key: string, method = "GET"): Promise<number[]> {
  const answers = picket.origins.map(async (origin) => {
    const { status, body } = await fetch(`${origin}/things/1`, { method, headers: { "X-Api-Key": key } });
    await body?.cancel();
    return status;
  });
  return Promise.all(answers);
}
const everywhere = (what: string, key: string, status: number) =>
  poll(what, EFFECTIVE_MS, async () => (await statuses(key)).every((one) => one === status));

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

async function token(...given: string[]): Promise<Said> {
  const { PICKET_ADMIN_TOKEN: _, ...env } = process.env;
  const all = ["cli/picket.mjs", "token", ...given, "--url", picket.home, "--data", picket.data];
  return promisify(execFile)(process.execPath, all, { env }).then(
    (said) => ({ code: 0, ...said }),
    (error: Said) => error,
  );
}

const which = ["--authenticator", "keys", "--id", "acme", "--reason", "a test"];

it("makes, lists, rerolls, disables, enables and ends a key, in two regions", async () => {
  const made = await token("new", ...which, "--scopes", "things:read,things:delete", "--kind", "partner", "--expires", "90d");
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^pk_live_\w{32}_\w{6}\n$/) });
  const first = made.stdout.trim();
  expect(made.stderr).not.toContain(first.slice(8));
  expect(await statuses(first)).toEqual([200, 200]);
  expect(await statuses(first, "DELETE")).toEqual([200, 200]);
  expect(await statuses(API_KEY)).toEqual([200, 200]); // the policy's own goes on

  const listed = await token("list", "--authenticator", "keys");
  expect(listed.stdout).toMatch(
    /^keys acme {2}live partner: things:delete things:read, until .*: a test \(administrator, made /m,
  );
  expect(listed.stdout).not.toContain(first.slice(8));

  const second = (await token("reroll", ...which, "--grace", "10m")).stdout.trim();
  expect([await statuses(first), await statuses(second)]).toEqual([
    [200, 200],
    [200, 200],
  ]);

  expect(await token("disable", ...which)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^keys acme .*disabled /) });
  await everywhere("disabled", second, 401);
  await everywhere("disabled", first, 401);
  expect(await token("enable", ...which)).toMatchObject({ code: 0 });
  await everywhere("enabled", second, 200);

  const third = (await token("reroll", ...which, "--grace", "0")).stdout.trim();
  await everywhere("rerolled without grace", second, 401);
  expect(await statuses(third)).toEqual([200, 200]);
  expect(await token("expire", ...which)).toMatchObject({ code: 0 });
  await everywhere("ended", third, 401);
  expect(await token("enable", ...which)).toMatchObject({ code: 1, stderr: expect.stringMatching(/api_key_ended/) });
});

it("says what is wrong, and prints no key then", async () => {
  const wrong = async (code: number, says: RegExp, ...given: string[]) =>
    expect([given, await token(...given)]).toMatchObject([given, { code, stdout: "", stderr: expect.stringMatching(says) }]);
  await wrong(2, /missing: --id, --reason/, "new", "--authenticator", "keys");
  await wrong(2, /missing: --authenticator/, "disable", "--id", "a", "--reason", "r");
  await wrong(2, /--grace: expected/, "reroll", ...which, "--grace", "soon");
  await wrong(2, /--at: expected/, "expire", ...which, "--at", "soon");
  await wrong(2, /picket token new/, "disable", ...which, "--grace", "1h");
  await wrong(1, /json\.graceMs/, "reroll", ...which, "--grace", "1s");
  await wrong(1, /api_key_unknown/, "disable", "--authenticator", "keys", "--id", "nobody", "--reason", "r");
  await wrong(1, /authenticator_without_store/, "new", "--authenticator", "tokens", "--id", "a", "--reason", "r");
  await wrong(1, /api_key_exists/, "new", "--authenticator", "keys", "--id", "tester", "--reason", "r");
});
