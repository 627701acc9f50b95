import { describe, expect, it } from "vitest";
import { fieldOf, fieldsOf, given } from "./schema";

const CONFIG = {
  $defs: {
    Permission: {
      enum: ["prompt", "auto_allow", "deny"],
      type: "string",
      description: "Whether a tool call goes ahead.",
    },
    Category: { enum: ["code", "shell"], type: "string" },
    Limits: {
      type: "object",
      properties: { max_steps: { anyOf: [{ type: "integer", exclusiveMinimum: 0 }, { type: "null" }], default: null } },
    },
  },
  type: "object",
  required: ["goal"],
  properties: {
    goal: { type: "string", title: "Goal" },
    model: {
      anyOf: [{ type: "string" }, { type: "null" }],
      default: null,
      title: "Model",
      description: "As provider:model.",
    },
    n_ideas: { type: "integer", minimum: 2, maximum: 20, default: 5, title: "N Ideas" },
    on_busy: { enum: ["reject", "enqueue"], default: "reject", type: "string", title: "On Busy" },
    deadline_s: { anyOf: [{ type: "number" }, { type: "null" }] },
    ask: { type: "boolean", default: true },
    agents: { type: "array", items: { enum: ["engineer", "researcher"], type: "string" } },
    servers: { type: "array", items: { type: "string" } },
    tool_permissions: {
      type: "object",
      additionalProperties: { $ref: "#/$defs/Permission" },
      propertyNames: { $ref: "#/$defs/Category" },
    },
    resource_limits: { anyOf: [{ $ref: "#/$defs/Limits" }, { type: "null" }] },
    anything: { anyOf: [{ type: "string" }, { type: "integer" }] },
  },
};
const fields = Object.fromEntries(fieldsOf(CONFIG).map((field) => [field.name, field]));

describe("fields of a config", () => {
  it("keeps the order of the schema", () => {
    expect(fieldsOf(CONFIG).map((field) => field.name)).toEqual(Object.keys(CONFIG.properties));
  });
  it.each([
    ["goal", { kind: "long", required: true, label: "Goal" }],
    ["model", { kind: "text", required: false, label: "Model", description: "As provider:model." }],
    ["n_ideas", { kind: "number", whole: true, minimum: 2, maximum: 20, fallback: 5, label: "Number of ideas" }],
    ["on_busy", { kind: "choice", fallback: "reject", label: "On busy" }],
    ["deadline_s", { kind: "number", whole: false, label: "Deadline (seconds)" }],
    ["ask", { kind: "boolean", fallback: true }],
    ["servers", { kind: "texts", choices: [] }],
    ["anything", { kind: "json" }],
  ])("%s", (name, expected) => expect(fields[name]).toMatchObject(expected));

  it("offers what may be chosen, and nothing else", () => {
    expect(fields["on_busy"]?.choices.map((choice) => choice.value)).toEqual(["reject", "enqueue"]);
    expect(fields["agents"]?.choices.map((choice) => choice.value)).toEqual(["engineer", "researcher"]);
  });
  it("makes a choice of each key of a map", () => {
    expect(fields["tool_permissions"]).toMatchObject({ kind: "map" });
    expect(fields["tool_permissions"]?.fields.map((field) => [field.name, field.kind])).toEqual([
      ["code", "choice"],
      ["shell", "choice"],
    ]);
  });
  it("goes into objects", () => {
    expect(fields["resource_limits"]).toMatchObject({
      kind: "group",
      fields: [{ name: "max_steps", kind: "number", minimum: 0 }],
    });
  });
});

it("suggests the examples of a text without forbidding others", () => {
  expect(fieldOf("answer", { type: "string", examples: ["a", "b"] }, true)).toMatchObject({
    kind: "long",
    suggestions: ["a", "b"],
    choices: [],
  });
});

it("leaves out what was not filled in, so that the server's own defaults hold", () => {
  expect(given({ a: "", b: undefined, c: null, d: [], e: {}, f: { g: undefined }, h: false, i: 0, j: "x" })).toEqual({
    h: false,
    i: 0,
    j: "x",
  });
});
