import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Picket } from "./picket-process.ts";
import { environment, policyFile, policyText, token } from "./policy.ts";
import { poll } from "./poll.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** The promise is two seconds; a machine that runs other tests may be late. */
const EFFECTIVE_MS = 5_000;

let upstream: Upstream;
let picket: Picket;

beforeAll(async () => {
  upstream = await startUpstream();
  const args = ["--policy", policyFile(policyText(upstream.origin)), "--regions", "weur,enam"];
  picket = await Picket.start({ args, regions: 2, env: environment });
});
afterAll(async () => {
  await picket.stop();
  picket.remove();
  await upstream.close();
});

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

async function device(...given: string[]): Promise<Said> {
  const { PICKET_ADMIN_TOKEN: _, ...env } = process.env;
  const all = ["cli/picket.mjs", "device", ...given, "--url", picket.home, "--data", picket.data];
  return promisify(execFile)(process.execPath, all, { env }).then(
    (said) => ({ code: 0, ...said }),
    (error: Said) => error,
  );
}

async function statuses(headers: Record<string, string>): Promise<number[]> {
  return Promise.all(
    picket.origins.map(async (origin) => {
      const { status, body } = await fetch(`${origin}/things/1`, { headers });
      await body?.cancel();
      return status;
    }),
  );
}

it("registers devices of a file, and says which lines it could not take", async () => {
  const file = join(picket.data, "devices.ndjson");
  const rows = Array.from({ length: 1200 }, (_, i) => ({ authenticator: "tokens", device: `device-${i}`, fleet: "north" }));
  writeFileSync(file, [...rows.map((row) => JSON.stringify(row)), "", "{", '{"authenticator":"gone","device":"x"}'].join("\n"));
  const said = await device("register", "--file", file);
  expect(said).toMatchObject({ code: 1, stdout: expect.stringMatching(/^1000 registered.*\n200 registered.*2 not taken/) });
  expect(said.stderr).toMatch(/^line 1202: .*\(row_malformed\)\nline 1203: authenticator: .*\(authenticator_unknown\)/);
  const one = ["register", "--authenticator", "tokens", "--device", "device-7", "--model", "TH-4"];
  expect(await device(...one)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^0 registered, 1 updated/) });
  const listed = await device("list", "--search", "device-7", "--fleet", "north");
  expect(listed.stdout).toMatch(/^active {7}tokens device-7: north · TH-4 \(never seen; administrator, /m);
  expect(listed.stdout).toMatch(/^111 devices; 0 of at most 4096 revocations and refused devices$/m);
  expect((await device("list")).stdout).toMatch(/^1200 devices; /m);
});

it("refuses a quarantined device and a retired one in every region, until it is activated", async () => {
  const caller = { Authorization: `Bearer ${await token("device-7")}` };
  const other = { Authorization: `Bearer ${await token("device-8")}` };
  const known = ["device-7", "--authenticator", "tokens"];
  const all = async (status: number) => (await statuses(caller)).every((one) => one === status);
  expect(await statuses(caller)).toEqual([200, 200]);
  const set = await device("quarantine", ...known, "--note", "talks to strangers");
  expect(set).toMatchObject({ code: 0, stdout: expect.stringMatching(/^quarantined {2}tokens device-7: .*talks to strangers/) });
  await poll("quarantined everywhere", EFFECTIVE_MS, () => all(403));
  expect((await device("list", "--state", "quarantined")).stdout).toMatch(/^1 device; 1 of at most/m);
  await device("retire", ...known);
  await poll("retired everywhere", EFFECTIVE_MS, () => all(401));
  expect(await statuses(other)).toEqual([200, 200]);
  await device("activate", ...known);
  await poll("let in everywhere", EFFECTIVE_MS, () => all(200));
});

it("says what is wrong", async () => {
  expect(await device()).toMatchObject({ code: 2, stderr: expect.stringMatching(/^picket device register/) });
  expect(await device("quarantine", "x")).toMatchObject({ code: 2, stderr: expect.stringMatching(/--authenticator is needed/) });
  expect(await device("register", "--device", "x")).toMatchObject({ code: 2 });
  expect(await device("register", "--file", "/nowhere")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/cannot be read/),
  });
  expect(await device("quarantine", "nobody", "--authenticator", "tokens")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/device_unknown/),
  });
});
