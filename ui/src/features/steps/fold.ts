import type { StepEntry, StepStatus } from "@/live/session-state";

/** A stretch of steps that needs no look: all done, or all still to come. */
export interface Fold {
  readonly kind: "done" | "waiting";
  /** Of the first step in it. */
  readonly id: string;
  readonly count: number;
}

const SHORT = 24;
const SHORTEST_FOLD = 8;
const KIND: Readonly<Partial<Record<StepStatus, Fold["kind"]>>> = {
  completed: "done",
  skipped: "done",
  pending: "waiting",
};
/** How many of a stretch stay beside what goes on. */
const KEPT = 3;

/** Long lists without their finished and their far stretches, except those opened by hand. Pure. */
export function folded(steps: readonly StepEntry[], opened: ReadonlySet<string>): readonly (StepEntry | Fold)[] {
  if (steps.length <= SHORT) return steps;
  const result: (StepEntry | Fold)[] = [];
  for (let start = 0; start < steps.length; ) {
    const kind = KIND[steps[start]?.status ?? "running"];
    let end = start + 1;
    while (kind && end < steps.length && KIND[steps[end]?.status ?? "running"] === kind) end += 1;
    const stretch = steps.slice(start, end);
    const id = stretch[0]?.stepId ?? "";
    const hidden = stretch.length - KEPT;
    if (!kind || hidden < SHORTEST_FOLD || opened.has(id)) result.push(...stretch);
    else if (kind === "done") result.push({ kind, id, count: hidden }, ...stretch.slice(hidden));
    else result.push(...stretch.slice(0, KEPT), { kind, id, count: hidden });
    start = end;
  }
  return result;
}
