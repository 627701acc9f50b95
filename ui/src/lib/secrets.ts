/** A secret in a config stands there by its name: `{"$secret": "work"}`. */

const REFERENCE = "$secret";
const NAME = /^[a-z][a-z0-9_-]{0,63}$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const SHORTEST_SECRET = 8;
export const LONGEST_SECRET = 8192;

export function referenceTo(name: string): Readonly<Record<string, string>> {
  return { [REFERENCE]: name };
}

/** The name in a reference; null when the value is none. */
export function secretName(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return null;
  const name = (value as Record<string, unknown>)[REFERENCE];
  return typeof name === "string" ? name : null;
}

/** Whether it was put aside by the session itself, and is no named one of a person's. */
export function isOwnOfSession(name: string): boolean {
  return ID.test(name);
}

/** What a person calls it. */
export function secretWords(name: string): string {
  return isOwnOfSession(name) ? "a key of this session" : name;
}

/** Why the name cannot be taken; null when it can. */
export function wrongName(name: string, taken: readonly string[]): string | null {
  if (!NAME.test(name) || isOwnOfSession(name))
    return "Lower-case letters, digits, - and _, at most 64, a letter first.";
  return taken.includes(name) ? "There is a secret of this name; replace its value in the list." : null;
}

/** Why the value cannot be taken; null when it can. Says nothing of it. */
export function wrongValue(value: string): string | null {
  if (/[\u0000-\u001f\u007f]/.test(value)) return "A secret is one line without control characters.";
  const length = [...value].length;
  if (length < SHORTEST_SECRET) return `At least ${SHORTEST_SECRET} characters.`;
  return length > LONGEST_SECRET ? `At most ${LONGEST_SECRET.toLocaleString("en")} characters.` : null;
}

/** A config without the keys that belong to the session it comes from: another session cannot use them. */
export function withoutOwnSecrets<T extends Readonly<Record<string, unknown>>>(config: T): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => {
      const name = secretName(value);
      return name === null || !isOwnOfSession(name);
    }),
  );
}
