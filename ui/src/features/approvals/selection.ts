import { asFields } from "@/live/frames";

export interface Option {
  readonly number: number;
  readonly title: string;
  readonly text: string;
  readonly notes: readonly string[];
  readonly score: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The things to choose from, whatever they are called. */
export function optionsOf(data: Readonly<Record<string, unknown>>): Option[] {
  const given = data["approaches"] ?? data["ideas"] ?? data["options"];
  if (!Array.isArray(given)) return [];
  return given.map((value, index) => {
    const option = asFields(value);
    const textOf = (name: string) => (typeof option[name] === "string" ? option[name] : "");
    const notes = (["strength", "weakness"] as const)
      .filter((name) => textOf(name))
      .map((name) => `${name === "strength" ? "For" : "Against"}: ${textOf(name)}`);
    return {
      number: index + 1,
      title: textOf("title") || textOf("name") || `Option ${index + 1}`,
      text: textOf("idea") || textOf("description"),
      notes,
      score: typeof option["score"] === "number" ? option["score"] : null,
      data: option,
    };
  });
}
