import { evictDurableObject } from "cloudflare:test";
import { beforeAll, expect, it } from "vitest";
import { openImage } from "../../worker/policy/seal.ts";
import { countOf, env, report, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

const policy = (burst: number) => `
picket: 1
services:
  - name: fleet
    match: { path: /fleet }
    upstream: http://127.0.0.1:9000
    owner: devices-team
    auth: [device-tokens]
    limits: [per-principal]
    undocumented: report
    failMode: closed
    operations:
      - GET /fleet/devices/{deviceId}
authenticators:
  - { name: device-tokens, type: jwt, issuer: https://id.example, audience: fleet, algorithms: [HS256], keys: [{ kid: d1, secret: env:DEVICE_SECRET }], kind: device }
limits:
  - { name: per-principal, by: principal, rate: 600/1m, burst: ${burst} }
telemetry: { rowsPerDay: 4000000, retainDays: 3 }
`;

let soc: TestSoc;
beforeAll(async () => {
  soc = await TestSoc.signedIn();
});
const publish = (text: string) => soc.admin("/api/v1/policies", { body: text });
const currentVersion = async () => ((await (await soc.call("/api/v1/policies/current")).json()) as { version: number }).version;

it("refuses a bad policy with every problem, and changes nothing", async () => {
  const bad = policy(60).replace("rate: 600/1m", "rate: fast").replace("[per-principal]", "[per-nobody]");
  const response = await publish(bad);
  expect(response.status).toBe(422);
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  const body = (await response.json()) as { code: string; problems: { path: string; line: number }[] };
  expect(body.code).toBe("policy_invalid");
  expect(body.problems.map((problem) => problem.path)).toEqual(["services[0].limits[0]", "limits[0].rate"]);
  expect(body.problems.every((problem) => problem.line > 1)).toBe(true);
  expect((await publish("{{{")).status).toBe(422);
  expect((await publish("")).status).toBe(422);
  expect(await codeOf(await soc.call("/api/v1/policies/current"))).toBe("policy_missing");
});

it("names a secret that is not set, and does not tell one that is", async () => {
  soc.bindings = { ...env, PICKET_SECRETS: "" };
  const response = await publish(policy(60));
  expect(response.status).toBe(422);
  expect(await response.text()).toContain("DEVICE_SECRET");
  soc.bindings = { ...env };
});

it("publishes a good policy: encrypted, at the region at once, in force by its orders", async () => {
  const region = new TestRegion("local");
  expect(await region.stub.policy()).toBeNull();
  const response = await publish(policy(60));
  expect([response.status, await response.json()]).toEqual([201, { version: 1 }]);
  const sealed = await region.stub.policy();
  expect(sealed?.version).toBe(1);
  const opened = sealed && (await openImage(env.PICKET_KEY, sealed));
  expect(opened?.meta.services[0]?.owner).toBe("devices-team");
  expect(await region.report(report())).toMatchObject({ policyVersion: 1 });
  // A budget of its own: half of rowsPerDay (the rest is for deletes), one region.
  expect((await region.stub.health()).rowsPerDay).toBe(2_000_000);
});

it("does nothing when the same policy comes again, and publishes anew when a secret was rotated", async () => {
  expect([(await publish(policy(60))).status, await currentVersion()]).toEqual([200, 1]);
  soc.bindings = { ...env, PICKET_SECRETS: JSON.stringify({ "env:DEVICE_SECRET": "another-device-secret-of-32-bytes-or-more" }) };
  expect([(await publish(policy(60))).status, await currentVersion()]).toEqual([201, 2]);
  soc.bindings = { ...env };
});

it("gives publishers at the same time versions of their own, without a gap", async () => {
  const answers = await Promise.all([61, 62, 63].map((burst) => publish(policy(burst))));
  expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201]);
  const versions = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { version: number }).version));
  expect(versions.sort()).toEqual([3, 4, 5]);
  expect(await countOf("SELECT COUNT(*) AS n FROM policies")).toBe(5);
});

it("keeps serving the last policy after a restart while D1 is away", async () => {
  const region = new TestRegion("local");
  expect((await region.stub.policy())?.version).toBe(5);
  await evictDurableObject(region.stub);
  const away = () => {
    throw new Error("D1_ERROR: away");
  };
  const sealed = await region.inside((object) => {
    object.db = { prepare: away, batch: away } as unknown as D1Database;
    return object.policy();
  });
  expect(sealed?.version).toBe(5);
});

it("reaches a region that nobody told, with its next batch", async () => {
  const region = new TestRegion("untold");
  await region.report(report({ region: "untold" }));
  await region.pass(1000);
  expect(await region.report(report({ region: "untold", seq: 2 }))).toMatchObject({ policyVersion: 5 });
});

it("never shows an image, a key or the policy's text", async () => {
  const answers = await Promise.all(["/api/v1/policies/current", "/api/v1/overview", "/health"].map((path) => soc.call(path)));
  const text = (await Promise.all(answers.map((answer) => answer.text()))).join("\n");
  expect(text).toContain('"version":5');
  for (const hidden of ["a-device-secret", "DEVICE_SECRET", "image", "id.example"]) expect(text).not.toContain(hidden);
});
