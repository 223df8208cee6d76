import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CompiledPolicy } from "../../worker/policy/compiled.ts";
import { limitSeed, openImage, type SealedPolicy, sealImage } from "../../worker/policy/seal.ts";

const key = Buffer.alloc(32, 7).toString("base64");
const otherKey = Buffer.alloc(32, 8).toString("base64");
const meta = {
  version: 3,
  services: [],
  operations: [],
  authenticators: [],
  limits: [],
  credentialHeaders: ["authorization"],
  roles: [],
  usesHost: false,
  telemetry: { rowsPerDay: 1000, retainDays: 1 },
};
const secrets = [{ authenticator: 0, kid: null, key: "c2VjcmV0" }];
const compiled: CompiledPolicy = { version: 3, image: Uint8Array.from({ length: 300 }, (_, i) => i), meta, secrets };

test("what was sealed opens to the same", async () => {
  const sealed = await sealImage(key, compiled);
  expect(await openImage(key, sealed)).toEqual(compiled);
});

test("a part of a larger buffer is sealed alone", async () => {
  const larger = new Uint8Array(100).fill(1);
  const part = { ...compiled, image: larger.subarray(10, 20) };
  expect((await openImage(key, await sealImage(key, part)))?.image).toEqual(new Uint8Array(10).fill(1));
});

test("one IV gives one ciphertext, and every sealing draws another", async () => {
  const iv = new Uint8Array(12).fill(9);
  expect(await sealImage(key, compiled, iv)).toEqual(await sealImage(key, compiled, iv));
  const [first, second] = [await sealImage(key, compiled), await sealImage(key, compiled)];
  expect(first.image).not.toEqual(second.image);
});

test("the image is nowhere to be seen in what is stored", async () => {
  const sealed = await sealImage(key, compiled);
  expect(Buffer.from(sealed.image).includes(Buffer.from(compiled.image.subarray(0, 8)))).toBe(false);
});

describe("null, and no exception, for", () => {
  const refused = async (change: (sealed: SealedPolicy) => SealedPolicy, withKey = key) => {
    expect(await openImage(withKey, change(await sealImage(key, compiled)))).toBeNull();
  };

  test("another key", () => refused((sealed) => sealed, otherKey));
  test.each(["", "AAAA", "not base64!", Buffer.alloc(31).toString("base64"), Buffer.alloc(33).toString("base64")])(
    "a key that is none: %j",
    (bad) => refused((sealed) => sealed, bad),
  );
  test("another version", () => refused((sealed) => ({ ...sealed, version: 4 })));
  test("another meta", () => refused((sealed) => ({ ...sealed, meta: sealed.meta.replace("1000", "9000") })));
  test("nothing", () => refused((sealed) => ({ ...sealed, image: new Uint8Array(0) })));

  test("any flipped bit and any cut", async () => {
    const sealed = await sealImage(key, compiled);
    const length = sealed.image.length;
    await fc.assert(
      fc.asyncProperty(fc.nat(length * 8 - 1), fc.nat(length - 1), async (bit, cut) => {
        const flipped = sealed.image.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(await openImage(key, { ...sealed, image: flipped })).toBeNull();
        expect(await openImage(key, { ...sealed, image: sealed.image.slice(0, cut) })).toBeNull();
      }),
      { numRuns: 200 },
    );
  });
});

test("the limits' seed is 16 bytes of the key's own, and no other key's", async () => {
  const seed = await limitSeed(key);
  expect(seed).toHaveLength(16);
  expect(await limitSeed(key)).toEqual(seed);
  expect(await limitSeed(otherKey)).not.toEqual(seed);
});

test("sealing without a usable key says what is needed", async () => {
  await expect(sealImage("", compiled)).rejects.toThrow("PICKET_KEY must be 32 bytes in base64");
  await expect(limitSeed("AAAA")).rejects.toThrow("PICKET_KEY must be 32 bytes in base64");
});
