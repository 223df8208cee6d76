import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isKnownSecret, MIN_BYTES, PREFIX_BYTES, prefixFile } from "../../cli/known-secrets/known-secret.ts";
import { prefixTable } from "../../cli/known-secrets/table.ts";
import { weaknessOf } from "../../cli/secret-problems.ts";
import { hmacKeyBytes } from "../../worker/policy/secret-bytes.ts";

const codeOf = (secret: string, encoding: "utf8" | "hex" | "base64url" = "utf8") => weaknessOf(secret, encoding)?.code ?? null;

const corpus = join(process.env.PICKET_CORPORA ?? join(import.meta.dirname, "../../../shared/corpora"), "jwt/jwt.secrets.list");
const list = existsSync(corpus) ? readFileSync(corpus, "utf8") : null;
if (list === null) process.stderr.write("no corpus jwt/jwt.secrets.list: 103,978 secrets are not tried\n");

describe.skipIf(list === null)("the published list of 103,978 secrets (PICKET_CORPORA)", () => {
  const secrets = (list ?? "").split(/\r?\n/);

  test("every one is refused, however it is written", () => {
    expect(secrets.length).toBeGreaterThan(103_900);
    const accepted = secrets.filter(
      (secret) =>
        codeOf(secret) === null ||
        codeOf(Buffer.from(secret).toString("hex"), "hex") === null ||
        codeOf(Buffer.from(secret).toString("base64url"), "base64url") === null,
    );
    expect(accepted).toEqual([]);
  });

  test("those that are long enough are known by the table, which is made from this list", () => {
    const long = secrets.filter((secret) => Buffer.from(secret).length >= MIN_BYTES);
    expect(long.every((secret) => isKnownSecret(Buffer.from(secret)))).toBe(true);
    expect(prefixTable(list ?? "").equals(readFileSync(prefixFile))).toBe(true);
  });
});

test("the table is small and in its order, so that a random secret is taken for a known one less than once in 10⁸", () => {
  const table = readFileSync(prefixFile);
  const count = table.length / PREFIX_BYTES;
  expect([Number.isInteger(count), count > 1000, table.length < 16_384]).toEqual([true, true, true]);
  for (let i = PREFIX_BYTES; i < table.length; i += PREFIX_BYTES) {
    expect(table.compare(table, i - PREFIX_BYTES, i, i, i + PREFIX_BYTES)).toBe(1);
  }
  expect(count / 2 ** (8 * PREFIX_BYTES)).toBeLessThan(1e-8);
});

test("10,000 random secrets of 256 bits are accepted, written in hex, base64url and as text", () => {
  const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  for (let i = 0; i < 10_000; i++) {
    const bytes = randomBytes(32);
    const text = [...randomBytes(40)].map((byte) => printable[byte % 94]).join("");
    const codes = [
      codeOf(bytes.toString("hex"), "hex"),
      codeOf(bytes.toString("base64url"), "base64url"),
      codeOf(bytes.toString("hex")),
      codeOf(bytes.toString("base64")),
      codeOf(text),
    ];
    expect(codes).toEqual([null, null, null, null, null]);
  }
});

const pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEabcdefghijklmnopqrstuvwxyz0123456789\n";
test.each([
  ["one character", "x".repeat(64)],
  ["a repeated word", "secret".repeat(10)],
  ["a word that is filled up", "supersecret".padEnd(48, "-")],
  ["the alphabet", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"],
  ["digits in order", "1234567890".repeat(4)],
  ["bytes in order", String.fromCharCode(...Array.from({ length: 60 }, (_, i) => 33 + i))],
  ["a public key", pem],
  ["a certificate", pem.replace("PUBLIC KEY", "CERTIFICATE")],
])("%s is weak, and the problem does not show it", (_, secret) => {
  const wrong = weaknessOf(secret, "utf8");
  expect(wrong?.code).toBe("secret_weak");
  expect(JSON.stringify(wrong)).not.toContain(secret.slice(0, 8));
});

test("a Worker refuses what is weak as well, by length and pattern alone", () => {
  expect(hmacKeyBytes("secret".repeat(10), "utf8")).toMatchObject({ ok: false, code: "secret_weak" });
  expect(hmacKeyBytes("00".repeat(32), "hex")).toMatchObject({ ok: false, code: "secret_weak" });
  expect(hmacKeyBytes("x".repeat(31), "utf8")).toMatchObject({ ok: false, code: "secret_too_short" });
});

test("whatever is repeated is weak, unless what is repeated is a secret itself", () => {
  const word = fc.uint8Array({ minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(word, fc.integer({ min: 32, max: 40 }), (bytes, times) => {
      expect(hmacKeyBytes(Buffer.concat(Array(times).fill(bytes)).toString("hex"), "hex")).toMatchObject({ code: "secret_weak" });
    }),
  );
  expect(codeOf(randomBytes(32).toString("hex").repeat(2))).toBeNull();
});
