/** The least that a Worker in front of an API can do: what any gateway on this platform costs before it does its work. */
export default {
  fetch(request: Request, env: { UPSTREAM: string }): Promise<Response> {
    const path = request.url.slice(request.url.indexOf("/", 8));
    return fetch(env.UPSTREAM + path, request);
  },
};
