/** Rows of the log: attempts of a step that a later one took the place of are folded to one row each. Pure. */

import { asFields, type EventFrame } from "@/live/frames";

export interface EventRow {
  readonly kind: "event";
  readonly event: EventFrame;
}

export interface AttemptRow {
  readonly kind: "attempt";
  /** Of the step and its attempt. */
  readonly key: string;
  /** The event that began it. */
  readonly seq: number;
  readonly at: string;
  readonly name: string;
  readonly attempt: number;
  readonly count: number;
  /** Why it ended, where it says so. */
  readonly why: string;
  readonly open: boolean;
}

export type LogRow = EventRow | AttemptRow;

interface Attempt {
  readonly key: string;
  readonly first: EventFrame;
  readonly step: string;
  readonly number: number;
  readonly events: EventFrame[];
}

/** Which events belong to attempts that were given up, by their `seq`. */
function givenUp(events: readonly EventFrame[]): Map<number, Attempt> {
  const newest = new Map<string, Attempt>();
  const found = new Map<number, Attempt>();
  const again = begunAgain(events);
  if (again.size === 0) return found;
  for (const event of events) {
    const step = stepOf(event);
    if (step === null || !again.has(step)) continue;
    if (event.type === "step_started") {
      const before = newest.get(step);
      if (before) for (const each of before.events) found.set(each.seq, before);
      const number = typeof event.data["attempt"] === "number" ? event.data["attempt"] : 1;
      newest.set(step, { key: `${step} ${number}`, first: event, step, number, events: [event] });
    } else {
      newest.get(step)?.events.push(event);
    }
  }
  return found;
}

/** Steps that began more than once; most logs have none, and cost no more than this look. */
function begunAgain(events: readonly EventFrame[]): ReadonlySet<string> {
  const begun = new Set<string>();
  const again = new Set<string>();
  for (const event of events) {
    if (event.type !== "step_started") continue;
    const step = stepOf(event);
    if (step === null) continue;
    if (begun.has(step)) again.add(step);
    begun.add(step);
  }
  return again;
}

function stepOf(event: EventFrame): string | null {
  const id = event.data["step_id"];
  return typeof id === "string" ? id : event.step;
}

/**
 * The events with each attempt that was given up in the place where it began, and, where it is `opened` or holds the
 * event `at`, followed by its own. `shown` says which events are there at all.
 */
export function rowsOf(
  events: readonly EventFrame[],
  shown: (event: EventFrame) => boolean,
  opened: ReadonlySet<string>,
  at: number | undefined,
): LogRow[] {
  const folded = givenUp(events);
  if (folded.size === 0) return events.filter(shown).map((event) => ({ kind: "event", event }));
  const counts = new Map<string, number>();
  for (const event of events) {
    const attempt = folded.get(event.seq);
    if (attempt && shown(event)) counts.set(attempt.key, (counts.get(attempt.key) ?? 0) + 1);
  }
  const chosen = at === undefined ? undefined : folded.get(at)?.key;
  const rows: LogRow[] = [];
  const told = new Set<string>();
  for (const event of events) {
    if (!shown(event)) continue;
    const attempt = folded.get(event.seq);
    if (!attempt) {
      rows.push({ kind: "event", event });
      continue;
    }
    const open = opened.has(attempt.key) || attempt.key === chosen;
    if (!told.has(attempt.key)) {
      told.add(attempt.key);
      rows.push({
        kind: "attempt",
        key: attempt.key,
        seq: event.seq,
        at: event.timestamp,
        name: nameOf(attempt.first),
        attempt: attempt.number,
        count: counts.get(attempt.key) ?? 0,
        why: whyOf(attempt),
        open,
      });
    }
    if (open) rows.push({ kind: "event", event });
  }
  return rows;
}

function nameOf({ data }: EventFrame): string {
  return String(data["name"] || data["key"] || "a step");
}

function whyOf(attempt: Attempt): string {
  const failed = attempt.events.findLast((event) => event.type === "step_failed");
  const message = asFields(failed?.data["error"])["message"];
  if (typeof message === "string") return message;
  return attempt.events.some((event) => event.type === "step_completed") ? "gone back over" : "cut off";
}
