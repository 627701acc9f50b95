/** How long a run worked, apart from how long ago it began. Pure. */

import { duration } from "@/lib/time";
import type { RunEntry } from "./session-state";

type Clock = Pick<RunEntry, "startedAt" | "endedAt" | "activeMs" | "activeSince">;

export interface Times {
  /** Without waits for people and pauses. */
  readonly active: number;
  /** From its beginning to its end, or to now. */
  readonly elapsed: number;
}

/** Return null for a run that has not begun. */
export function timesOf(run: Clock, now: number): Times | null {
  if (!run.startedAt) return null;
  const end = run.endedAt ? Date.parse(run.endedAt) : now;
  const elapsed = Math.max(0, end - Date.parse(run.startedAt));
  const since = run.activeSince && !run.endedAt ? Math.max(0, now - Date.parse(run.activeSince)) : 0;
  return { active: Math.min(elapsed, run.activeMs + since), elapsed };
}

const WORTH_SAYING_MS = 5_000;
const WORTH_SAYING = 1.1;

/** "4 min active (3 h since start)": the second only where a wait or a pause makes a difference. */
export function timesInWords(times: Times, over: boolean): string {
  const apart = times.elapsed - times.active > WORTH_SAYING_MS && times.elapsed > times.active * WORTH_SAYING;
  if (!apart) return over ? `took ${duration(times.elapsed)}` : duration(times.elapsed);
  return `${duration(times.active)} active (${duration(times.elapsed)} ${over ? "in all" : "since start"})`;
}
