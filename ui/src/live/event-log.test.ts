import { describe, expect, it, vi } from "vitest";
import { EventLog, MAX_EVENTS, PAGE } from "./event-log";
import type { EventFrame } from "./frames";

function event(seq: number): EventFrame {
  return {
    seq,
    type: "console",
    session_id: "s",
    run_id: null,
    step: null,
    timestamp: "2026-01-01T00:00:00Z",
    data: {},
  };
}
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
/** A server that holds events 1 to `last`. */
const server = (last: number) =>
  vi.fn((after: number, limit: number) => Promise.resolve(range(after + 1, Math.min(last, after + limit))));
const seqs = (log: EventLog) => log.getView().events.map((each) => each.seq);

describe("the window on the log", () => {
  it("begins with the newest thousand and grows backwards without holes", async () => {
    const log = new EventLog("s", 2500, server(2500));
    await log.loadOlder();
    expect([seqs(log)[0], seqs(log).length]).toEqual([1501, PAGE]);
    await log.loadOlder();
    await log.loadOlder();
    expect(seqs(log)).toEqual(range(1, 2500).map((each) => each.seq));
    expect(log.getView().hasOlder).toBe(false);
  });

  it("joins what comes while the first page is under way", async () => {
    const log = new EventLog("s", 10, server(10));
    const loading = log.loadOlder();
    log.add([event(11), event(12)]);
    await loading;
    expect(seqs(log)).toEqual(range(1, 12).map((each) => each.seq));
  });

  it("drops repeats and begins anew after a hole", async () => {
    const log = new EventLog("s", 3, server(3));
    await log.loadOlder();
    log.add([event(3), event(4)]);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
    log.add([event(9)]);
    expect(seqs(log)).toEqual([9]);
    expect(log.getView().hasOlder).toBe(true);
  });

  it("reaches an event by its number", async () => {
    const fetch = server(5000);
    const log = new EventLog("s", 5000, fetch);
    await log.reach(2750);
    expect(seqs(log)[0]).toBeLessThanOrEqual(2750);
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  it("lets the oldest go when it holds too much", () => {
    const log = new EventLog("s", 0, server(0));
    log.add(range(1, MAX_EVENTS + PAGE + 1));
    expect(seqs(log)).toHaveLength(MAX_EVENTS);
    expect(log.getView().hasOlder).toBe(true);
  });

  it("says what went wrong and can try again", async () => {
    const fetch = server(5);
    fetch.mockRejectedValueOnce(new Error("no network"));
    const log = new EventLog("s", 5, fetch);
    await log.loadOlder();
    expect(log.getView()).toMatchObject({ loading: false, problem: { message: "no network" } });
    await log.loadOlder();
    expect(log.getView().problem).toBeNull();
    expect(seqs(log)).toEqual([1, 2, 3, 4, 5]);
  });
});
