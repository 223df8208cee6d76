import { isDeepStrictEqual } from "node:util";
import { isMap, parse } from "yaml";
import { applyEdits, changedLines, type Edit, YamlEdit } from "./yaml-edit.ts";

/** As the policy's text says it, not as the schema reads it. */
type Fields = Record<string, unknown>;

export interface OperationPlace {
  service: string;
  method: string;
  template: string;
  /** In the policy. */
  path: [string, number, string, number];
  /** What one request of it counts for. */
  cost: number;
}

export interface WantedLimit {
  /** Requests a minute. */
  count: number;
  burst: number;
  mode: "enforce" | "shadow";
}

export type PolicyEdit =
  | { ok: true; text: string; diff: string; name: string }
  | { ok: false; code: "has_limit"; message: string; name: string }
  | { ok: false; code: "not_editable"; message: string };

/** Every operation of a policy's text that `picket lint` accepts. */
export function operationsIn(text: string): OperationPlace[] {
  const services = list((parse(text) as Fields).services);
  return services.flatMap((service, s) =>
    list(service.operations).map((one, o) => {
      const [method = "", template = ""] = typeof one === "string" ? (one as string).split(" ") : [one.method, one.path];
      const cost = typeof one === "string" ? 1 : Number(one.cost ?? 1);
      const path: OperationPlace["path"] = ["services", s, "operations", o];
      return { service: String(service.name), method: String(method), template: String(template), path, cost };
    }),
  );
}

/**
 * Gives an operation a limit by principal, in the text of a policy that `picket lint` accepts; nothing else of it changes.
 *
 * @param replace the limit by principal that the operation has already
 */
export function setLimit(text: string, place: OperationPlace, wanted: WantedLimit, replace: boolean): PolicyEdit {
  const data = parse(text) as Fields;
  const standing = standingLimits(data, place);
  if (standing.length > 0 && !replace) {
    const says = standing.map(({ limit }) => `${limit.name} (${describe(limit)})`).join(", ");
    return {
      ok: false,
      code: "has_limit",
      message: `has a limit by principal already: ${says}`,
      name: String(standing[0]?.limit.name),
    };
  }
  if (standing.length > 1) return notEditable("the operation has several limits by principal: change them by hand");
  const [old] = standing;
  const yaml = new YamlEdit(text);
  const isOwn = old !== undefined && mentions(data, String(old.limit.name)) === 1;
  const name = isOwn ? String(old.limit.name) : freeName(data, place);
  const edits = isOwn ? changeLimit(yaml, data, old.index, wanted) : addLimit(yaml, data, place, wanted, name, old);
  if (edits.some((edit) => edit === null)) return notEditable("the policy is written in a way that cannot be edited here");
  const made = edits as Edit[];
  const edited = applyEdits(text, made);
  const expected = isOwn ? withChanged(data, old.index, wanted) : withAdded(data, place, wanted, name, old);
  if (!reads(edited, expected)) return notEditable("the policy is written in a way that cannot be edited here");
  return { ok: true, text: edited, diff: changedLines(text, made), name };
}

const notEditable = (message: string) => ({ ok: false, code: "not_editable", message }) as const;
const list = (value: unknown) => (Array.isArray(value) ? value : []) as Fields[];

interface Standing {
  limit: Fields;
  /** In `limits`, and of its name among the operation's. */
  index: number;
  mention: number;
}

/** The operation's own rates that count by principal, alone or with other things. */
function standingLimits(data: Fields, { path }: OperationPlace): Standing[] {
  const operation = at(data, path);
  const names = typeof operation === "string" ? [] : list(operation.limits).map(String);
  return list(data.limits).flatMap((limit, index) => {
    const mention = names.indexOf(String(limit.name));
    const isRate = limit.rate !== undefined && [limit.by].flat().includes("principal");
    return mention < 0 || !isRate ? [] : [{ limit, index, mention }];
  });
}

function at(data: Fields, [, service, , operation]: OperationPlace["path"]): Fields {
  return list(list(data.services)[service]?.operations)[operation] ?? {};
}

/** How many services and operations name a limit. */
function mentions(data: Fields, name: string): number {
  const places = list(data.services).flatMap((service) => [service, ...list(service.operations)]);
  return places.filter((one) => typeof one === "object" && list(one.limits).map(String).includes(name)).length;
}

function describe({ rate, burst, mode }: Fields): string {
  return `${JSON.stringify(rate).replaceAll('"', "")}${burst === undefined ? "" : `, burst ${JSON.stringify(burst)}`}, ${mode ?? "enforce"}`;
}

function freeName(data: Fields, { method, template }: OperationPlace): string {
  const slug = `suggested-${method}-${template}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 60)
    .replace(/-+$/, "");
  const taken = new Set(list(data.limits).map(({ name }) => name));
  for (let i = 1; ; i++) {
    const name = i === 1 ? slug : `${slug.slice(0, 58)}-${i}`;
    if (!taken.has(name)) return name;
  }
}

function fieldsOf({ count, burst, mode }: WantedLimit, name: string): Fields {
  return { name, by: "principal", rate: `${count}/1m`, burst, ...(mode === "shadow" && { mode }) };
}

type Edits = (Edit | null)[];

function changeLimit(yaml: YamlEdit, data: Fields, index: number, { count, burst, mode }: WantedLimit): Edits {
  const limit = list(data.limits)[index] ?? {};
  const path = ["limits", index];
  const quote = (text: string) => (yaml.isFlow ? JSON.stringify(text) : text);
  const put = (key: string, value: string) =>
    limit[key] === undefined ? yaml.appendPair(yaml.node(path), key, value) : yaml.replace(yaml.node([...path, key]), value);
  const isMode = (limit.mode ?? "enforce") === mode;
  return [put("rate", quote(`${count}/1m`)), put("burst", String(burst)), ...(isMode ? [] : [put("mode", quote(mode))])];
}

function withChanged(data: Fields, index: number, { count, burst, mode }: WantedLimit): Fields {
  const limits = list(data.limits).map((limit, i) => {
    if (i !== index) return limit;
    const isMode = (limit.mode ?? "enforce") === mode;
    return { ...limit, rate: `${count}/1m`, burst, ...(!isMode && { mode }) };
  });
  return { ...data, limits };
}

function addLimit(yaml: YamlEdit, data: Fields, place: OperationPlace, wanted: WantedLimit, name: string, old?: Standing): Edits {
  const limit = inline(yaml, fieldsOf(wanted, name));
  const limits = yaml.node(["limits"]);
  const whole = yaml.isFlow ? `[${limit}]` : `\n  - ${limit}`;
  const added = limits === undefined ? yaml.appendPair(yaml.node([]), "limits", whole) : yaml.appendItem(limits, limit);
  return [added, nameAtOperation(yaml, data, place, name, old)];
}

function nameAtOperation(yaml: YamlEdit, data: Fields, place: OperationPlace, name: string, old?: Standing): Edit | null {
  const { path, method, template } = place;
  const quoted = yaml.isFlow ? JSON.stringify(name) : name;
  if (old) return yaml.replace(yaml.node([...path, "limits", old.mention]), quoted);
  const operation = yaml.node(path);
  if (!isMap(operation)) return yaml.replace(operation, inline(yaml, { method, path: template, limits: [name] }));
  return at(data, path).limits === undefined
    ? yaml.appendPair(operation, "limits", `[${quoted}]`)
    : yaml.appendItem(yaml.node([...path, "limits"]), quoted);
}

function withAdded(data: Fields, place: OperationPlace, wanted: WantedLimit, name: string, old?: Standing): Fields {
  const [, s, , o] = place.path;
  const services = list(data.services).map((service, i) => {
    if (i !== s) return service;
    const operations = list(service.operations).map((one, j) => (j === o ? named(one, place, name, old) : one));
    return { ...service, operations };
  });
  return { ...data, services, limits: [...list(data.limits), fieldsOf(wanted, name)] };
}

function named(operation: Fields | string, { method, template }: OperationPlace, name: string, old?: Standing): Fields {
  if (typeof operation === "string") return { method, path: template, limits: [name] };
  const limits = list(operation.limits).map(String);
  return { ...operation, limits: old ? limits.with(old.mention, name) : [...limits, name] };
}

/** A mapping on one line, as the text around it is written. */
function inline({ isFlow }: YamlEdit, fields: Fields): string {
  const pairs = Object.entries(fields).map(([key, value]) => {
    const items = Array.isArray(value) ? `[${value.map((one) => (isFlow ? JSON.stringify(one) : one)).join(", ")}]` : null;
    const isPlain = !isFlow && typeof value === "string" && /^[A-Za-z0-9][\w/-]*$/.test(value);
    return `${isFlow ? JSON.stringify(key) : key}: ${items ?? (isPlain ? value : JSON.stringify(value))}`;
  });
  return `{ ${pairs.join(", ")} }`;
}

function reads(text: string, expected: Fields): boolean {
  try {
    return isDeepStrictEqual(parse(text), expected);
  } catch {
    return false; // the edit made it unreadable: it is not written
  }
}
