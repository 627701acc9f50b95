import { describe, expect, it, vi } from "vitest";
import { readBeside, stretchBefore, withOlder } from "./beside";
import type { EventFrame } from "./frames";
import { reduceAll } from "./reducer";
import { emptySession, MAX_LINES, type SessionState } from "./session-state";

function event(seq: number, type = "console", data: Record<string, unknown> = { lines: [`line ${seq}`] }): EventFrame {
  return { seq, type, session_id: "s", run_id: "r", step: null, timestamp: `2026-01-01T00:00:00.${seq}Z`, data };
}
/** A server that holds these events. */
const server = (events: readonly EventFrame[]) =>
  vi.fn((after: number, limit: number) =>
    Promise.resolve(events.filter((each) => each.seq > after).slice(0, limit)),
  );
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
const seqs = (state: Pick<SessionState, "lines">) => state.lines.map((line) => line.seq);

describe("what only the log holds", () => {
  it("is read in pages, each event once and in order, and none from after the stretch", async () => {
    const fetch = server(range(1, 5000));
    const read = await readBeside(fetch, 1500, 4200);
    expect(seqs(read)).toEqual(range(1501, 4200).map((each) => each.seq));
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  it("is put in front of what is there, once", async () => {
    const fetch = server(range(1, 30));
    const newest = { ...emptySession("s"), ...(await readBeside(fetch, 20, 30)), linesFrom: 20 };
    const more = withOlder(newest, await readBeside(fetch, 10, 20), 10);
    expect([seqs(more)[0], seqs(more).length, more.linesFrom]).toEqual([11, 20, 10]);
    expect(seqs(withOlder(more, await readBeside(fetch, 10, 20), 10))).toEqual(seqs(more));
  });

  it("joins a call with its result across the border", async () => {
    const fetch = server([
      event(1, "tool_call", { call_id: "c", tool: "read_file", arguments: { path: "a" } }),
      event(2, "tool_result", { call_id: "c", tool: "read_file", ok: false, result: "gone" }),
    ]);
    const newest = { ...emptySession("s"), ...(await readBeside(fetch, 1, 2)), linesFrom: 1 };
    expect(newest.tools).toHaveLength(1);
    const { tools } = withOlder(newest, await readBeside(fetch, 0, 1), 0);
    expect(tools.map((tool) => [tool.seq, tool.status, tool.result, tool.arguments])).toEqual([
      [1, "failed", "gone", { path: "a" }],
    ]);
  });

  it("is looked for further back each time that nothing was found, and never before the beginning", () => {
    const steps = [0, 1, 2, 3].map((empty) => 100_000 - stretchBefore(100_000, empty));
    expect(steps).toEqual([2000, 4000, 8000, 8000]);
    expect(stretchBefore(10, 3)).toBe(0);
  });
});

it("lines that were let go can be read again, the lines of one event together", () => {
  const many = Array.from({ length: 3000 }, (_, index) => `part ${index}`);
  const state = reduceAll(
    emptySession("s"),
    Array.from({ length: 8 }, (_, index) => event(index + 1, "console", { lines: many })),
  );
  expect(state.lines.length).toBeLessThanOrEqual(MAX_LINES);
  expect(state.linesFrom).toBe(2);
  expect(state.lines[0]?.id).toBe("3.0");
});
