import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startExampleApi } from "../example/api.ts";
import { problemLine } from "../policy-file.ts";
import { startSimulator } from "../simulate/simulator.ts";
import { Admin } from "./admin.ts";
import { announcement, consoleLink } from "./announcement.ts";
import { checkPolicy, type PolicySource } from "./checked-policy.ts";
import { openDataDirectory } from "./data-directory.ts";
import { EXAMPLE_POLICY, EXAMPLE_UPSTREAM, exampleEnvironment } from "./example.ts";
import { readOptions, type StartOptions, usage } from "./options.ts";
import { done, type Outcome } from "./outcome.ts";
import { watchPolicy } from "./policy-watch.ts";
import { checkPorts } from "./ports.ts";
import { Publisher } from "./publisher.ts";
import { startRuntime } from "./runtime.ts";
import { awaitReports, Shutdown } from "./shutdown.ts";
import { unreachableUpstreams } from "./upstreams.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SEED = 2026;
const DEVICES = 60;
const DAY_MS = 86_400_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Paths on the command line are meant from where the user stands; npm itself stands in the package. */
function fromCaller(path: string): string {
  return resolve(process.env.INIT_CWD ?? process.cwd(), path);
}

/** Starts all that a run needs, in order; what has been started is ended by `shutdown`, whether this succeeds or not. */
async function start(options: StartOptions, shutdown: Shutdown): Promise<Outcome<null>> {
  const { regions, port } = options;
  const ports = await checkPorts(port, regions.length);
  if (!ports.ok) return ports;
  const data = openDataDirectory(options.data === ".picket" ? join(root, ".picket") : fromCaller(options.data), options.fresh);
  if (!data.ok) return data;
  shutdown.onStop(data.value.release);

  const environment = options.policy === null ? exampleEnvironment() : process.env;
  const source = await policySource(options, environment, shutdown);
  const policy = await checkPolicy(source);
  if (!policy.ok) return policy;

  const { statePath, keys } = data.value;
  const runtime = await startRuntime({ root, regions, port, statePath, ...keys, secrets: policy.value.secrets });
  if (!runtime.ok) return runtime;
  shutdown.onStop(runtime.value.stop);
  shutdown.takeSignals();

  const home = runtime.value.origins[0] ?? "";
  const admin = new Admin(home, keys.adminToken);
  const publisher = new Publisher(source, runtime.value, admin);
  const published = await publisher.publish(policy.value);
  if (!published.ok) return published;
  const link = await consoleLink(admin, home);
  if (!link.ok) return link;
  for (const warning of policy.value.warnings) say(`Warning: ${problemLine(source.file, warning)}`);
  for (const warning of await unreachableUpstreams(policy.value.services)) say(warning);
  say(announcement({ options, origins: runtime.value.origins, data: data.value.path, policy: policy.value, link: link.value }));

  shutdown.onStop(awaitReports);
  shutdown.onStop(watchPolicy(source.file, async () => say(await publisher.reload())));
  if (options.demo) {
    const secrets = { tokens: environment.DEVICE_SECRET ?? "", fleet: environment.FLEET_SECRET ?? "" };
    const simulator = startSimulator({ targets: runtime.value.origins, seed: SEED, devices: DEVICES, secrets, nowMs: Date.now });
    shutdown.onStop(simulator.stop);
  }
  const cleaning = setInterval(() => void runtime.value.cleanUp(), DAY_MS);
  shutdown.onStop(() => clearInterval(cleaning));
  offerLinks(admin, home, shutdown);
  return done(null);
}

/** The user's policy, or the example's with an upstream to go with it. */
async function policySource(
  options: StartOptions,
  environment: PolicySource["environment"],
  shutdown: Shutdown,
): Promise<PolicySource> {
  if (options.policy !== null) return { file: fromCaller(options.policy), environment, replace: null };
  const api = await startExampleApi(0, SEED);
  shutdown.onStop(api.close);
  return { file: join(root, EXAMPLE_POLICY), environment, replace: [EXAMPLE_UPSTREAM, `http://127.0.0.1:${api.port}`] };
}

/** Enter prints a new link: each works once. */
function offerLinks(admin: Admin, home: string, shutdown: Shutdown): void {
  if (!process.stdin.isTTY) return;
  const offer = async () => {
    const link = await consoleLink(admin, home);
    say(link.ok ? `  Console   ${link.value}` : link.message);
  };
  process.stdin.on("data", offer);
  shutdown.onStop(() => {
    process.stdin.pause();
  });
}

const options = readOptions(process.argv.slice(2));
if (!options.ok) {
  process.stderr.write(`${options.message}\n`);
  process.exit(1);
}
if (options.value.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const shutdown = new Shutdown();
const started = await start(options.value, shutdown);
if (!started.ok) {
  process.stderr.write(`${started.message}\n`);
  await shutdown.stop(1);
}
