/** Cloudflare's location hints for Durable Objects, by the continent that request.cf names. */
const byContinent: Readonly<Record<string, DurableObjectLocationHint>> = {
  EU: "weur",
  NA: "enam",
  SA: "sam",
  AS: "apac",
  OC: "oc",
  AF: "afr",
};

const hints = new Set<string>(["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"]);

/** The region that a request is reported to: the deployment's REGION where it sets one, else where Cloudflare served it. */
export function regionName(configured: string, cf: IncomingRequestCfProperties | undefined): string {
  if (configured !== "") return configured;
  return byContinent[cf?.continent ?? ""] ?? "local";
}

/** The stub of a region's object, created near that region where its name is a location hint. */
export function regionStub<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  region: string,
): DurableObjectStub<T> {
  const locationHint = hints.has(region) ? (region as DurableObjectLocationHint) : undefined;
  return namespace.getByName(region, locationHint === undefined ? undefined : { locationHint });
}
