/** A stretch of steps that needs no look: all done, or all still to come. */
export interface Fold {
  readonly kind: "done" | "waiting";
  /** Of the first step in it. */
  readonly id: string;
  readonly count: number;
}

const SHORT = 24;
const SHORTEST_FOLD = 8;
const KIND: Readonly<Record<string, Fold["kind"]>> = {
  completed: "done",
  skipped: "done",
  pending: "waiting",
  proposed: "waiting",
  ready: "waiting",
};
/** How many of a stretch stay beside what goes on. */
const KEPT = 3;

/** Long lists of steps or hops without their finished and their far stretches, except those opened by hand. Pure. */
export function folded<T extends { readonly status: string }>(
  steps: readonly T[],
  idOf: (step: T) => string,
  opened: ReadonlySet<string>,
): readonly (T | Fold)[] {
  if (steps.length <= SHORT) return steps;
  const kindAt = (index: number) => KIND[steps[index]?.status ?? ""];
  const result: (T | Fold)[] = [];
  for (let start = 0; start < steps.length; ) {
    const kind = kindAt(start);
    let end = start + 1;
    while (kind && end < steps.length && kindAt(end) === kind) end += 1;
    const stretch = steps.slice(start, end);
    const id = stretch[0] ? idOf(stretch[0]) : "";
    const hidden = stretch.length - KEPT;
    if (!kind || hidden < SHORTEST_FOLD || opened.has(id)) result.push(...stretch);
    else if (kind === "done") result.push({ kind, id, count: hidden }, ...stretch.slice(hidden));
    else result.push(...stretch.slice(0, KEPT), { kind, id, count: hidden });
    start = end;
  }
  return result;
}
