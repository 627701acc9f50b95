/** JSON Schema, as far as configs, tool arguments and questions use it, as fields of a form. */

type Schema = Readonly<Record<string, unknown>>;

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly description: string | null;
  readonly required: boolean;
  readonly kind: "text" | "long" | "number" | "choice" | "boolean" | "texts" | "map" | "group" | "json" | "secret";
  /** What may be chosen, and nothing else. */
  readonly choices: readonly Choice[];
  /** What is suggested; anything else may be written. */
  readonly suggestions: readonly string[];
  /** Fields of a group; for a map one per key it may have. */
  readonly fields: readonly Field[];
  readonly whole: boolean;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly fallback: unknown;
}

export interface Choice {
  readonly value: unknown;
  readonly label: string;
}

export type Values = Readonly<Record<string, unknown>>;

/** The fields of an object schema, in its order. */
export function fieldsOf(schema: Schema): Field[] {
  return propertiesOf(schema, schema);
}

/** A schema that is not an object's, as one field. */
export function fieldOf(name: string, schema: Schema, required: boolean): Field {
  return field(name, schema, schema, required);
}

function propertiesOf(schema: Schema, root: Schema): Field[] {
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return Object.entries(object(schema["properties"])).map(([name, each]) =>
    field(name, object(each), root, required.has(name)),
  );
}

function field(name: string, given: Schema, root: Schema, required: boolean): Field {
  const schema = resolved(given, root);
  const base = {
    name,
    label: labelOf(name, schema),
    description: typeof schema["description"] === "string" ? schema["description"].replaceAll("`", "") : null,
    required,
    choices: [] as readonly Choice[],
    suggestions: [] as readonly string[],
    fields: [] as readonly Field[],
    whole: false,
    minimum: null,
    maximum: null,
    fallback: given["default"] ?? schema["default"],
  };
  const options = schema["enum"];
  if (Array.isArray(options)) {
    return {
      ...base,
      kind: "choice",
      choices: options.map((value: unknown) => ({ value, label: value === null ? "–" : words(value) })),
    };
  }
  const type = Array.isArray(schema["type"]) ? schema["type"].find((each) => each !== "null") : schema["type"];
  switch (type) {
    case "boolean":
      return { ...base, kind: "boolean" };
    case "integer":
    case "number":
      return {
        ...base,
        kind: "number",
        whole: type === "integer",
        minimum: numberOr(schema["minimum"] ?? schema["exclusiveMinimum"]),
        maximum: numberOr(schema["maximum"] ?? schema["exclusiveMaximum"]),
      };
    case "array": {
      const items = resolved(object(schema["items"]), root);
      const known = items["enum"];
      if (items["type"] !== "string" && !Array.isArray(known)) return { ...base, kind: "json" };
      return {
        ...base,
        kind: "texts",
        choices: Array.isArray(known) ? known.map((value: unknown) => ({ value, label: words(value) })) : [],
      };
    }
    case "object": {
      if (schema["properties"]) return { ...base, kind: "group", fields: propertiesOf(schema, root) };
      const names = resolved(object(schema["propertyNames"]), root)["enum"];
      const value = object(schema["additionalProperties"]);
      if (!Array.isArray(names)) return { ...base, kind: "json" };
      return {
        ...base,
        kind: "map",
        fields: names.map((key: unknown) => field(String(key), value, root, false)).map(withoutText),
      };
    }
    case "string": {
      if (schema["writeOnly"] === true || schema["format"] === "password") return { ...base, kind: "secret" };
      const examples = Array.isArray(schema["examples"]) ? schema["examples"].map(String) : [];
      return { ...base, kind: LONG.test(name) ? "long" : "text", suggestions: examples };
    }
    default:
      return { ...base, kind: "json" };
  }
}

const LONG = /instructions|context|content|^(goal|description|idea|text|code|command|task|value|answer)$/;

/** The keys of a map share one description, which is the map's own. */
function withoutText(each: Field): Field {
  return { ...each, description: null, label: capital(each.name.replaceAll("_", " ")) };
}

/** Follow references, and of alternatives take the one that is not null. */
function resolved(schema: Schema, root: Schema): Schema {
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const target = reference
      .replace(/^#\//, "")
      .split("/")
      .reduce<unknown>((at, part) => object(at)[part], root);
    return { ...resolved(object(target), root), ...without(schema, "$ref") };
  }
  for (const union of ["anyOf", "oneOf"]) {
    const alternatives = schema[union];
    if (!Array.isArray(alternatives)) continue;
    const meant = alternatives.map(object).filter((each) => each["type"] !== "null");
    if (meant.length === 1 && meant[0]) return { ...resolved(meant[0], root), ...without(schema, union) };
    return without(schema, union);
  }
  return schema;
}

function labelOf(name: string, schema: Schema): string {
  const title = schema["title"];
  const isMade =
    typeof title !== "string" ||
    title.toLowerCase().replaceAll(/[\s_]/g, "") === name.toLowerCase().replaceAll("_", "");
  return isMade
    ? capital(
        name
          .replaceAll("_", " ")
          .replace(/^n /, "number of ")
          .replace(/ s$/, " (seconds)")
          .replace(/ usd$/, " (US dollars)")
          .replace(/\b(api|url|id)\b/g, (short) => short.toUpperCase()),
      )
    : title;
}

export function words(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[a-z]+(_[a-z]+)+$/.test(text) ? text.replaceAll("_", " ") : text;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function object(value: unknown): Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema) : {};
}

function without(schema: Schema, name: string): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== name));
}

function numberOr(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** The values that were given: without empty ones, so that the server's own defaults hold. */
export function given(values: Values): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}
