import type { EventRow } from "../db/event-row.ts";

/** Of the Open Cybersecurity Schema Framework, https://schema.ocsf.io/1.8.0. */
const OCSF_VERSION = "1.8.0";

const API_ACTIVITY = { class_uid: 6003, class_name: "API Activity", category_uid: 6, category_name: "Application Activity" };
const HTTP_ACTIVITY = { class_uid: 4002, class_name: "HTTP Activity", category_uid: 4, category_name: "Network Activity" };

/** What a request does, as API Activity calls it. */
const apiActivities: Readonly<Record<string, readonly [id: number, name: string]>> = {
  POST: [1, "Create"],
  GET: [2, "Read"],
  HEAD: [2, "Read"],
  PUT: [3, "Update"],
  PATCH: [3, "Update"],
  DELETE: [4, "Delete"],
};
/** HTTP Activity has one for each method. */
const httpActivities: Readonly<Record<string, readonly [id: number, name: string]>> = {
  DELETE: [2, "Delete"],
  GET: [3, "Get"],
  HEAD: [4, "Head"],
  OPTIONS: [5, "Options"],
  POST: [6, "Post"],
  PUT: [7, "Put"],
  PATCH: [9, "Patch"],
};

/** What the gateway did about it: the security_control profile. */
const actions = {
  allow: { action_id: 1, action: "Allowed", disposition_id: 1, disposition: "Allowed" },
  refuse: { action_id: 2, action: "Denied", disposition_id: 2, disposition: "Blocked" },
  shadow: { action_id: 3, action: "Observed", disposition_id: 15, disposition: "Detected" },
} as const;

export interface Source {
  /** Picket's version. */
  version: string;
}

export type OcsfEvent = Record<string, unknown>;

/** A sampled request as an API Activity event; what the sample stands for is in `unmapped`, since OCSF has no word for it. */
export function apiActivity(event: EventRow, source: Source): OcsfEvent {
  const [activityId, activityName] = apiActivities[event.method] ?? [99, event.method];
  return {
    ...API_ACTIVITY,
    ...activity(API_ACTIVITY, activityId, activityName),
    ...common(event, source),
    actor: { user: userOf(event) },
    api: apiOf(event),
    src_endpoint: sourceEndpoint(event),
  };
}

/** … as an HTTP Activity event. */
export function httpActivity(event: EventRow, source: Source): OcsfEvent {
  const [activityId, activityName] = httpActivities[event.method] ?? [99, event.method];
  const { bytesIn, bytesOut } = event;
  return {
    ...HTTP_ACTIVITY,
    ...activity(HTTP_ACTIVITY, activityId, activityName),
    ...common(event, source),
    src_endpoint: sourceEndpoint(event),
    ...(event.status === null ? {} : { http_status: event.status }),
    traffic: { bytes_in: bytesIn, bytes_out: bytesOut, bytes: bytesIn + bytesOut },
  };
}

function activity({ class_uid, class_name }: typeof API_ACTIVITY | typeof HTTP_ACTIVITY, id: number, name: string): OcsfEvent {
  return { activity_id: id, activity_name: name, type_uid: class_uid * 100 + id, type_name: `${class_name}: ${name}` };
}

function common(event: EventRow, { version }: Source): OcsfEvent {
  const { id, timeMs, verdict, reason, region, latencyMs, service } = event;
  return {
    time: timeMs,
    ...(latencyMs === null ? {} : { duration: Math.round(latencyMs) }),
    ...severityOf(event),
    ...statusOf(event),
    ...actions[verdict],
    ...(reason === "" ? {} : { status_detail: reason }),
    metadata: {
      version: OCSF_VERSION,
      product: { name: "Picket", vendor_name: "Picket", version },
      profiles: ["cloud", "security_control"],
      uid: id,
      log_name: "requests",
      ...(reason === "" ? {} : { event_code: reason }),
    },
    cloud: { provider: "Cloudflare", region, ...(event.colo === "" ? {} : { zone: event.colo }) },
    ...(event.limit === "" ? {} : { policy: { name: event.limit, type: "rate limit" } }),
    dst_endpoint: { svc_name: service === "" ? "(no service)" : service },
    http_request: httpRequest(event),
    ...httpResponse(event),
    unmapped: sampling(event),
  };
}

/** Refusals are the gateway's daily work, so that alone they are of low severity. */
function severityOf({ verdict }: EventRow): OcsfEvent {
  return verdict === "allow" ? { severity_id: 1, severity: "Informational" } : { severity_id: 2, severity: "Low" };
}

function statusOf({ status, verdict }: EventRow): OcsfEvent {
  const code = status === null ? {} : { status_code: String(status) };
  if (verdict === "refuse" || (status !== null && status >= 400)) return { status_id: 2, status: "Failure", ...code };
  return status === null ? { status_id: 0, status: "Unknown" } : { status_id: 1, status: "Success", ...code };
}

function userOf({ principal, authenticator, kind }: EventRow): OcsfEvent {
  if (principal === "") return { name: "(not authenticated)", type_id: 0, type: "Unknown" };
  // OCSF knows no devices or agents: what calls by itself is a service.
  const type = kind === "user" ? { type_id: 1, type: "User" } : { type_id: 4, type: "Service" };
  return { name: principal, uid: `${authenticator}/${principal}`, domain: authenticator, ...type };
}

function apiOf({ method, operation, service, id, status, reason }: EventRow): OcsfEvent {
  const response = { ...(status === null ? {} : { code: status }), ...(reason === "" ? {} : { error: reason }) };
  return {
    operation: `${method} ${operation}`,
    request: { uid: id },
    ...(Object.keys(response).length === 0 ? {} : { response }),
    ...(service === "" ? {} : { service: { name: service } }),
  };
}

/** An endpoint must be named by something. */
function sourceEndpoint({ address, country, asn }: EventRow): OcsfEvent {
  return {
    ...(address === "" ? { name: "(unknown)" } : { ip: address }),
    ...(country === "" ? {} : { location: { country } }),
    ...(asn === 0 ? {} : { autonomous_system: { number: asn } }),
  };
}

/** The query is never recorded, nor is a method that Picket does not know. */
function httpRequest({ id, method, path, bytesIn }: EventRow): OcsfEvent {
  const known = method in httpActivities ? { http_method: method } : {};
  return { uid: id, ...known, url: { path }, body_length: bytesIn };
}

function httpResponse({ status, latencyMs, bytesOut }: EventRow): OcsfEvent {
  if (status === null) return {};
  const latency = latencyMs === null ? {} : { latency: Math.round(latencyMs) };
  return { http_response: { code: status, ...latency, body_length: bytesOut } };
}

/** By these a reader computes totals, and how far off they may be (Duffield, Lund, Thorup, JACM 2007). */
function sampling({ standsFor, weight, threshold, stratum, kind }: EventRow): OcsfEvent {
  return {
    stands_for: standsFor,
    sample_weight: weight,
    sample_threshold: threshold,
    sample_stratum: stratum,
    caller_kind: kind,
  };
}
