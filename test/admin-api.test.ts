import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { instantMs, openAdminApi } from "../cli/admin-api.ts";

const data = mkdtempSync(join(tmpdir(), "picket-admin-"));
writeFileSync(join(data, "picket.json"), JSON.stringify({ adminToken: "local" }));
const env = { PICKET_ADMIN_TOKEN: "secret" };

test.each([
  ["plain http to another host", { url: "http://picket.example" }, env, /is not sent over http to picket\.example/],
  ["no address", { url: "picket.example" }, env, /is not an http\(s\) address/],
  ["another scheme", { url: "ftp://127.0.0.1" }, env, /is not an http\(s\) address/],
  [
    "no token, elsewhere: a local run's is not sent there",
    { url: "https://picket.example", data },
    {},
    /^PICKET_ADMIN_TOKEN is not set$/,
  ],
  ["no token, here", { data: join(data, "none") }, {}, /holds none: name the run's --data directory/],
])("sends the administrator's token nowhere: %s", (_, options, given, message) => {
  expect(openAdminApi(options, given)).toEqual({ ok: false, message: expect.stringMatching(message) });
});

test("takes a local run's token, and a deployment's over https", () => {
  expect(openAdminApi({ data }, {}).ok).toBe(true);
  expect(openAdminApi({ url: "http://[::1]:8787", data }, {}).ok).toBe(true);
  expect(openAdminApi({ url: "https://picket.example" }, env).ok).toBe(true);
});

test("reads instants as people write them, and nothing else", () => {
  expect(["90s", "30m", "12h", "7d"].map((text) => instantMs(text, 1))).toEqual([90_001, 1_800_001, 43_200_001, 604_800_001]);
  expect(instantMs("2026-11-24T10:00:00Z", 0)).toBe(Date.UTC(2026, 10, 24, 10));
  expect(["", "soon", "5", "-5m", "2026-13-01", "1.5h", "24/11/2026"].map((text) => instantMs(text, 0))).toEqual(
    Array(7).fill(null),
  );
});
