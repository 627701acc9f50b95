const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"; // 32 that cannot be mistaken for each other
const GROUPS = 4;
const GROUP = 5;

/** A password that can be read over the telephone: four groups of five, 100 bits. */
export function newPassword(): string {
  const drawn = crypto.getRandomValues(new Uint8Array(GROUPS * GROUP));
  const letters = Array.from(drawn, (byte) => LETTERS[byte % LETTERS.length]);
  return Array.from({ length: GROUPS }, (_, group) => letters.slice(group * GROUP, (group + 1) * GROUP).join("")).join(
    "-",
  );
}
