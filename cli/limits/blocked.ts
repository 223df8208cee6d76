import { parseArgs } from "node:util";
import { adminOptions, iso, openAdminApi } from "../admin-api.ts";

/** As the SOC API answers it. */
export interface Penalty {
  region: string;
  limit: string;
  key: string;
  authenticator: string;
  principal: string;
  address: string;
  state: string;
  untilMs: number;
  refusals: number;
  knocks: number;
  clearedBy: string | null;
  clearedMs: number | null;
}

interface Listing {
  most: number;
  total: number;
  penalties: Penalty[];
  regions: { region: string; refusalsUnlisted: number; keysForgotten: number; blocksUnkept: number }[];
  silent: string[];
}

const options = {
  limit: { type: "string" },
  principal: { type: "string" },
  authenticator: { type: "string" },
  key: { type: "string" },
  ...adminOptions,
} as const;

type Given = Partial<Record<keyof typeof options, string>>;

/** Prints the penalty boxes. @returns exit code */
export async function blocked(args: readonly string[]): Promise<number> {
  const given = read(args);
  if (given === null || given.key !== undefined || given.authenticator !== undefined) {
    return wrong("picket limits blocked takes --limit and --principal");
  }
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  const { limit, principal } = given;
  const query = new URLSearchParams({
    ...(limit === undefined ? {} : { limit }),
    ...(principal === undefined ? {} : { principal }),
  });
  const answer = await opened.api.call("GET", `/penalties?${query}`);
  if (!answer.ok) return failed(answer.message);
  for (const line of tableOf(answer.body as Listing)) console.log(line);
  return 0;
}

/** Lets out. @returns exit code */
export async function release(args: readonly string[]): Promise<number> {
  const given = read(args);
  if (given === null || given.limit === undefined || (given.key === undefined) === (given.principal === undefined)) {
    return wrong("picket limits release needs --limit, and --principal or --key");
  }
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  const { limit, key, principal, authenticator } = given;
  const answer = await opened.api.call("POST", "/penalties/release", { limit, key, principal, authenticator });
  if (!answer.ok) return failed(answer.message);
  const { released, pending } = answer.body as { released: Penalty[]; pending: string[] };
  for (const one of released) console.log(`${one.region}: ${one.limit} ${whoOf(one)} is let out (key ${one.key})`);
  console.log("It is in force in those regions within two seconds.");
  if (pending.length > 0) console.log(`Regions that did not answer: ${pending.join(", ")}. Run this again to let out there.`);
  return pending.length === 0 ? 0 : 1;
}

/** The boxes as a table, and below it what may be missing from them. */
export function tableOf({ most, total, penalties, regions, silent }: Listing): string[] {
  const head = ["REGION", "LIMIT", "STATE", "UNTIL", "REFUSALS", "KNOCKS", "KEY", "WHO"];
  const rows = penalties.map((one) => [
    ...[one.region, one.limit, stateOf(one), iso(one.clearedMs ?? one.untilMs), String(one.refusals), String(one.knocks)],
    ...[one.key, whoOf(one)],
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const inForce = penalties.filter(({ state }) => state === "blocked").length;
  return [
    ...(rows.length === 0 ? [] : lines),
    `${inForce} blocked; each region blocks ${most} at most`,
    ...(total > penalties.length
      ? [`${total - penalties.length} more are not shown: narrow the list by --limit or --principal`]
      : []),
    ...regions.flatMap(missing),
    ...(silent.length === 0 ? [] : [`Regions that did not answer: ${silent.join(", ")}`]),
  ];
}

function missing({ region, refusalsUnlisted, keysForgotten, blocksUnkept }: Listing["regions"][number]): string[] {
  if (refusalsUnlisted + keysForgotten + blocksUnkept === 0) return [];
  return [
    `${region}: ${refusalsUnlisted} refusals not listed, ${keysForgotten} keys forgotten, ${blocksUnkept} blocks not kept, for want of room`,
  ];
}

function stateOf({ state, clearedBy }: Penalty): string {
  return state === "released" ? `let out by ${shown(clearedBy ?? "")}` : state;
}

function whoOf({ authenticator, principal, address }: Penalty): string {
  const who = principal === "" ? [] : [authenticator, shown(principal)];
  return [...who, shown(address)].filter((text) => text !== "").join(" ");
}

/** What a caller is called must not drive a terminal. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

function read(args: readonly string[]): Given | null {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch {
    return null; // parseArgs throws at what it does not know
  }
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed(message: string): number {
  console.error(`picket limits: ${message}`);
  return 1;
}
