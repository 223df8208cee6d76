import { parseArgs } from "node:util";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { didYouMean } from "../../worker/policy/suggest.ts";
import type { LimitSuggestion } from "../../worker/soc/limit-suggestions-schema.ts";
import { adminOptions, openAdminApi } from "../admin-api.ts";
import { counted, problemLine, readPolicyFile } from "../policy-file.ts";
import { type OperationPlace, operationsIn, setLimit } from "./policy-edit.ts";
import { replaceFile } from "./replace-file.ts";
import { confidence, fetchSuggestions, remarks, suggested, suggestionHelp, suggestionOptions } from "./suggestions.ts";

export const help = `picket limits apply POLICY "METHOD /path/{parameter}" [--service NAME] [--at max|p99] [--enforce] [--replace]

Writes the suggested limit into a policy file, at the operation: in shadow mode, which shows what it would refuse and lets it pass, or
enforced. All else in the file stays as it is. Shows the lines that change, and writes nothing that picket lint would refuse.
  --enforce    refuse what exceeds it
  --replace    change the limit by principal that the operation has; without it nothing is written then
  --service    where several services have that operation
${suggestionHelp}`;

/** @returns exit code */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = read(args);
  if (parsed === null) return wrong(help);
  const { file, operation, given } = parsed;
  const source = readPolicyFile(file);
  if (!source.ok) return wrong(source.message);
  if (!(await isSound(file, source.text))) return 1;
  const place = findOperation(operationsIn(source.text), operation, given.service);
  if (!place.ok) return wrong(place.message);
  const opened = openAdminApi(given, process.env);
  if (!opened.ok) return wrong(opened.message);
  const answer = await fetchSuggestions(opened.api, { ...given, service: place.value.service });
  if (!answer.ok) return failed(answer.message);
  const { method, template } = place.value;
  const found = answer.body.suggestions.find((one) => one.method === method && one.operation === template);
  if (found === undefined) return failed(`the gateway knows no caller of ${operation} in the service ${place.value.service}`);
  console.log(`${operation}: ${suggested(found, answer.body)}`);
  if (found.limit === null) return 1;
  console.log(
    `${counted(found.callers, "caller")} in ${found.days} days; a new one is above all of them with ${confidence(found)}`,
  );
  for (const remark of remarks(found)) console.log(remark);
  return write(file, source.text, place.value, found.limit, given);
}

async function write(
  file: string,
  text: string,
  place: OperationPlace,
  limit: NonNullable<LimitSuggestion["limit"]>,
  { enforce = false, replace = false }: { enforce?: boolean | undefined; replace?: boolean | undefined },
): Promise<number> {
  // A limit counts what requests cost.
  const wanted = { count: Number.parseInt(limit.rate, 10) * place.cost, burst: limit.burst * place.cost };
  if (place.cost > 1) console.log(`each request costs ${place.cost}: ${wanted.count}/1m, burst ${wanted.burst}`);
  const edit = setLimit(text, place, { ...wanted, mode: enforce ? "enforce" : "shadow" }, replace);
  if (!edit.ok && edit.code === "has_limit") return failed(`the operation ${edit.message}. Change it by --replace`);
  if (!edit.ok) return failed(edit.message);
  if (!(await isSound(file, edit.text))) return failed(`${file} is not changed`);
  if (edit.text === text) {
    console.log(`${file} says so already`);
    return 0;
  }
  console.log(`\n${edit.diff}\n`);
  const problem = replaceFile(file, text, edit.text);
  if (problem !== null) return failed(problem);
  const next = enforce ? "" : "; it refuses nobody until it is enforced: --replace --enforce";
  console.log(`${file} is written: ${edit.name} is in ${enforce ? "force" : "shadow mode"} once the policy is published${next}`);
  return 0;
}

function read(args: readonly string[]) {
  try {
    const flags = { enforce: { type: "boolean" }, replace: { type: "boolean" } } as const;
    const options = { ...suggestionOptions, ...adminOptions, ...flags } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [file, operation, ...rest] = positionals;
    return file === undefined || operation === undefined || rest.length > 0 ? null : { file, operation, given: values };
  } catch {
    return null; // parseArgs throws at an option that it does not know
  }
}

type Found = { ok: true; value: OperationPlace } | { ok: false; message: string };

function findOperation(all: readonly OperationPlace[], text: string, service: string | undefined): Found {
  const places = all.filter(
    (one) => `${one.method} ${one.template}` === text && (service === undefined || one.service === service),
  );
  const [place] = places;
  if (places.length === 1 && place !== undefined) return { ok: true, value: place };
  if (places.length > 1) {
    return { ok: false, message: `several services have ${text}: --service ${places.map((one) => one.service).join(" or ")}` };
  }
  const names = all.map(({ method, template }) => `${method} ${template}`);
  return { ok: false, message: `the policy has no operation ${text}${didYouMean(text, names)}` };
}

/** Prints what is wrong with the policy. */
async function isSound(file: string, text: string): Promise<boolean> {
  const parsed = await parsePolicy(text, Date.now());
  if (parsed.ok) return true;
  for (const problem of parsed.problems) console.log(problemLine(file, problem));
  return false;
}

function wrong(message: string): number {
  console.error(message);
  return 2;
}

function failed(message: string): number {
  console.error(`picket limits apply: ${message}`);
  return 1;
}
