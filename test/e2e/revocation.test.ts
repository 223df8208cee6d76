import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Picket } from "./picket-process.ts";
import { API_KEY, environment, policyFile, policyText, token } from "./policy.ts";
import { poll } from "./poll.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** The promise is two seconds; a machine that runs other tests may be late. */
const EFFECTIVE_MS = 5_000;

let upstream: Upstream;
let picket: Picket;
let args: string[];

beforeAll(async () => {
  upstream = await startUpstream();
  args = ["--policy", policyFile(policyText(upstream.origin)), "--regions", "weur,enam,apac"];
  picket = await Picket.start({ args, regions: 3, env: environment });
});
afterAll(async () => {
  await picket.stop();
  picket.remove();
  await upstream.close();
});

async function statuses(headers: Record<string, string>, method = "GET"): Promise<number[]> {
  const answers = picket.origins.map((origin) => fetch(`${origin}/things/1`, { method, headers }));
  return Promise.all(
    answers.map(async (answer) => {
      const { status, body } = await answer;
      await body?.cancel();
      return status;
    }),
  );
}

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

async function cli(...given: string[]): Promise<Said> {
  const { PICKET_ADMIN_TOKEN: _, ...env } = process.env;
  const all = ["cli/picket.mjs", ...given, "--url", picket.home, "--data", picket.data];
  return promisify(execFile)(process.execPath, all, { env }).then(
    (said) => ({ code: 0, ...said }),
    (error: Said) => error,
  );
}

it("refuses a revoked caller in every region, and after a restart, until the revocation is lifted", async () => {
  const stolen = { Authorization: `Bearer ${await token("device-7")}` };
  const other = { Authorization: `Bearer ${await token("device-8")}` };
  expect(await statuses(stolen)).toEqual([200, 200, 200]);
  const who = ["--kind", "principal", "--authenticator", "tokens", "--subject", "device-7"];
  const revoked = await cli("revoke", ...who, "--reason", "stolen");
  expect(revoked).toMatchObject({ code: 0, stdout: expect.stringMatching(/principal tokens device-7: stolen/) });
  const sinceMs = performance.now();
  await poll("refused everywhere", EFFECTIVE_MS, async () => (await statuses(stolen)).every((status) => status === 401));
  console.log(`refused in three regions after ${Math.round(performance.now() - sinceMs)} ms`);
  expect(await statuses(other)).toEqual([200, 200, 200]);

  const { data, port } = picket;
  await picket.stop();
  picket = await Picket.start({ args, regions: 3, env: environment, data, port });
  expect(await statuses(stolen)).toEqual([401, 401, 401]);

  const listed = await cli("revoke", "list");
  const id = /^(\d+) {2}principal tokens device-7: stolen \(administrator, /m.exec(listed.stdout)?.[1] ?? "";
  expect(await cli("revoke", "lift", id)).toMatchObject({ code: 0 });
  await poll("let pass everywhere", EFFECTIVE_MS, async () => (await statuses(stolen)).every((status) => status === 200));
});

it("revokes an API key, and what an issuer issued before now", async () => {
  const key = { "X-Api-Key": API_KEY };
  const held = { Authorization: `Bearer ${await token("device-9")}` };
  expect(await statuses(key)).toEqual([200, 200, 200]);
  const credential = ["--kind", "credential", "--authenticator", "keys", "--subject", "tester", "--reason", "leaked"];
  expect(await cli("revoke", ...credential, "--expires", "1h")).toMatchObject({ code: 0 });
  expect(await cli("revoke", "--kind", "issuer", "--authenticator", "tokens", "--reason", "breach")).toMatchObject({ code: 0 });
  await poll("both refused", EFFECTIVE_MS, async () => {
    return [...(await statuses(key)), ...(await statuses(held))].every((status) => status === 401);
  });
  // Whole seconds (RFC 7519 §2): a token of the next one was issued after.
  await poll("a new token passes", EFFECTIVE_MS, async () => {
    const fresh = { Authorization: `Bearer ${await token("device-9")}` };
    return (await statuses(fresh)).every((status) => status === 200);
  });
});

it("lets a scope end by the clock alone", async () => {
  const caller = { Authorization: `Bearer ${await token("device-10")}` };
  expect(await statuses(caller, "DELETE")).toEqual([403, 403, 403]);
  const grant = ["--principal", "device-10", "--authenticator", "tokens", "--scopes", "things:delete", "--approver", "boss"];
  expect(await cli("grant", ...grant, "--until", "6s", "--reason", "repair")).toMatchObject({ code: 0 });
  const untilMs = Date.now() + 6_000;
  await poll("granted", EFFECTIVE_MS, async () => (await statuses(caller, "DELETE")).every((status) => status === 200));
  await poll("ended", 10_000, async () => (await statuses(caller, "DELETE")).every((status) => status === 403));
  expect(Date.now() - untilMs).toBeLessThan(2_000);
});

it("says what is wrong", async () => {
  const wrong = ["--authenticator", "tokens", "--reason", "r"];
  expect(await cli("revoke")).toMatchObject({ code: 2, stderr: expect.stringMatching(/--kind, --authenticator and --reason/) });
  expect(await cli("revoke", "--kind", "principal", "--subject", "x", ...wrong, "--before", "soon")).toMatchObject({ code: 2 });
  expect(await cli("revoke", "lift", "999")).toMatchObject({ code: 1, stderr: expect.stringMatching(/revocation_unknown/) });
  expect(await cli("revoke", "--kind", "credential", "--subject", "x", ...wrong)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/revocation_mismatch/),
  });
  expect(await cli("grant", "--until", "1h")).toMatchObject({ code: 2, stderr: expect.stringMatching(/missing: --principal/) });
});
