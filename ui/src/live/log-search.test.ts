import { describe, expect, it } from "vitest";
import type { LogPage } from "@/api/sessions";
import type { EventFrame } from "./frames";
import { lookBack, says, type Found } from "./log-search";

function event(seq: number, type = "console", data: Record<string, unknown> = { lines: [`line ${seq}`], stream: "log" }): EventFrame {
  return { seq, id: `s:${seq}`, type, session_id: "s", run_id: null, step: null, timestamp: "2026-01-01T00:00:00Z", data };
}

async function look(pages: Record<number, LogPage | Error>, before: number, most: number) {
  const told: Found[] = [];
  const asked: number[] = [];
  const ask = (from: number): Promise<LogPage> => {
    asked.push(from);
    const page = pages[from];
    return page instanceof Error || !page ? Promise.reject(page ?? new Error(`not expected: ${from}`)) : Promise.resolve(page);
  };
  await lookBack(ask, before, most, new AbortController().signal, (found) => told.push(found));
  return { last: told.at(-1), told, asked };
}

describe("a search of what is not here", () => {
  it("goes on over stretches without a match to the beginning of the log", async () => {
    const { last, asked } = await look(
      {
        60_001: { events: [], nextBefore: 40_001 },
        40_001: { events: [event(33_000)], nextBefore: 20_001 },
        20_001: { events: [event(3), event(9)], nextBefore: null },
      },
      60_001,
      200,
    );
    expect(asked).toEqual([60_001, 40_001, 20_001]);
    expect(last?.events.map((each) => each.seq)).toEqual([3, 9, 33_000]);
    expect(last).toMatchObject({ searching: false, through: 1, problem: null });
  });

  it("stops when enough is found, and says how far it looked", async () => {
    const { last, asked } = await look({ 100: { events: [event(80), event(90)], nextBefore: 80 } }, 100, 2);
    expect(asked).toEqual([100]);
    expect(last).toMatchObject({ searching: false, through: 80 });
  });

  it("keeps what was found before it was cut off", async () => {
    const { last } = await look({ 100: { events: [event(90)], nextBefore: 50 }, 50: new Error("away") }, 100, 9);
    expect(last?.events.map((each) => each.seq)).toEqual([90]);
    expect(last?.searching).toBe(false);
    expect(last?.through).toBe(50);
    expect(last?.problem).not.toBeNull();
  });

  it("says nothing any more once it is called off", async () => {
    const control = new AbortController();
    const told: Found[] = [];
    const ask = () => {
      control.abort();
      return Promise.resolve({ events: [event(1)], nextBefore: null });
    };
    await lookBack(ask, 10, 5, control.signal, (found) => told.push(found));
    expect(told).toEqual([{ events: [], searching: true, through: 10, problem: null }]);
  });
});

describe("what an event says", () => {
  it.each([
    ["harbour", true],
    ["412", true],
    ["41", false],
    ["tool_re", true],
    ["places", false],
    ["true", false],
  ])("%s: %s", (words, expected) => {
    const result = event(1, "tool_result", { ok: true, result: { places: ["Old Harbour", 412] } });
    expect(says(result, words)).toBe(expected);
  });

  it("is for printed lines what they say, not their stream", () => {
    expect(says(event(7), "line 7")).toBe(true);
    expect(says(event(7), "log")).toBe(false);
    expect(says(event(7), "console")).toBe(false);
  });
});
