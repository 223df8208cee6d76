import { evictDurableObject } from "cloudflare:test";
import { beforeAll, expect, it } from "vitest";
import type { LiveHello, LiveTick } from "../../worker/region/live-message.ts";
import { NOON_MS, report, sample, TestRegion } from "./region-fixture.ts";
import { codeOf, TestSoc } from "./soc-fixture.ts";

let soc: TestSoc;
beforeAll(async () => {
  soc = await TestSoc.signedIn();
});

const upgrade = { origin: "http://127.0.0.1:8787", headers: { Upgrade: "websocket" } };

async function listen(): Promise<{ messages: (LiveHello | LiveTick)[]; socket: WebSocket }> {
  const response = await soc.call("/api/v1/live?region=local", upgrade);
  expect(response.status).toBe(101);
  expect(response.headers.get("X-Request-Id")).toMatch(/^[0-9a-f]{16}$/);
  const socket = response.webSocket as WebSocket;
  const messages: (LiveHello | LiveTick)[] = [];
  socket.addEventListener("message", (event) => void messages.push(JSON.parse(event.data as string)));
  socket.accept();
  return { messages, socket };
}

const settle = (messages: unknown[], count: number) => expect.poll(() => messages.length).toBe(count);

it("says hello, then what changed, and comes through the object's hibernation", async () => {
  const region = new TestRegion();
  await region.inside(() => {});
  const { messages, socket } = await listen();
  await settle(messages, 1);
  expect(messages[0]).toMatchObject({ type: "hello", region: "local", pulse: { stepMs: 2000 }, events: [] });
  expect((messages[0] as LiveHello).pulse.steps).toHaveLength(450);

  await region.report(report());
  await region.pass(1000);
  await settle(messages, 2);
  expect(messages[1]).toMatchObject({ type: "tick", reported: 4, skipped: 3, policyVersion: 0 });
  const tick = messages[1] as LiveTick;
  expect(tick.events.map((event) => event.id)).toEqual(["00000000000000aa"]);
  expect(tick.pulse.reduce((sum, step) => sum + step.requests, 0)).toBe(4);

  await evictDurableObject(region.stub);
  await region.report(report({ seq: 2 }));
  await region.pass(2000);
  await settle(messages, 3);
  expect(messages[2]).toMatchObject({ type: "tick", reported: 8 });
  socket.close();
});

it("shows at most 40 events a tick, those that the sampler would keep, and counts the rest", async () => {
  const region = new TestRegion("local", NOON_MS + 60_000);
  await region.inside(() => {});
  const { messages, socket } = await listen();
  const samples = Array.from({ length: 100 }, (_, index) =>
    sample({ id: index.toString(16).padStart(16, "0"), priority: index + 1 }),
  );
  await region.report(report({ seq: 3, allowed: 999, refused: 1, samples }));
  await region.pass(1000);
  await settle(messages, 2);
  const tick = messages[1] as LiveTick;
  expect(tick.events).toHaveLength(40);
  expect(Math.min(...tick.events.map((event) => event.priority))).toBe(61);
  expect(tick.skipped).toBe(960);
  socket.close();
});

it("does not listen", async () => {
  const { socket } = await listen();
  const closed = new Promise<number>((resolve) => socket.addEventListener("close", (event) => resolve(event.code)));
  socket.send("anything");
  expect(await closed).toBe(1003);
});

it("is bounded in listeners", async () => {
  const sockets: WebSocket[] = [];
  for (let count = 0; count < 64; count++) {
    const response = await soc.call("/api/v1/live?region=local", upgrade);
    if (response.status !== 101) break;
    response.webSocket?.accept();
    sockets.push(response.webSocket as WebSocket);
  }
  const response = await soc.call("/api/v1/live?region=local", upgrade);
  expect([response.status, await codeOf(response)]).toEqual([503, "region_unavailable"]);
  for (const socket of sockets) socket.close();
});

it("knows its regions, and speaks WebSocket only", async () => {
  expect(await codeOf(await soc.call("/api/v1/live?region=elsewhere", upgrade))).toBe("region_unknown");
  expect(await codeOf(await soc.call("/api/v1/live", upgrade))).toBe("region_unknown");
  expect((await soc.call("/api/v1/live?region=local", { origin: upgrade.origin })).status).toBe(426);
});
