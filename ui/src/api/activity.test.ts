import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ActivityKeeper, GATHER_MS, MOST, NOTE_MS } from "./activity";
import { offline, Problem } from "./problem";

let seen: boolean;
let send: ReturnType<typeof vi.fn<(ids: readonly string[]) => Promise<void>>>;
let keeper: ActivityKeeper;
const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const sent = () => send.mock.calls.map(([ids]) => ids);

beforeEach(() => {
  vi.useFakeTimers();
  seen = true;
  send = vi.fn(() => Promise.resolve());
  keeper = new ActivityKeeper({ send, isSeen: () => seen });
});

afterEach(() => vi.useRealTimers());

describe("while the server is there", () => {
  it("sessions that are looked at go in one request", async () => {
    keeper.look("a");
    keeper.look("b");
    await after(NOTE_MS);
    expect(sent()).toEqual([]);
    await after(GATHER_MS);
    expect(sent()).toEqual([["a", "b"]]);
    await after(NOTE_MS);
    expect(sent()).toEqual([["a", "b"], ["a", "b"]]);
  });

  it("a session that was left, or that nobody sees, is not named", async () => {
    keeper.look("left")();
    keeper.look("hidden");
    seen = false;
    await after(3 * NOTE_MS);
    expect(sent()).toEqual([]);
  });

  it("one that is gone does not take the others with it", async () => {
    send.mockRejectedValueOnce(new Problem(404, "not-found", "There is none."));
    for (const id of ["gone", "a", "b"]) keeper.look(id);
    await after(NOTE_MS + 2 * GATHER_MS);
    expect(sent()).toEqual([
      ["gone", "a", "b"],
      ["a", "b"],
    ]);
  });

  it("what makes no sense to the server is not said again", async () => {
    send.mockRejectedValueOnce(new Problem(422, "invalid-input", "No ids."));
    keeper.look("a")();
    const leave = keeper.look("b");
    await after(NOTE_MS + GATHER_MS);
    leave();
    await after(NOTE_MS);
    expect(sent()).toEqual([["b"]]);
  });

  it("says nothing of a return when nothing failed", async () => {
    keeper.look("a");
    await after(NOTE_MS + GATHER_MS);
    keeper.retryNow();
    await after(GATHER_MS);
    expect(sent()).toHaveLength(1);
  });
});

describe("while it is away", () => {
  beforeEach(() => {
    send.mockImplementation(() => Promise.reject(offline()));
  });

  it("what was looked at is kept, each once, and goes in one request on return", async () => {
    const leave = keeper.look("a");
    await after(2 * NOTE_MS + GATHER_MS);
    leave();
    keeper.look("b");
    await after(NOTE_MS + GATHER_MS);
    send.mockClear();
    send.mockImplementation(() => Promise.resolve());
    keeper.retryNow();
    await after(0);
    expect(sent()).toEqual([["a", "b"]]);
    await after(NOTE_MS / 2);
    expect(sent()).toHaveLength(1);
  });

  it("it is tried again by itself, less and less often", async () => {
    keeper.look("a")();
    const leave = keeper.look("b");
    await after(NOTE_MS + GATHER_MS);
    leave();
    expect(send).toHaveBeenCalledTimes(1);
    await after(30_000);
    expect(send).toHaveBeenCalledTimes(2);
    await after(59_000);
    expect(send).toHaveBeenCalledTimes(2);
    await after(1_000);
    expect(send).toHaveBeenCalledTimes(3);
    send.mockImplementation(() => Promise.resolve());
    await after(120_000);
    expect(sent().at(-1)).toEqual(["b"]);
    await after(NOTE_MS);
    expect(send).toHaveBeenCalledTimes(4);
  });

  it("what is noted while a request is under way goes with the next", async () => {
    let fail: (error: unknown) => void = () => undefined;
    send.mockImplementationOnce(() => new Promise((_, reject) => (fail = reject)));
    const leave = keeper.look("a");
    await after(NOTE_MS + GATHER_MS);
    leave();
    const leaveB = keeper.look("b");
    await after(NOTE_MS + GATHER_MS);
    leaveB();
    expect(sent()).toEqual([["a"]]);
    send.mockImplementation(() => Promise.resolve());
    fail(offline());
    await after(30_000);
    expect(sent()).toEqual([["a"], ["a", "b"]]);
  });

  it("only so many are kept: the newest", async () => {
    for (let n = 0; n < MOST + 10; n += 1) keeper.look(`s${n}`);
    await after(NOTE_MS + GATHER_MS);
    expect([sent()[0]?.length, sent()[0]?.[0]]).toEqual([MOST, "s10"]);
  });
});
