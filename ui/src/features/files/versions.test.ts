import { expect, it } from "vitest";
import { versionsOf } from "./versions";

it("tells the versions of files newest first, and passes over what is something else", () => {
  const base = { session_id: "s", run_id: null, step: null, timestamp: "2026-01-01T00:00:00Z" };
  const events = [
    { ...base, seq: 1, type: "file_update", data: { path: "a", change: "created", size: 3, sha256: "x" } },
    { ...base, seq: 2, type: "console", data: { path: "a" } },
    { ...base, seq: 3, type: "file_update", data: { path: "a", change: "changed", size: null }, step: "st" },
    { ...base, seq: 4, type: "file_update", data: {} },
    null,
  ];
  expect(versionsOf(events).map(({ seq, change, size, stepId }) => [seq, change, size, stepId])).toEqual([
    [3, "changed", null, "st"],
    [1, "created", 3, null],
  ]);
});
