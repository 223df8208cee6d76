/** A policy as plain data, for tests to bend: complete, small, and free of problems and warnings. */
export function plainPolicy() {
  return {
    picket: 1 as unknown,
    services: [
      {
        name: "fleet",
        match: { path: "/fleet" },
        upstream: "http://127.0.0.1:9000",
        owner: "devices-team",
        auth: ["device-tokens", "partner-keys"],
        limits: ["per-principal"],
        operations: [
          "GET /fleet/devices/{deviceId}",
          {
            method: "POST",
            path: "/fleet/devices/{deviceId}/telemetry",
            scopes: ["telemetry:write"],
            limits: ["per-device"],
          },
        ],
      },
    ] as Loose[],
    authenticators: [
      {
        name: "device-tokens",
        type: "jwt",
        issuer: "https://id.example",
        audience: "fleet",
        keys: [{ kid: "d1", secret: "env:DEVICE_SECRET" }],
        kind: "device",
      },
      {
        name: "partner-keys",
        type: "api-key",
        keys: [{ id: "acme", sha256: "ab".repeat(32), kind: "partner", scopes: ["devices:read"], expires: "2099-06-01" }],
      },
    ] as Loose[],
    limits: [
      { name: "per-principal", by: "principal", rate: "600/1m", burst: 60 },
      { name: "per-device", by: "claim:dev", rate: "6/1m", burst: 3 },
    ] as Loose[],
    telemetry: { rowsPerDay: 2_000_000, retainDays: 14 } as Loose,
  } as Loose & { services: Loose[]; authenticators: Loose[]; limits: Loose[]; telemetry: Loose };
}

/** Data of any shape, which is the point of a bad policy. */
// biome-ignore lint/suspicious/noExplicitAny: tests write what no type would allow
export type Loose = Record<string, any>;

export const testSecret = "a secret of at least 32 bytes, no less";

/** Puts a value into a policy at a path such as `services[0].auth[1]`; undefined takes out what is there. */
export function put(policy: Loose, at: string, value: unknown): void {
  const steps = at.split(/[.[\]]+/).filter((step) => step !== "");
  const last = steps.pop() ?? "";
  const holder = steps.reduce<Loose>((data, step) => data[step], policy);
  if (value === undefined) delete holder[last];
  else holder[last] = value;
}
