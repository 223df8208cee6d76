/** Refuses what is marked as junk with an empty 429 and forwards the rest: the least that any Worker does with a flood. */
export default {
  fetch(request: Request, env: { UPSTREAM: string }): Response | Promise<Response> {
    const path = new URL(request.url).pathname;
    if (path.startsWith("/junk")) return new Response("", { status: 429, headers: { "content-length": "0" } });
    return fetch(env.UPSTREAM + path, request);
  },
};
