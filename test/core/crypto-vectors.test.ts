import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coreHmac as hmac, coreSha256 as sha256 } from "./core-hash.ts";

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

  it("hashes a million times the letter a", () => {
    expect(sha256(Buffer.alloc(1_000_000, "a"))).toBe("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
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
  // RFC 4231 §4.2–4.8; case 5 is published truncated to 128 bits.
  const largeKeyFirst = "Test Using Larger Than Block-Size Key - Hash Key First";
  const largeKeyAndData =
    "This is a test using a larger than block-size key and a larger than block-size data. " +
    "The key needs to be hashed before being used by the HMAC algorithm.";
  it.each([
    [1, Buffer.alloc(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
    [2, Buffer.from("Jefe"), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
    [3, Buffer.alloc(20, 0xaa), Buffer.alloc(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
    [
      4,
      Buffer.from("0102030405060708090a0b0c0d0e0f10111213141516171819", "hex"),
      Buffer.alloc(50, 0xcd),
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ],
    [5, Buffer.alloc(20, 0x0c), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"],
    [6, Buffer.alloc(131, 0xaa), largeKeyFirst, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"],
    [7, Buffer.alloc(131, 0xaa), largeKeyAndData, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"],
  ])("answers RFC 4231's test case %i", (_, key, message, expected) => {
    expect(hmac(key, Buffer.from(message)).slice(0, expected.length)).toBe(expected);
  });

  it("agrees with Node on random keys and messages", () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(bytes, bytes, (key, message) => hmac(key, message) === createHmac("sha256", key).update(message).digest("hex")),
      { numRuns: 500 },
    );
  });
});
