import type { LiveEvent } from "../api-types.ts";

/** The event's request as a curl command for any POSIX shell. Credentials were never recorded, so none can be in it. */
export function curlCommand(event: Pick<LiveEvent, "method" | "path">, origin: string): string {
  const method = /^[A-Z]{1,16}$/.test(event.method) ? event.method : "GET";
  const flags = method === "GET" ? "" : method === "HEAD" ? " -I" : ` -X ${method}`;
  return `curl -i${flags} ${quote(origin + printable(event.path))}`;
}

/** Single quotes, POSIX shell: nothing inside is expanded. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Control and non-ASCII characters percent-encoded, so that a pasted line is one line and shows what it sends. */
function printable(path: string): string {
  return path.replace(/[^\x21-\x7e]+/g, (run) => encodeURIComponent(run.toWellFormed()));
}
