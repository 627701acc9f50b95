import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { offline, Problem } from "@/api/problem";
import { isEvent, type SessionFrame } from "./frames";
import { CLOSE } from "./connection";
import { LiveStream, type LogFollower } from "./stream";

class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }
  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  lose(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(code?: number): void {
    this.readyState = 3;
    this.closedWith = code;
  }
}

const event = (seq: number, session_id = "s") => ({
  seq,
  type: "console",
  session_id,
  run_id: null,
  step: null,
  timestamp: "",
  data: { lines: [] },
});

let applied: number[];
let calls: number;
let follower: LogFollower & { resets: number; gone: number };
let flush: (() => void) | undefined;
let stream: LiveStream;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  applied = [];
  calls = 0;
  flush = undefined;
  follower = {
    resets: 0,
    gone: 0,
    onFrames(frames: readonly SessionFrame[]) {
      calls += 1;
      applied.push(...frames.filter(isEvent).map((frame) => frame.seq));
    },
    onReset() {
      this.resets += 1;
    },
    onGone() {
      this.gone += 1;
    },
  };
  stream = new LiveStream({
    url: () => "ws://test/ws/sessions",
    open: (url) => new FakeSocket(url) as unknown as WebSocket,
    random: () => 1,
    schedule: (call) => (flush = call),
  });
});

afterEach(() => {
  stream.stop();
  vi.useRealTimers();
});

function connected(after = 0): FakeSocket {
  stream.watch("s", after, follower);
  stream.start();
  FakeSocket.last.accept();
  FakeSocket.last.say({ type: "status", status: "connected", protocol: 1 });
  return FakeSocket.last;
}

describe("a healthy connection", () => {
  it("asks for each watched log from its cursor, in batches", () => {
    expect(connected(7).sent).toEqual([{ type: "watch", session_id: "s", after: 7, batch: true }]);
  });

  it("names the telling of the log that its cursor belongs to", () => {
    stream.watch("s", 3, follower, 2);
    stream.start();
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent).toEqual([{ type: "watch", session_id: "s", after: 3, batch: true, epoch: 2 }]);
  });

  it("hands over what came since the last animation frame in one call", () => {
    const socket = connected();
    socket.say({ type: "events", events: [event(1), event(2)] });
    socket.say(event(3));
    expect(applied).toEqual([]);
    flush?.();
    expect([applied, calls]).toEqual([[1, 2, 3], 1]);
  });

  it("drops repeated events", () => {
    const socket = connected();
    for (const seq of [1, 2, 2, 1, 3]) socket.say(event(seq));
    flush?.();
    expect(applied).toEqual([1, 2, 3]);
  });

  it("keeps a cursor for each session", () => {
    const socket = connected(4);
    const other: number[] = [];
    stream.watch("t", 9, {
      ...follower,
      onFrames: (frames) => other.push(...frames.filter(isEvent).map((f) => f.seq)),
    });
    expect(socket.sent.at(-1)).toEqual({ type: "watch", session_id: "t", after: 9, batch: true });
    socket.say({ type: "events", events: [event(5), event(10, "t"), event(6)] });
    flush?.();
    expect([applied, other]).toEqual([[5, 6], [10]]);
  });

  it("stops following on request, once", () => {
    stream.start();
    const socket = FakeSocket.last;
    socket.accept();
    const stop = stream.watch("s", 0, follower);
    stop();
    stop();
    expect(socket.sent.filter((frame) => frame["type"] === "unwatch")).toHaveLength(1);
    socket.say(event(1));
    flush?.();
    expect(applied).toEqual([]);
  });

  it("answers pings and survives what it does not understand", () => {
    const socket = connected();
    socket.say({ type: "ping" });
    socket.onmessage?.({ data: "not json" });
    socket.say([1, 2]);
    socket.say({ type: "something_new", x: 1 });
    expect(socket.sent.at(-1)).toEqual({ type: "pong" });
    expect(stream.getState().kind).toBe("live");
  });

  it("passes list hints on, and asks for a fresh list after each connect", () => {
    const hints: string[] = [];
    stream.onList((hint) => hints.push(hint.type));
    connected().say({ type: "session:updated", session_id: "s" });
    expect(hints).toEqual(["resync", "session:updated"]);
  });
});

describe("listening beside", () => {
  it("a log that nobody follows is followed for as long as somebody listens", () => {
    stream.start();
    const socket = FakeSocket.last;
    socket.accept();
    const heard: number[] = [];
    const stop = stream.listen("s", 4, (each) => heard.push(each.seq));
    expect(socket.sent).toEqual([{ type: "watch", session_id: "s", after: 4, batch: true }]);
    socket.say({ type: "events", events: [event(5), event(5), event(6)] });
    expect(heard).toEqual([5, 6]);
    stop();
    expect(socket.sent.at(-1)).toEqual({ type: "unwatch", session_id: "s" });
    socket.say(event(7));
    expect(heard).toEqual([5, 6]);
  });

  it("a log that a page follows is not asked for again, and goes on for the page", () => {
    const socket = connected(2);
    const heard: number[] = [];
    const stop = stream.listen("s", 0, (each) => heard.push(each.seq));
    socket.say(event(3));
    stop();
    socket.say(event(4));
    flush?.();
    expect([heard, applied]).toEqual([[3], [3, 4]]);
    expect(socket.sent).toHaveLength(1);
  });
});

describe("trouble", () => {
  it("a gap ends the connection and the next one resumes after the last applied event", () => {
    const socket = connected();
    socket.say(event(1));
    socket.say(event(3));
    expect(socket.closedWith).toBe(CLOSE.ownGap);
    expect(applied).toEqual([1]);
    vi.advanceTimersByTime(50);
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent[0]).toMatchObject({ after: 1 });
    FakeSocket.last.say({ type: "events", events: [event(2), event(3)] });
    flush?.();
    expect(applied).toEqual([1, 2, 3]);
  });

  it("a gap that stays after a reconnect starts again from a snapshot, not for ever", () => {
    connected().say(event(3));
    vi.advanceTimersByTime(50);
    FakeSocket.last.accept();
    FakeSocket.last.say(event(3));
    expect(follower.resets).toBe(1);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("nothing of a batch is applied after its hole", () => {
    connected().say({ type: "events", events: [event(1), event(3), event(2)] });
    expect(stream.getState()).toMatchObject({ kind: "waiting", attempt: 1 });
    expect(applied).toEqual([1]);
  });

  it("a killed server: first retry after 50 ms, then longer, at most 5 s", () => {
    connected().lose();
    const waits: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const state = stream.getState();
      if (state.kind !== "waiting") throw new Error(state.kind);
      waits.push(state.retryAt - Date.now());
      vi.advanceTimersByTime(state.retryAt - Date.now());
      FakeSocket.last.lose();
    }
    expect(waits).toEqual([50, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
  });

  it("an open socket alone does not end the outage; a frame does", () => {
    connected().lose();
    vi.advanceTimersByTime(50);
    FakeSocket.last.accept();
    expect(stream.getState().kind).toBe("connecting");
    FakeSocket.last.lose();
    expect(stream.getState()).toMatchObject({ kind: "waiting", attempt: 2 });
    vi.advanceTimersByTime(1000);
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: "sync", session_id: "s", epoch: 1, from_seq: 1, through_seq: 1 });
    expect(stream.getState().kind).toBe("live");
    FakeSocket.last.lose();
    expect(stream.getState()).toMatchObject({ kind: "waiting", attempt: 1 });
  });

  it("45 s of silence count as a loss", () => {
    const socket = connected();
    vi.advanceTimersByTime(44_000);
    socket.say({ type: "ping" });
    vi.advanceTimersByTime(44_000);
    expect(stream.getState().kind).toBe("live");
    vi.advanceTimersByTime(1_000);
    expect(socket.closedWith).toBe(CLOSE.ownSilence);
    expect(stream.getState().kind).toBe("waiting");
  });

  it("a network that went away is not waited for: the socket is tried anew, once", () => {
    const socket = connected();
    socket.say(event(1));
    stream.checkNow();
    expect(socket.closedWith).toBe(CLOSE.ownSilence);
    stream.checkNow();
    vi.advanceTimersByTime(50);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent[0]).toMatchObject({ after: 1 });
  });

  it("a socket that never opens is given up too", () => {
    stream.start();
    vi.advanceTimersByTime(45_000);
    expect(stream.getState().kind).toBe("waiting");
  });

  it("the button skips the wait", () => {
    connected().lose();
    vi.advanceTimersByTime(50);
    FakeSocket.last.lose();
    const before = FakeSocket.all.length;
    stream.retryNow();
    expect(FakeSocket.all.length).toBe(before + 1);
    vi.advanceTimersByTime(5_000);
    expect(FakeSocket.all.length).toBe(before + 1);
  });

  it.each([CLOSE.signIn, CLOSE.origin, CLOSE.superseded])("close code %d ends it until somebody asks", (code) => {
    connected().lose(code);
    vi.advanceTimersByTime(60_000);
    expect(stream.getState()).toEqual({ kind: "closed", code });
    stream.retryNow();
    expect(stream.getState().kind).toBe("connecting");
  });

  it.each([CLOSE.tooSlow, CLOSE.goingAway, 1006, 1011])("close code %d resumes at once", (code) => {
    connected().lose(code);
    vi.advanceTimersByTime(50);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("too many connections: waits long before asking again", () => {
    connected().lose(CLOSE.tooMany);
    vi.advanceTimersByTime(9_000);
    expect(FakeSocket.all).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("a reset log and a missing session are told to the follower", () => {
    const socket = connected();
    socket.say({ type: "reset", session_id: "s", epoch: 2, floor: 10, reason: "restored" });
    socket.say({ type: "error", session_id: "s", code: "not-found" });
    expect([follower.resets, follower.gone]).toEqual([1, 1]);
  });

  it("frames of a socket that was given up are not applied", () => {
    const old = connected();
    const late = old.onmessage;
    old.lose();
    vi.advanceTimersByTime(50);
    late?.({ data: JSON.stringify(event(1)) });
    flush?.();
    expect(applied).toEqual([]);
  });
});

describe("a server that asks who it is", () => {
  const refused = () => Promise.reject(new Problem(401, "sign-in-expired", "It has expired."));
  let ticket: ReturnType<typeof vi.fn<() => Promise<string | null>>>;
  const settled = () => vi.advanceTimersByTimeAsync(0);

  beforeEach(async () => {
    ticket = vi.fn(() => Promise.resolve(`pdt_${ticket.mock.calls.length}`));
    stream = new LiveStream({
      url: () => "ws://test/ws/sessions",
      open: (url) => new FakeSocket(url) as unknown as WebSocket,
      random: () => 1,
      schedule: (call) => (flush = call),
      ticket,
    });
    stream.watch("s", 0, follower);
    stream.start();
    await settled();
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: "status", status: "connected", protocol: 1 });
  });

  it("is shown a ticket before anything else, a new one for each socket, and never in the address", async () => {
    expect(FakeSocket.last.sent.map((frame) => frame["type"])).toEqual(["auth", "watch"]);
    FakeSocket.last.lose();
    await vi.advanceTimersByTimeAsync(60);
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent[0]).toEqual({ type: "auth", ticket: "pdt_2" });
    expect(FakeSocket.last.url).not.toContain("pdt");
  });

  it("a socket closed for its sign-in comes back once with a new ticket", async () => {
    FakeSocket.last.lose(CLOSE.signIn);
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.accept();
    FakeSocket.last.lose(CLOSE.signIn);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all).toHaveLength(2);
    expect(stream.getState()).toEqual({ kind: "closed", code: CLOSE.signIn });
  });

  it("no ticket, no attempts; signing in again goes on from the last event", async () => {
    FakeSocket.last.say(event(1));
    ticket.mockImplementation(refused);
    FakeSocket.last.lose(CLOSE.signIn);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([FakeSocket.all.length, stream.getState()]).toEqual([1, { kind: "closed", code: CLOSE.signIn }]);
    ticket.mockImplementation(() => Promise.resolve("pdt_new"));
    stream.retryNow();
    await settled();
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent).toEqual([
      { type: "auth", ticket: "pdt_new" },
      expect.objectContaining({ type: "watch", after: 1 }),
    ]);
  });

  it("a ticket that cannot be fetched is an outage like any other", async () => {
    ticket.mockImplementation(() => Promise.reject(offline()));
    FakeSocket.last.lose();
    await vi.advanceTimersByTimeAsync(60);
    expect(stream.getState()).toMatchObject({ kind: "waiting", attempt: 2 });
  });

  it("a ticket that comes after the stream was stopped opens nothing", async () => {
    FakeSocket.last.lose();
    await vi.advanceTimersByTimeAsync(49);
    vi.advanceTimersByTime(1);
    stream.stop();
    await settled();
    expect(FakeSocket.all).toHaveLength(1);
  });
});

it("who watches is told to those who ask, and is no event", () => {
  const told: unknown[] = [];
  stream.onPresence((sessionId, viewers) => told.push([sessionId, viewers]));
  connected().say({ type: "presence", session_id: "s", viewers: [{ user_id: "u", name: "Ann" }] });
  expect(told).toEqual([["s", [{ user_id: "u", name: "Ann" }]]]);
  expect(applied).toEqual([]);
});
