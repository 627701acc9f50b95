import { expect, it } from "vitest";
import type { EventFrame } from "@/live/frames";
import type { CostSummary } from "@/api/types";
import { changedPrices, changedSince } from "./changed";

const event = (type: string, data: Record<string, unknown> = {}) => ({ type, data }) as unknown as EventFrame;
const file = (path: string) => event("file_update", { path });
const paused = event("workflow_paused");

it("says what came after the last pause", () => {
  const events = [paused, file("old.md"), paused, file("a.md"), file("a.md"), event("plan_update"), event("agent_message")];
  expect(changedSince(events)).toEqual(["the file a.md", "the plan", "1 message more"]);
});

it("names a few of many files", () => {
  expect(changedSince([paused, ...["a", "b", "c", "d", "e"].map(file)])).toEqual(["the files a, b, c and 2 more"]);
});

it("nothing changed is something else than nothing known", () => {
  expect(changedSince([paused])).toEqual([]);
  expect(changedSince([file("a.md")])).toBeNull();
});

it("another list of prices than the newest priced call's is named; free and unpriced calls say nothing of it", () => {
  const call = (price_version: string, cost_usd: number | null) => ({ price_version, cost_usd });
  const changed = (now: string, ...records: object[]) =>
    changedPrices({ price_version: now, records } as unknown as CostSummary);
  const calls = [call("unpriced", null), call("local", 0), call("prices 7", 0.2), call("prices 6", 0.1)];
  expect(changed("prices 8", ...calls)).toBe("model prices: prices 7 → prices 8");
  expect(changed("prices 7", ...calls)).toBeNull();
  expect(changed("prices 8", call("local", 0), call("unpriced", null))).toBeNull();
});
