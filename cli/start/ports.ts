import { createServer } from "node:net";
import { done, failed, type Outcome } from "./outcome.ts";

/** Checks that each port of the run is free on loopback, so that the runtime's own failure need not be read. */
export async function checkPorts(first: number, count: number): Promise<Outcome<null>> {
  for (let port = first; port < first + count; port++) {
    const code = await listenError(port);
    if (code === "EADDRINUSE") return failed(`Port ${port} is taken: end what uses it, or choose another with -- --port N.`);
    if (code !== null) return failed(`Port ${port} cannot be listened on (${code}): choose another with -- --port N.`);
  }
  return done(null);
}

function listenError(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(null)));
  });
}
