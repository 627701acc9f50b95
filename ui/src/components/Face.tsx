import styles from "./Face.module.css";

const TINTS = 6;

/** Somebody by their initials, a picture and no text: names stand beside it. The same person has the same tint everywhere. */
export function Face({ id, name, small = false }: { id: string; name: string; small?: boolean }) {
  return (
    <span
      className={styles.face}
      data-initials={initialsOf(name)}
      data-tint={tintOf(id)}
      data-small={small || undefined}
      aria-hidden="true"
    />
  );
}

export function initialsOf(name: string): string {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  const first = letters.map((word) => [...(word ?? "")][0] ?? "").join("");
  return (first || "?").toLocaleUpperCase();
}

function tintOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997;
  return sum % TINTS;
}
