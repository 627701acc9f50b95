import { expect, it } from "vitest";
import type { EventFrame } from "@/live/frames";
import { rowsOf } from "./attempts";
import { nearestTo } from "./Brush";
import { timelineOf, within } from "./timeline";

function event(seq: number, type: string, data: Record<string, unknown> = {}, step: string | null = null): EventFrame {
  const timestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString();
  return { seq, type, session_id: "s", run_id: "r", step, timestamp, data };
}
const step = (attempt: number, id = "a") => ({ step_id: id, key: "step-1", name: "Read", attempt });

/** Two attempts that came to nothing, beside a step that was done at once, and one that worked. */
const LOG = [
  event(1, "workflow_started"),
  event(2, "step_started", step(1), "a"),
  event(3, "tool_call", { tool: "read_file" }, "a"),
  event(4, "step_started", step(1, "b"), "b"),
  event(5, "step_failed", { ...step(1), error: { message: "No such file." } }, "a"),
  event(6, "workflow_failed"),
  event(7, "step_started", step(2), "a"),
  event(8, "step_completed", step(1, "b"), "b"),
  event(9, "step_started", step(3), "a"),
  event(10, "step_completed", step(3), "a"),
];
const all = () => true;
const told = (opened: string[] = [], at?: number) =>
  rowsOf(LOG, all, new Set(opened), at).map((row) =>
    row.kind === "event" ? row.event.seq : `${row.attempt}: ${row.count} ${row.why}${row.open ? " open" : ""}`,
  );

it("attempts that were given up are one row each, where they began; the last one is not folded", () => {
  expect(told()).toEqual([1, "1: 3 No such file.", 4, 6, "2: 1 cut off", 8, 9, 10]);
});

it("an opened attempt, or the one that holds the chosen event, is followed by its events", () => {
  expect(told(["a 1"])).toEqual([1, "1: 3 No such file. open", 2, 3, 4, 5, 6, "2: 1 cut off", 8, 9, 10]);
  expect(told([], 7)).toEqual([1, "1: 3 No such file.", 4, 6, "2: 1 cut off open", 7, 8, 9, 10]);
});

it("what is filtered out is neither shown nor counted, and a log without retries is as it was", () => {
  const rows = rowsOf(LOG, (each) => each.type !== "tool_call", new Set(), undefined);
  expect(rows.find((row) => row.kind === "attempt")).toMatchObject({ attempt: 1, count: 2, seq: 2 });
  expect(rowsOf(LOG.slice(7), all, new Set(), undefined).map((row) => row.kind)).toEqual(["event", "event", "event"]);
});

it("a marked stretch fills the axis and keeps the bars that reach into it", () => {
  const whole = timelineOf(LOG, Date.parse(LOG[9]?.timestamp ?? ""));
  const part = within(whole, LOG.slice(6, 9));
  expect(part.bars.map((bar) => [bar.kind, bar.seq])).toEqual([
    ["step", 7],
    ["step", 9],
  ]);
  expect([part.at(0), part.at(Date.parse(LOG[6]?.timestamp ?? "")), part.at(Date.parse(LOG[8]?.timestamp ?? ""))]).toEqual([0, 0, 1]);
});

it("the event nearest to a place on the axis is found", () => {
  const places = [0, 0.1, 0.1, 0.5, 1];
  const nearest = (share: number) => nearestTo(share, 4, (index) => places[index] ?? 0);
  expect([nearest(0), nearest(0.25), nearest(0.35), nearest(0.9), nearest(2)]).toEqual([0, 2, 3, 4, 4]);
});
