import { beforeEach, describe, expect, it } from "vitest";
import { readKeySet } from "../../worker/gateway/key-set-fetch.ts";
import { COOL_DOWN_MS, KeySets, MAX_STALE_MS } from "../../worker/gateway/key-sets.ts";
import { newSigningKey } from "./signing-keys.ts";

const url = "https://id.example/jwks.json";
const keys = ["a", "b", "c"].map((kid) => newSigningKey("ES256", kid));
const jwkOf = (kid: string) => ({ kid, ...keys.find((key) => key.kid === kid)?.jwk });
const bodyOf = (...kids: string[]) => JSON.stringify({ keys: kids.map(jwkOf) });

/** An issuer's endpoint, and a clock that only waiting moves. */
class World {
  nowMs = 1_000_000;
  answer: () => Response = () => new Response(bodyOf("a"));
  latencyMs = 0;
  inits: RequestInit[] = [];
  lines: string[] = [];
  readonly sets = new KeySets({
    fetch: async (_, init) => {
      this.inits.push(init);
      const until = this.nowMs + this.latencyMs;
      while (this.nowMs < until) await Promise.resolve();
      return this.answer();
    },
    now: () => this.nowMs,
    wait: async (ms) => {
      const until = this.nowMs + ms;
      await Promise.resolve();
      this.nowMs = Math.max(this.nowMs, until);
    },
    log: (line) => void this.lines.push(line),
  });
  async find(kid: string | null): Promise<string> {
    const found = await this.sets.find(url, "ES256", kid);
    return found.ok ? `key ${found.key.kid}` : found.code;
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

describe("a key set", () => {
  it("is fetched once for its age, and then again", async () => {
    for (let i = 0; i < 5; i++) expect(await world.find("a")).toBe("key a");
    expect(world.sets.fetches).toBe(1);
    world.nowMs += 300_000;
    expect(await world.find("a")).toBe("key a");
    expect(world.sets.fetches).toBe(2);
    expect(world.inits[0]).toMatchObject({ redirect: "manual" });
  });

  it.each([
    ["max-age=120", 120],
    ["public, max-age=5", 60],
    ["max-age=999999999", 3600],
    ["no-store", 300],
    ["s-maxage=700", 300],
  ])("is as old as %s allows, within bounds: %i s", async (directive, seconds) => {
    world.answer = () => new Response(bodyOf("a"), { headers: { "Cache-Control": directive } });
    await world.find("a");
    world.nowMs += seconds * 1000 - 1;
    await world.find("a");
    expect(world.sets.fetches).toBe(1);
    world.nowMs += 1;
    await world.find("a");
    expect(world.sets.fetches).toBe(2);
  });

  it("rotates in the very millisecond in which it was fetched", async () => {
    expect(await world.find("a")).toBe("key a");
    world.answer = () => new Response(bodyOf("a", "b"));
    expect(await world.find("b")).toBe("key b");
    expect(world.sets.fetches).toBe(2);
  });

  it("rotates without a refused request, at whatever moment", async () => {
    await world.find("a");
    world.answer = () => new Response(bodyOf("a", "b"));
    world.nowMs += 1;
    expect(await world.find("b")).toBe("key b");
    expect(await world.find("a")).toBe("key a");
    world.answer = () => new Response(bodyOf("b", "c"));
    world.nowMs += COOL_DOWN_MS;
    expect(await world.find("c")).toBe("key c");
    expect(await world.find("a")).toBe("key_unknown");
    expect(world.sets.fetches).toBe(3);
  });

  it("rotates for all who ask while one of them fetches", async () => {
    await world.find("a");
    world.answer = () => new Response(bodyOf("b"));
    world.latencyMs = 100;
    world.nowMs += 1;
    expect(await Promise.all(["b", "b", "b", "b"].map((kid) => world.find(kid)))).toEqual(Array(4).fill("key b"));
    expect(world.sets.fetches).toBe(2);
  });

  it("is fetched once by many who start cold together", async () => {
    world.latencyMs = 100;
    expect(await Promise.all(["a", "a", "a"].map((kid) => world.find(kid)))).toEqual(Array(3).fill("key a"));
    expect(world.sets.fetches).toBe(1);
  });

  it("costs a flood of unknown kids at most one fetch a cool-down", async () => {
    await world.find("a");
    const before = world.sets.fetches;
    for (let i = 0; i < 10_000; i++) {
      world.nowMs += 15; // 150 s in all, within the set's age
      expect(await world.find(`junk-${i}`)).toBe("key_unknown");
    }
    expect(world.sets.fetches - before).toBe(Math.ceil(150_000 / COOL_DOWN_MS));
    expect(await world.find("a")).toBe("key a");
  });

  it("serves while its endpoint fails, up to the stated age, asking once a cool-down", async () => {
    await world.find("a");
    world.answer = () => new Response("", { status: 500 });
    world.nowMs += 300_000;
    for (let i = 0; i < 10; i++) expect(await world.find("a")).toBe("key a");
    expect(world.sets.fetches).toBe(2);
    world.nowMs += COOL_DOWN_MS;
    expect(await world.find("a")).toBe("key a");
    expect(world.sets.fetches).toBe(3);
    world.nowMs += MAX_STALE_MS - COOL_DOWN_MS;
    expect(await world.find("a")).toBe("keys_unavailable");
    world.answer = () => new Response(bodyOf("a"));
    world.nowMs += COOL_DOWN_MS;
    expect(await world.find("a")).toBe("key a");
  });

  it("says that there are no keys where none ever came, asking once a cool-down", async () => {
    world.answer = () => {
      throw new TypeError("away");
    };
    for (let i = 0; i < 5; i++) expect(await world.find("a")).toBe("keys_unavailable");
    expect(world.sets.fetches).toBe(1);
  });

  it("is fetched anew when the request that fetched it went away", async () => {
    world.answer = () => new Response(bodyOf("a"));
    const stuck = new KeySets({
      fetch: () => (world.sets.fetches++ === 0 ? new Promise<Response>(() => {}) : Promise.resolve(world.answer())),
      now: () => world.nowMs,
      wait: async (ms) => {
        world.nowMs += ms;
      },
      log: () => {},
    });
    void stuck.find(url, "ES256", "a"); // cut off: it never goes on
    expect(await stuck.find(url, "ES256", "a")).toMatchObject({ ok: false });
    expect(await stuck.find(url, "ES256", "a")).toMatchObject({ ok: true });
  });

  it.each([
    ["a redirect", () => new Response(null, { status: 302, headers: { Location: "http://169.254.169.254/" } }), "redirected"],
    ["a failure", () => new Response("", { status: 503 }), "status_503"],
    ["no JSON", () => new Response("<html>"), "not_json"],
    ["no set", () => new Response('{"keys":{}}'), "not_a_key_set"],
    ["an empty set", () => new Response('{"keys":[]}'), "no_usable_keys"],
    ["more than 64 KB", () => new Response(`{"x":"${"x".repeat(70_000)}"}`), "too_large"],
  ])("is not what it takes: %s", async (_, answer, code) => {
    world.answer = answer;
    expect(await world.find("a")).toBe("keys_unavailable");
    expect(world.lines).toEqual([`key set ${url}: ${code}`]);
  });

  it("reads no more than 64 KB of an endless answer", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(1024).fill(0x20));
      },
    });
    world.answer = () => new Response(endless);
    expect(await world.find("a")).toBe("keys_unavailable");
    expect(pulled).toBeLessThan(70);
  });

  it("keeps what was imported of a key that has not changed", async () => {
    const first = await world.sets.find(url, "ES256", "a");
    world.nowMs += 300_000;
    const second = await world.sets.find(url, "ES256", "a");
    expect(first.ok && second.ok && first.key === second.key).toBe(true);
  });
});

describe("keys of a set", () => {
  const rsa = newSigningKey("RS256", "r").jwk;
  const ec = keys[0]?.jwk ?? {};
  it.each([
    ["a private key", { ...ec, d: "AAAA" }, "jwk_private"],
    ["a shared secret", { kty: "oct", k: "AAAA" }, "jwk_private"],
    ["an RSA key of 1024 bits", { ...rsa, n: rsa.n?.slice(0, 171) }, "rsa_size_refused"],
    ["an RSA key of 9000 bits", { ...rsa, n: "x".repeat(1501) }, "jwk_malformed"],
    ["an RSA exponent of 1", { ...rsa, e: "AQ" }, "jwk_malformed"],
    ["an even RSA exponent", { ...rsa, e: "AQAA" }, "jwk_malformed"],
    ["a key for encryption", { ...rsa, use: "enc" }, "jwk_not_for_signatures"],
    ["a key that may only sign", { ...rsa, key_ops: ["sign"] }, "jwk_not_for_signatures"],
    ["an RSA key for ES256", { ...rsa, alg: "ES256" }, "jwk_not_for_signatures"],
    ["an RSA key for HS256", { ...rsa, alg: "HS256" }, "jwk_not_for_signatures"],
    ["an EC key for another curve's algorithm", { ...ec, alg: "ES384" }, "jwk_not_for_signatures"],
    ["an unknown curve", { ...ec, crv: "secp256k1" }, "jwk_type_unsupported"],
    ["an unknown type", { kty: "PQ" }, "jwk_type_unsupported"],
    ["a short coordinate", { ...ec, x: "AAAA" }, "jwk_malformed"],
    ["a kid that is no text", { ...ec, kid: 7 }, "jwk_malformed"],
    ["nothing", null, "jwk_malformed"],
  ])("leave out %s", (_, jwk, code) => {
    const read = readKeySet(JSON.stringify({ keys: [jwk, { ...ec, kid: "good" }] }));
    expect(read).toMatchObject({ ok: true, skipped: [{ index: 0, code }], keys: [{ kid: "good" }] });
  });

  it("take the first of two with one kid, and sixty-four at most", () => {
    const twice = readKeySet(JSON.stringify({ keys: [jwkOf("a"), { ...jwkOf("b"), kid: "a" }] }));
    expect(twice).toMatchObject({
      ok: true,
      keys: [{ kid: "a", jwk: { x: ec.x } }],
      skipped: [{ index: 1, code: "duplicate_kid" }],
    });
    const many = readKeySet(JSON.stringify({ keys: Array.from({ length: 70 }, (_, i) => ({ ...ec, kid: `k${i}` })) }));
    expect(many.ok && [many.keys.length, many.skipped.length]).toEqual([64, 6]);
  });
});
