/** Reading what came over the wire: nothing is believed to have the shape it should have. */

import { asFields } from "./frames";

export function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function count(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function errorText(value: unknown): string | null {
  if (typeof value === "string") return value;
  const fields = asFields(value);
  return text(fields["message"]) ?? text(fields["detail"]) ?? text(fields["code"]);
}

/** Replace the entry of the same key where it stands, or add at the end. Always a new array. */
export function upsert<T>(entries: readonly T[], entry: T, keyOf: (entry: T) => string): T[] {
  const key = keyOf(entry);
  const index = entries.findLastIndex((known) => keyOf(known) === key);
  return index < 0 ? [...entries, entry] : entries.with(index, entry);
}

/** Length in Unicode code points, the unit of the wire's offsets. */
export function codePoints(value: string): number {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}
