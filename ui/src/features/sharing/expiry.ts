/** How long a share or a link counts, as people choose it: hours from now, or without end. */
export const SHARE_ENDS: readonly (readonly [string, string])[] = [
  ["", "for good"],
  ["24", "for a day"],
  ["168", "for a week"],
  ["720", "for 30 days"],
];
export const LINK_ENDS: readonly (readonly [string, string])[] = [
  ["1", "for an hour"],
  ["24", "for a day"],
  ["168", "for a week"],
  ["720", "for 30 days"],
];

const HOUR_MS = 3_600_000;

export function endOf(hours: string, now: number): string | null {
  return hours ? new Date(now + Number(hours) * HOUR_MS).toISOString() : null;
}

/** "until 3 Mar, 14:00", or that it does not end. */
export function untilWords(expiresAt: string | null): string {
  if (!expiresAt) return "for good";
  const date = new Date(expiresAt);
  return `until ${date.toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" })}`;
}

export function hasEnded(expiresAt: string | null, now: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}

/** The same of what may be over: "ended 3 Mar, 14:00". */
export function endWords(expiresAt: string | null, now: number): string {
  return hasEnded(expiresAt, now) ? untilWords(expiresAt).replace(/^until/, "ended") : untilWords(expiresAt);
}
