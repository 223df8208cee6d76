import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { plainPolicy, put, testSecret } from "./policies.ts";

const picket = fileURLToPath(new URL("../../cli/picket.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "picket-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
  return path;
}

function run(args: string[], { env = {}, node = [] }: { env?: Record<string, string>; node?: string[] } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, picket, ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, ...env },
  });
  return { status, stdout, stderr };
}

const good = file("good.json", plainPolicy());

describe("picket", () => {
  test("alone and with an unknown command lists its commands, and exits 2", () => {
    const alone = run([]);
    expect(alone.status).toBe(2);
    expect(alone.stdout).toMatch(/picket COMMAND[\s\S]+lint .*[\s\S]+compile .*[\s\S]+schema /);
    const unknown = run(["lnit"]);
    expect(unknown).toMatchObject({ status: 2, stdout: "" });
    expect(unknown.stderr).toContain('there is no command "lnit"');
    expect(run(["constructor"]).status).toBe(2);
    expect(run(["--help"]).status).toBe(0);
  });

  test.each(["lint", "compile", "token", "schema"])("%s --help says how it is called", (command) => {
    const { status, stdout } = run([command, "--help"]);
    expect(status).toBe(0);
    expect(stdout).toContain(`picket ${command}`);
  });

  test("hands over to the Node among its packages where TypeScript does not run", () => {
    const { status, stdout } = run(["lint", good], { node: ["--no-strip-types"] });
    expect(stdout).toBe(`${good}: 1 service, 2 operations, no problems; not set here, so not checked: env:DEVICE_SECRET\n`);
    expect(status).toBe(0);
    expect(run(["lint"], { node: ["--no-strip-types"] }).status).toBe(2);
  });
});

describe("lint", () => {
  test("prints each problem with its place, and exits 1", () => {
    const policy = plainPolicy();
    put(policy, "services[0].failMode", "opne");
    put(policy, "limits[0].rate", "2.5/1s");
    const bad = file("bad.json", policy);
    const { status, stdout } = run(["lint", bad]);
    expect(status).toBe(1);
    const lines = readFileSync(bad, "utf8").split("\n");
    const lineOf = (text: string) => 1 + lines.findIndex((line) => line.includes(text));
    expect(stdout.split("\n")).toEqual([
      `${bad}:${lineOf('"opne"')}:7 services[0].failMode: this value is not known; did you mean "open"?: expected "closed" or "open", found "opne" (bad_value)`,
      `${bad}:${lineOf("2.5/1s")}:7 limits[0].rate: this is not a rate: expected REQUESTS/WINDOW in whole numbers, such as 600/1m, 5/10s, 100/1h or 1000/1d, found "2.5/1s" (rate_malformed)`,
      `${bad}: 2 problems`,
      "",
    ]);
  });

  test("shows warnings and exits 0", () => {
    const policy = plainPolicy();
    policy.limits.push({ name: "spare", by: "address", rate: "1/1s" });
    const { status, stdout } = run(["lint", file("warned.json", policy)]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^warning: .*limits\[2\]\.name: nothing uses this limit.*\(unused_limit\)\n.*no problems; .*\n$/);
  });

  test("judges the secrets that are set here, and shows none of them", () => {
    const lint = (DEVICE_SECRET: string) => run(["lint", good], { env: { DEVICE_SECRET } });
    expect(lint(testSecret).stdout).toBe(`${good}: 1 service, 2 operations, no problems\n`);
    for (const [secret, code] of [
      ["hunter2", "secret_too_short"],
      ["correct-horse-".repeat(4), "secret_weak"],
      ["59e2a436-6ece-46e6-9e6d-1d29f3ddb7a5", "secret_known"], // published in sample code
    ] as const) {
      const { status, stdout } = lint(secret);
      expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringContaining(`keys[0].secret: env:DEVICE_SECRET: `) });
      expect(stdout).toContain(`(${code})`);
      expect(stdout).not.toContain(secret.slice(0, 12));
      expect(run(["compile", good], { env: { DEVICE_SECRET: secret } }).stdout).toContain(`(${code})`);
    }
  });

  test.each([
    ["no file", [], /^picket lint POLICY/],
    ["two files", [good, good], /^picket lint POLICY/],
    ["an option", ["--fix"], /^picket lint POLICY/],
    ["a file that is not there", [join(folder, "none.yaml")], /cannot be read: there is no such file/],
    ["a directory", [folder], /cannot be read: it is a directory/],
  ])("with %s exits 2", (_, args, message) => {
    const { status, stdout, stderr } = run(["lint", ...args]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("refuses what is not UTF-8, and what is too large, in one sentence", () => {
    const path = join(folder, "latin.yaml");
    writeFileSync(path, Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    expect(run(["lint", path]).stderr).toBe(`${path} cannot be read: it is not UTF-8\n`);
    expect(run(["lint", file("large.yaml", "#".repeat(2 ** 20 + 1))]).stderr).toMatch(
      /^.*large\.yaml is larger than 1048576 bytes\n$/,
    );
  });
});

describe("compile", () => {
  test("takes secrets from the environment and from files beside the policy, without the line end", () => {
    file("device.key", `${testSecret}\n`);
    const policy = plainPolicy();
    put(policy, "authenticators[0].keys[0].secret", "file:device.key");
    const fromFile = join(folder, "file.img");
    const fromEnv = join(folder, "env.img");
    expect(run(["compile", file("file.json", policy), "--out", fromFile])).toMatchObject({ status: 0, stderr: "" });
    expect(run(["compile", good, "--out", fromEnv], { env: { DEVICE_SECRET: testSecret } })).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(readFileSync(fromFile)).toEqual(readFileSync(fromEnv));
    expect(statSync(fromEnv).mode & 0o777).toBe(0o600);
  });

  test("takes no secret from a file that is not UTF-8: another would be used than the one that was meant", () => {
    writeFileSync(join(folder, "bytes.key"), Buffer.alloc(40, 0xe9));
    const policy = plainPolicy();
    put(policy, "authenticators[0].keys[0].secret", "file:bytes.key");
    const { status, stdout } = run(["compile", file("bytes.json", policy)]);
    expect(status).toBe(1);
    expect(stdout).toContain("(secret_missing)");
  });

  test("names a missing secret and exits 1", () => {
    const { status, stdout } = run(["compile", good]);
    expect(status).toBe(1);
    expect(stdout).toContain("authenticators[0].keys[0].secret: env:DEVICE_SECRET: this secret is not set");
    expect(stdout).toContain("(secret_missing)");
  });

  test("an unknown option exits 2", () => {
    expect(run(["compile", good, "--output", "x"])).toMatchObject({ status: 2, stdout: "" });
  });
});

describe("token", () => {
  test("makes a key that it finds well-formed, and shows no key that it checks", () => {
    const { status, stdout } = run(["token", "new", "--id", "acme", "--scopes", "devices:read"]);
    const key = stdout.split("\n")[0] ?? "";
    expect(status).toBe(0);
    expect(stdout.split(key)).toHaveLength(2);
    expect(stdout).toMatch(/- \{ id: acme, sha256: "?[0-9a-f]{64}"?, scopes: \["devices:read"\] \}\n$/);
    expect(run(["token", "check", key])).toEqual({ status: 0, stdout: "well-formed\n", stderr: "" });
    const mistyped = run(["token", "check", key.replace(/.$/, (c) => (c === "0" ? "1" : "0"))]);
    expect(mistyped.status).toBe(1);
    expect(mistyped.stdout + mistyped.stderr).not.toContain(key.slice(8, 40));
  });

  test.each([[[]], [["check"]], [["check", "a", "b"]], [["new"]], [["revoke", "a"]]])("with %j exits 2", (args) => {
    expect(run(["token", ...args])).toMatchObject({ status: 2, stdout: "" });
  });
});

test("schema --check agrees with the file that is published", () => {
  expect(run(["schema", "--check"])).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(run(["schema", "--chek"]).status).toBe(2);
});
