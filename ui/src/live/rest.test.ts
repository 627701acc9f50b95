import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { EventFrame } from "./frames";
import { ASK_MS, CHECK_MS, untilAtRest, type Standing } from "./rest";

let status: string;
let connection: "live" | "waiting";
let tell: (type: string) => void;
let change: () => void;
let stopped: string[];
let after: number | null;
let ended: boolean;
let giveUp: AbortController;
let ask: ReturnType<typeof vi.fn<() => Promise<Standing>>>;
const seen: (string | null | undefined)[] = [];

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function wait(): Promise<void> {
  const stream = {
    listen: (_id: string, from: number, listener: (event: EventFrame) => void) => {
      after = from;
      tell = (type) => listener({ type } as EventFrame);
      return () => void stopped.push("log");
    },
    subscribeState: (listener: () => void) => {
      change = listener;
      return () => void stopped.push("state");
    },
    getState: () => ({ kind: connection }) as { kind: "live" },
  };
  const onNow = (now: Standing) => void seen.push(now.run_status);
  return untilAtRest({ stream, sessionId: "s", ask, onNow, signal: giveUp.signal }).finally(() => (ended = true));
}

beforeEach(() => {
  vi.useFakeTimers();
  status = "pausing";
  connection = "live";
  stopped = [];
  seen.length = 0;
  after = null;
  ended = false;
  giveUp = new AbortController();
  ask = vi.fn(() => Promise.resolve({ run_status: status, as_of_seq: 7 }));
});

afterEach(() => vi.useRealTimers());

it("asks nothing while the socket is up, until the log says that something changed", async () => {
  void wait();
  await pass(10_000);
  expect([ask.mock.calls.length, after]).toEqual([1, 7]);
  tell("console");
  tell("tool_call");
  await pass(0);
  expect(ask).toHaveBeenCalledTimes(1);
  status = "paused";
  tell("workflow_paused");
  await pass(0);
  expect([ask.mock.calls.length, ended, seen]).toEqual([2, true, ["pausing"]]);
  expect(stopped.sort()).toEqual(["log", "state"]);
});

it("what is told while the answer is on its way is not missed", async () => {
  let answer: (now: Standing) => void = () => undefined;
  void wait();
  await pass(0);
  ask.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
  tell("step_completed");
  await pass(0);
  tell("workflow_complete");
  status = "completed";
  answer({ run_status: "pausing", as_of_seq: 9 });
  await pass(0);
  expect([ask.mock.calls.length, ended]).toEqual([3, true]);
});

it("asks now and then when the socket is down, and at once when that changes", async () => {
  connection = "waiting";
  void wait();
  await pass(3 * ASK_MS);
  expect(ask).toHaveBeenCalledTimes(4);
  connection = "live";
  change();
  await pass(CHECK_MS - 1);
  expect(ask).toHaveBeenCalledTimes(5);
});

it("a word that got lost is made up for", async () => {
  void wait();
  await pass(0);
  status = "paused";
  await pass(CHECK_MS);
  expect(ended).toBe(true);
});

it("who does not wait any more asks nothing more", async () => {
  void wait();
  await pass(0);
  giveUp.abort();
  await pass(2 * CHECK_MS);
  expect([ask.mock.calls.length, ended, stopped.length]).toEqual([1, true, 2]);
});

it("a session that cannot be read ends the wait", async () => {
  ask.mockImplementation(() => Promise.reject(new Error("gone")));
  await expect(wait()).rejects.toThrow("gone");
  expect(stopped).toEqual(["state"]);
});
