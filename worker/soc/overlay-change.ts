import { z } from "@hono/zod-openapi";
import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import type { PolicyMeta } from "../policy/compiled.ts";
import { askRegions, regionNames } from "./regions.ts";

const utf8 = new TextEncoder();

/** Bytes of UTF-8. */
export const bytesOf = (text: string) => utf8.encode(text).length;

/** One line of text, without control characters. */
export const lineSchema = (mostBytes: number) =>
  z
    .string()
    .min(1)
    .refine((text) => bytesOf(text) <= mostBytes, { error: `longer than ${mostBytes} bytes` })
    .regex(/^\P{Cc}*$/u, { error: "it has control characters" });

export const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: "this is no authenticator's name" });

/** What every change of revocations, grants and exemptions answers beside its row. */
export const changeSchema = z.object({
  generation: z.number().openapi({ description: "Number of the list that holds the change" }),
  pending: z.array(z.string()).openapi({
    description: "Regions that did not answer: they learn of it by themselves; the same request once more tells them again",
  }),
});

export type Authenticator = PolicyMeta["authenticators"][number];

/** The authenticator of that name in the newest policy. */
export async function authenticatorNamed(db: D1Database, name: string): Promise<Authenticator | null> {
  return (await newestAuthenticators(db)).find((one) => one.name === name) ?? null;
}

/** Names of the newest policy's authenticators. */
export async function authenticatorNames(db: D1Database): Promise<string[]> {
  return (await newestAuthenticators(db)).map(({ name }) => name);
}

async function newestAuthenticators(db: D1Database): Promise<Authenticator[]> {
  return (await newestMeta(db))?.authenticators ?? [];
}

export async function newestMeta(db: D1Database): Promise<PolicyMeta | null> {
  const policy = await selectNewestPolicy(db).first<PolicyRow>();
  return policy && (JSON.parse(policy.meta) as PolicyMeta);
}

/** Tells every region of a change. Gives those that did not answer. */
export async function tellRegions(env: Env, generation: number): Promise<string[]> {
  const names = regionNames(env, []);
  const told = await askRegions(env, names, async (region) => {
    await region.overlayChanged(generation);
    return true;
  });
  return names.filter((_, index) => told[index] === null);
}
