import { beforeAll, expect, it, vi } from "vitest";
import { Gateway, secret } from "./gateway-fixture.ts";
import { attackedPolicy, attacks, goodTokens, newWorld, type World } from "./jwt-attack-list.ts";

let world: World;
let gateway: Gateway;
beforeAll(async () => {
  world = await newWorld(secret);
  gateway = await Gateway.start(attackedPolicy(world));
});

async function send(token: string): Promise<Response> {
  return gateway.send("/x", { headers: { Authorization: `Bearer ${token}` } });
}

it("lets in what is in order", async () => {
  for (const token of await goodTokens(world)) expect((await send(token)).status).toBe(200);
});

it("has a name of its own for each attack", () => {
  expect(new Set(attacks.map(([name]) => name)).size).toBe(attacks.length);
});

it.each(attacks)("refuses %s", async (_, attack) => {
  const before = gateway.seen.length;
  const fetched = vi.spyOn(globalThis, "fetch");
  const response = await send(await attack(world));
  expect([response.status, gateway.seen.length - before, fetched.mock.calls.length]).toEqual([401, 0, 0]);
  fetched.mockRestore();
});

it("refuses a policy that would let a public key verify HS256", async () => {
  const bad = `
picket: 1
services: [{ name: a, upstream: binding:A, auth: [a] }]
authenticators: [{ name: a, type: jwt, issuer: i, audience: a, algorithms: [HS256], keys: [{ kid: k, jwk: ${JSON.stringify(world.rsaJwk)} }] }]
`;
  await expect(Gateway.start(bad)).rejects.toThrow("algorithm_without_key");
});
