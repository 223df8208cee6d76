/** A request's URL cut by hand: `new URL` costs 0.9 µs and rewrites the path, which must be matched as it was received. */
export interface UrlParts {
  proto: string;
  /** Host with its port, as asked for. */
  host: string;
  path: string;
  /** With its "?", or "". */
  query: string;
}

export function urlParts(url: string): UrlParts {
  const colon = url.indexOf(":");
  const hostStart = colon + 3;
  const slash = url.indexOf("/", hostStart);
  const mark = url.indexOf("?", hostStart);
  const end = mark < 0 ? url.length : mark;
  const pathStart = slash < 0 || slash > end ? end : slash;
  return {
    proto: url.slice(0, colon),
    host: url.slice(hostStart, pathStart),
    path: pathStart === end ? "/" : url.slice(pathStart, end),
    query: mark < 0 ? "" : url.slice(mark),
  };
}
