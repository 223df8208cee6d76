import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Picket } from "./picket-process.ts";
import { API_KEY, environment, policyFile, policyText, token } from "./policy.ts";
import { poll } from "./poll.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

const EFFECTIVE_MS = 2_000;

let upstream: Upstream;
let picket: Picket;
let file: string;
let text: string;

beforeAll(async () => {
  upstream = await startUpstream();
  text = policyText(upstream.origin);
  file = policyFile(text);
  picket = await Picket.start({ args: ["--policy", file, "--regions", "weur,enam,apac"], regions: 3, env: environment });
});
afterAll(async () => {
  await picket.stop();
  picket.remove();
  await upstream.close();
});

async function statuses(headers: Record<string, string> = { "X-Api-Key": API_KEY }): Promise<number[]> {
  const answers = picket.origins.map((origin) => fetch(`${origin}/things/1`, { headers }));
  return Promise.all(
    answers.map(async (answer) => {
      const { status, body } = await answer;
      await body?.cancel();
      return status;
    }),
  );
}

it("brings a saved policy into force in every region within two seconds, without a restart", async () => {
  expect(await statuses()).toEqual([200, 200, 200]);
  const { workerd } = picket;
  writeFileSync(file, text.replace("auth: [tokens, keys]", "auth: [tokens]"));
  await poll("the API key is refused everywhere", EFFECTIVE_MS, async () => (await statuses()).every((status) => status === 401));
  expect(picket.workerd).toBe(workerd);

  writeFileSync(file, text);
  await poll("the API key is accepted everywhere", EFFECTIVE_MS, async () =>
    (await statuses()).every((status) => status === 200),
  );
  expect(picket.workerd).toBe(workerd);
});

it("keeps the last good policy, and says what is wrong with the new one", async () => {
  const { version } = (await picket.health()).policy;
  writeFileSync(file, text.replace("auth: [tokens, keys]", "auth: [tokens, kyes]"));
  await picket.says(/there is no authenticator "kyes"/, EFFECTIVE_MS);
  await picket.says(new RegExp(`Policy version ${version} stays in force`), EFFECTIVE_MS);
  expect(await statuses()).toEqual([200, 200, 200]);
  expect((await picket.health()).policy.version).toBe(version);
});

it("takes a secret that the policy did not name before", async () => {
  const secret = "another-secret-that-is-long-enough-for-hs256";
  writeFileSync(join(dirname(file), "token-secret"), `${secret}\n`);
  writeFileSync(file, text.replace("env:E2E_TOKEN_SECRET", "file:token-secret"));
  await picket.says(/is in force; the gateways started anew/, 10_000);
  const signed = { Authorization: `Bearer ${await token("device-1", "things:read", secret)}` };
  expect(await statuses(signed)).toEqual([200, 200, 200]);
  const before = { Authorization: `Bearer ${await token("device-1")}` };
  expect(await statuses(before)).toEqual([401, 401, 401]);
});
