import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { API_KEY, token } from "./policy.ts";
import { poll } from "./poll.ts";
import { servePolicy } from "./served-policy.ts";

const EFFECTIVE_MS = 2_000;

const served = servePolicy("weur", "enam", "apac");

async function statuses(headers: Record<string, string> = { "X-Api-Key": API_KEY }): Promise<number[]> {
  const answers = served.picket.origins.map((origin) => fetch(`${origin}/things/1`, { headers }));
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
  const { workerd } = served.picket;
  writeFileSync(served.file, served.text.replace("auth: [tokens, keys]", "auth: [tokens]"));
  await poll("the API key is refused everywhere", EFFECTIVE_MS, async () => (await statuses()).every((status) => status === 401));
  expect(served.picket.workerd).toBe(workerd);

  writeFileSync(served.file, served.text);
  await poll("the API key is accepted everywhere", EFFECTIVE_MS, async () =>
    (await statuses()).every((status) => status === 200),
  );
  expect(served.picket.workerd).toBe(workerd);
});

it("keeps the last good policy, and says what is wrong with the new one", async () => {
  const { version } = (await served.picket.health()).policy;
  writeFileSync(served.file, served.text.replace("auth: [tokens, keys]", "auth: [tokens, kyes]"));
  await served.picket.says(/there is no authenticator "kyes"/, EFFECTIVE_MS);
  await served.picket.says(new RegExp(`Policy version ${version} stays in force`), EFFECTIVE_MS);
  expect(await statuses()).toEqual([200, 200, 200]);
  expect((await served.picket.health()).policy.version).toBe(version);
});

it("takes a secret that the policy did not name before", async () => {
  const secret = "another-secret-that-is-long-enough-for-hs256";
  writeFileSync(join(dirname(served.file), "token-secret"), `${secret}\n`);
  writeFileSync(served.file, served.text.replace("env:E2E_TOKEN_SECRET", "file:token-secret"));
  await served.picket.says(/is in force; the gateways started anew/, 10_000);
  const signed = { Authorization: `Bearer ${await token("device-1", "things:read", secret)}` };
  expect(await statuses(signed)).toEqual([200, 200, 200]);
  const before = { Authorization: `Bearer ${await token("device-1")}` };
  expect(await statuses(before)).toEqual([401, 401, 401]);
});
