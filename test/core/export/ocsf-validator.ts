// Judges events by the published OCSF schema (compiled: classes and objects with all their attributes).

interface Attribute {
  type: string;
  object_type?: string;
  is_array?: boolean;
  requirement: string;
  enum?: Record<string, unknown>;
}

interface Shape {
  attributes: Record<string, Attribute>;
  constraints?: { at_least_one?: string[]; just_one?: string[] } | null;
}

export interface OcsfSchema {
  classes: Record<string, Shape & { uid: number; category_uid: number }>;
  objects: Record<string, Shape>;
}

const numbers = new Set(["integer_t", "long_t", "timestamp_t", "port_t", "float_t"]);
const whole = new Set(["integer_t", "long_t", "timestamp_t", "port_t"]);

/** Required attributes that only a profile brings: the compiled schema does not say whose they are. */
const ofProfile: Readonly<Record<string, string>> = { cloud: "cloud", osint: "osint" };

/** What is wrong with `event`; empty = valid. */
export function ocsfFaults(schema: OcsfSchema, event: Record<string, unknown>): string[] {
  const found = Object.values(schema.classes).find(({ uid }) => uid === event.class_uid);
  if (found === undefined) return [`no class has the uid ${String(event.class_uid)}`];
  const profiles = (event.metadata as { profiles?: string[] } | undefined)?.profiles ?? [];
  const faults = shapeFaults(schema, found, event, "", profiles);
  if (event.category_uid !== found.category_uid) faults.push("category_uid is another class's");
  if (event.type_uid !== found.uid * 100 + Number(event.activity_id))
    faults.push("type_uid is not class_uid * 100 + activity_id");
  return faults;
}

function shapeFaults(schema: OcsfSchema, shape: Shape, value: Record<string, unknown>, at: string, profiles: string[]): string[] {
  const faults: string[] = [];
  const applies = (name: string) => !(name in ofProfile) || profiles.includes(ofProfile[name] ?? "");
  for (const [name, attribute] of Object.entries(shape.attributes)) {
    if (attribute.requirement === "required" && applies(name) && value[name] === undefined)
      faults.push(`${at}${name} is missing`);
  }
  for (const [name, item] of Object.entries(value)) {
    const attribute = shape.attributes[name];
    if (attribute === undefined) faults.push(`${at}${name} is not in the schema`);
    else if (!applies(name)) faults.push(`${at}${name} needs its profile`);
    else faults.push(...attributeFaults(schema, attribute, item, at + name, profiles));
  }
  const some = shape.constraints?.at_least_one;
  if (some && !some.some((name) => value[name] !== undefined)) faults.push(`${at} has none of ${some.join(", ")}`);
  return faults;
}

function attributeFaults(schema: OcsfSchema, attribute: Attribute, value: unknown, at: string, profiles: string[]): string[] {
  if (attribute.is_array) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((one, i) => attributeFaults(schema, { ...attribute, is_array: false }, one, `${at}[${i}]`, profiles));
  }
  if (attribute.type === "object_t") {
    if (typeof value !== "object" || value === null) return [`${at} is no object`];
    const shape = schema.objects[attribute.object_type ?? ""];
    // "object" is any: what is unmapped.
    if (attribute.object_type === "object") return [];
    return shape
      ? shapeFaults(schema, shape, value as Record<string, unknown>, `${at}.`, profiles)
      : [`${at} is of an unknown object`];
  }
  return scalarFaults(attribute, value, at);
}

function scalarFaults({ type, enum: allowed }: Attribute, value: unknown, at: string): string[] {
  if (numbers.has(type)) {
    if (typeof value !== "number" || !Number.isFinite(value) || (whole.has(type) && !Number.isInteger(value)))
      return [`${at} is no ${type}`];
  } else if (type === "boolean_t" ? typeof value !== "boolean" : typeof value !== "string") return [`${at} is no ${type}`];
  return allowed !== undefined && !(String(value) in allowed) ? [`${at} is none of its values: ${String(value)}`] : [];
}
