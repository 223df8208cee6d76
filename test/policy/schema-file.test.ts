import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { schemaText } from "../../cli/policy-schema.ts";
import { plainPolicy, put } from "./policies.ts";

const published = readFileSync(new URL("../../worker/policy/policy.schema.json", import.meta.url), "utf8");

test("the published JSON Schema is the one that policies are read with (npm run schema writes it)", () => {
  expect(published).toBe(schemaText());
});

test("it names its draft and itself, and describes every field that is no list's entry", () => {
  const schema = JSON.parse(published);
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:picket:policy:1",
    title: "Picket policy",
  });
  const silent: string[] = [];
  const visit = (node: unknown, path: string) => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key !== "properties") visit(value, `${path}/${key}`);
      else
        for (const [name, field] of Object.entries(value as Record<string, z.core.JSONSchema.JSONSchema>)) {
          if (field.description === undefined && field.const === undefined) silent.push(`${path}/${name}`);
          visit(field, `${path}/${name}`);
        }
    }
  };
  visit(schema, "");
  expect(silent).toEqual([]);
});

test("read back as a validator, it takes what is good and refuses what is not", () => {
  const validator = z.fromJSONSchema(JSON.parse(published));
  const example = parse(readFileSync(new URL("../../cli/example/policy.yaml", import.meta.url), "utf8"));
  expect(validator.safeParse(example).error).toBeUndefined();
  expect(validator.safeParse(plainPolicy()).error).toBeUndefined();
  for (const [at, value] of [
    ["picket", 2],
    ["services[0].auth", undefined],
    ["services[0].nmae", "a"],
    ["limits[0].rate", "2.5"],
    ["authenticators[0].keys[0].secret", "inline"],
  ] as const) {
    const policy = plainPolicy();
    put(policy, at, value);
    expect(validator.safeParse(policy).success, at).toBe(false);
  }
});
