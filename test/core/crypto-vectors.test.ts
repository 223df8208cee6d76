import { createHash, createHmac } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import type { CoreExports } from "../../worker/engine/core.ts";
import { newCore } from "./core-fixture.ts";

interface CryptoExports extends CoreExports {
  sha256(address: number, length: number, out: number): void;
  hmac_sha256(keyAddress: number, keyLength: number, address: number, length: number, out: number): void;
  json_scan(address: number, length: number): number;
}

const corpora = process.env.PICKET_CORPORA ?? "../shared/corpora";
const core = newCore() as unknown as CryptoExports;
const memory = new Uint8Array(core.memory.buffer);
// An image slot that nothing is loaded into serves as working memory.
const MESSAGE = abi.IMAGE_SLOT_1;
const KEY = MESSAGE + 0x100000;
const OUT = KEY + 0x10000;

const digest = () => Buffer.from(memory.subarray(OUT, OUT + 32)).toString("hex");

function sha256(message: Uint8Array): string {
  memory.set(message, MESSAGE);
  core.sha256(MESSAGE, message.length, OUT);
  return digest();
}

function hmac(key: Uint8Array, message: Uint8Array): string {
  memory.set(key, KEY);
  memory.set(message, MESSAGE);
  core.hmac_sha256(KEY, key.length, MESSAGE, message.length, OUT);
  return digest();
}

function scan(json: Uint8Array): number {
  memory.set(json, MESSAGE);
  return core.json_scan(MESSAGE, json.length);
}

describe("SHA-256 (FIPS 180-4)", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
  ])("hashes %j", (message, expected) => {
    expect(sha256(Buffer.from(message))).toBe(expected);
  });

  it("agrees with Node at every length around the block borders, and on random messages", () => {
    for (let length = 0; length < 300; length++) {
      const message = Buffer.alloc(length, length);
      expect(sha256(message)).toBe(createHash("sha256").update(message).digest("hex"));
    }
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 9000 }),
        (message) => sha256(message) === createHash("sha256").update(message).digest("hex"),
      ),
      { numRuns: 300 },
    );
  });
});

describe("HMAC-SHA-256 (RFC 2104)", () => {
  it("answers RFC 4231's test case 2", () => {
    expect(hmac(Buffer.from("Jefe"), Buffer.from("what do ya want for nothing?"))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });

  it("agrees with Node on random keys and messages", () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(bytes, bytes, (key, message) => hmac(key, message) === createHmac("sha256", key).update(message).digest("hex")),
      { numRuns: 500 },
    );
  });

  const file = join(corpora, "wycheproof/hmac_sha256_test.json");
  it.skipIf(!existsSync(file))("judges Wycheproof's 174 HMAC-SHA-256 vectors as published", () => {
    const { testGroups } = JSON.parse(readFileSync(file, "utf8")) as {
      testGroups: { tagSize: number; tests: { key: string; msg: string; tag: string; result: string; tcId: number }[] }[];
    };
    let judged = 0;
    for (const { tagSize, tests } of testGroups) {
      for (const { key, msg, tag, result, tcId } of tests) {
        const computed = hmac(Buffer.from(key, "hex"), Buffer.from(msg, "hex")).slice(0, tagSize / 4);
        expect([tcId, computed === tag]).toEqual([tcId, result === "valid"]);
        judged++;
      }
    }
    expect(judged).toBe(174);
  });
});

describe("JSON scanner (RFC 8259)", () => {
  const folder = join(corpora, "json-parsing");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => /^[yn]_.*\.json$/.test(name)) : [];

  // Our bounds are tighter than JSON's: eight levels, 64 members, one member of a name, a claims object outside.
  it.skipIf(files.length === 0)("never accepts what JSON.parse refuses, over JSONTestSuite", () => {
    const accepted = files.filter(
      (name) => name.startsWith("n_") && scan(readFileSync(join(folder, name)).subarray(0, 0x80000)) === 0,
    );
    expect(accepted).toEqual([]);
  });

  it.skipIf(files.length === 0)("accepts what JSON.parse accepts, wrapped into a claim, within its stated bounds", () => {
    const refused = files.filter((name) => {
      if (!name.startsWith("y_")) return false;
      const value = readFileSync(join(folder, name));
      return scan(Buffer.concat([Buffer.from('{"claim":'), value, Buffer.from("}")])) !== 0;
    });
    expect(refused).toEqual([]);
  });

  it("agrees with JSON.parse on random claims and on one changed byte of them", () => {
    const claims = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 20 });
    fc.assert(
      fc.property(claims, fc.nat(), fc.integer({ min: 0x20, max: 0x7e }), (object, at, byte) => {
        const json = Buffer.from(JSON.stringify(object));
        if (depthOf(object) > abi.MAX_JSON_DEPTH) return true;
        if (scan(json) !== 0) return false;
        json[at % json.length] = byte;
        return scan(json) !== 0 || isJson(json.toString());
      }),
      { numRuns: 3000 },
    );
  });

  it("holds its bounds", () => {
    const nested = (depth: number) => Buffer.from(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    const members = (count: number) =>
      Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, i]))));
    expect([scan(nested(abi.MAX_JSON_DEPTH)) === 0, scan(nested(abi.MAX_JSON_DEPTH + 1)) === 0]).toEqual([true, false]);
    expect([scan(members(abi.MAX_CLAIMS)) === 0, scan(members(abi.MAX_CLAIMS + 1)) === 0]).toEqual([true, false]);
    expect(scan(Buffer.from('{"iss":1,"\\u0069ss":2}'))).not.toBe(0);
  });
});

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
