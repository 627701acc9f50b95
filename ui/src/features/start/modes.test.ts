import { expect, it } from "vitest";
import type { ModeInfo } from "@/api/types";
import { apart, formOf } from "./modes";

const MODE = {
  id: "m",
  config_schema: {
    properties: {
      goal: { type: "string" },
      api_key: { anyOf: [{ type: "string", format: "password", writeOnly: true }, { type: "null" }] },
      base_url: { type: "string" },
      headers: { type: "object", additionalProperties: { type: "string", "x-secret": true } },
    },
  },
} as unknown as ModeInfo;

it("keeps a typed key apart from what is remembered; a reference to a kept one is no secret", () => {
  expect(apart(MODE, { goal: "g", api_key: "sk-1" })).toEqual({ secret: { api_key: "sk-1" }, plain: { goal: "g" } });
  const reference = { $secret: "mine" };
  expect(apart(MODE, { api_key: reference })).toEqual({ secret: {}, plain: { api_key: reference } });
});

it("keeps a whole group of keys apart, too", () => {
  const headers = { Authorization: "Bearer 1" };
  expect(apart(MODE, { headers, base_url: "u" })).toEqual({ secret: { headers }, plain: { base_url: "u" } });
});

it("asks for a key where few look, and hides it", () => {
  const form = formOf(MODE);
  expect(form.basic.map((field) => field.name)).toEqual(["goal", "headers"]);
  expect(form.advanced.map((field) => [field.name, field.kind])).toEqual([
    ["api_key", "secret"],
    ["base_url", "text"],
  ]);
});
