import { connect } from "node:net";
import type { ServiceMeta } from "../../worker/policy/compiled.ts";

const TIMEOUT_MS = 1500;

/** One warning for each service whose upstream takes no connection now. It may come up later: the gateway serves anyway. */
export async function unreachableUpstreams(services: readonly ServiceMeta[]): Promise<string[]> {
  const warnings = services.map(async ({ name, upstream }) => {
    if (upstream.kind !== "url") return [];
    const fault = await connectFault(new URL(upstream.origin));
    if (fault === null) return [];
    return [
      `Warning: ${upstream.origin}, the upstream of "${name}", is unreachable (${fault}): its callers get 502 until it answers.`,
    ];
  });
  return (await Promise.all(warnings)).flat();
}

function connectFault(origin: URL): Promise<string | null> {
  const port = Number(origin.port) || (origin.protocol === "https:" ? 443 : 80);
  return new Promise((resolve) => {
    // A URL writes an IPv6 address in brackets, a socket does not.
    const socket = connect({ host: origin.hostname.replace(/^\[|\]$/g, ""), port, timeout: TIMEOUT_MS });
    const finish = (fault: string | null) => {
      socket.destroy();
      resolve(fault);
    };
    socket.once("connect", () => finish(null));
    socket.once("timeout", () => finish("no answer"));
    socket.once("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  });
}
