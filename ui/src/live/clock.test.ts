import { expect, it } from "vitest";
import type { EventFrame } from "./frames";
import { timesInWords, timesOf } from "./clock";
import { reduceAll } from "./reducer";
import { emptySession } from "./session-state";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const event = (seq: number, second: number, type: string, data: Record<string, unknown> = {}): EventFrame => ({
  seq,
  type,
  session_id: "s",
  run_id: "r",
  step: null,
  timestamp: at(second),
  data,
});
const STARTED = event(1, 0, "workflow_started", { task: "t" });
const ask = { approval_id: "a", request_type: "plan", title: "Plan", options: [] };
const worked = (second: number, ...events: EventFrame[]) => {
  const { run } = reduceAll(emptySession("s"), [STARTED, ...events]);
  const times = run && timesOf(run, Date.parse(at(second)));
  return times && [times.active / 1000, times.elapsed / 1000];
};

it("a run works until it waits, pauses or ends", () => {
  expect(worked(10)).toEqual([10, 10]);
  expect(worked(100, event(2, 10, "approval_request", ask))).toEqual([10, 100]);
  expect(
    worked(100, event(2, 10, "approval_request", ask), event(3, 60, "approval_resolved", { approval_id: "a" })),
  ).toEqual([50, 100]);
  expect(
    worked(500, event(2, 10, "workflow_paused"), event(3, 90, "workflow_resumed"), event(4, 95, "workflow_complete")),
  ).toEqual([15, 95]);
  expect(worked(500, event(2, 10, "workflow_failed"))).toEqual([10, 10]);
});

it("a server that was away worked at nothing meanwhile", () => {
  const back = event(3, 60, "workflow_resumed", { reason: "recovered after a restart" });
  expect(worked(70, event(2, 5, "console", { lines: ["x"] }), back)).toEqual([15, 70]);
});

it("is told in one number where both are nearly the same", () => {
  expect(timesInWords({ active: 60_000, elapsed: 61_000 }, true)).toBe("took 1 min 1 s");
  expect(timesInWords({ active: 4_000, elapsed: 6_000 }, false)).toBe("6.0 s");
  expect(timesInWords({ active: 240_000, elapsed: 11_520_000 }, false)).toBe("4 min 0 s active (3 h 12 min since start)");
  expect(timesInWords({ active: 240_000, elapsed: 11_520_000 }, true)).toBe("4 min 0 s active (3 h 12 min in all)");
});

it("what is on its way after a reconnect is known from the first frame on", () => {
  const sync = { type: "sync", session_id: "s", through_seq: 5_001 } as const;
  expect(reduceAll(emptySession("s"), [STARTED, sync]).replay).toEqual({ from: 1, through: 5_001 });
  expect(reduceAll(emptySession("s"), [STARTED, { type: "sync", session_id: "s" }]).replay).toBeNull();
});
