import { expect, it } from "vitest";
import type { EventFrame } from "@/live/frames";
import { changedSince } from "./changed";

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
