/** One session on the page: snapshot first, then the stream after it, as an external store for React. */

import { listApprovals } from "@/api/approvals";
import { listFiles } from "@/api/files";
import { asProblem, type Problem } from "@/api/problem";
import { getCosts, getDag, getEvents, getHistory, getSession, listSteps } from "@/api/sessions";
import { isEvent, readEvent, type EventFrame, type SessionFrame } from "./frames";
import { reduceAll } from "./reducer";
import { MAX_LINES, type SessionState } from "./session-state";
import { messageOf, stateOf } from "./snapshot";
import type { LiveStream, LogFollower } from "./stream";

export type SessionView =
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly state: SessionState }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly problem: Problem };

export class SessionStore implements LogFollower {
  private view: SessionView = { kind: "loading" };
  private readonly listeners = new Set<() => void>();
  private readonly logListeners = new Set<(events: readonly EventFrame[]) => void>();
  private unwatch: (() => void) | null = null;
  private opening = 0;
  private fetchingOlder = false;

  constructor(
    readonly sessionId: string,
    private readonly stream: LiveStream,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) void this.openSnapshot();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.close();
    };
  };

  readonly getView = (): SessionView => this.view;

  readonly reload = (): void => {
    void this.openSnapshot();
  };

  /** Be given the events as they come, in log order; those before are read from the log itself. */
  readonly onEvents = (listener: (events: readonly EventFrame[]) => void): (() => void) => {
    this.logListeners.add(listener);
    return () => this.logListeners.delete(listener);
  };

  /** Put the page of messages before the oldest in front; does nothing when all are here. */
  readonly loadOlderMessages = async (): Promise<void> => {
    if (this.view.kind !== "ready" || this.fetchingOlder || this.view.state.olderMessages === null) return;
    this.fetchingOlder = true;
    const turn = this.opening;
    try {
      const page = await getHistory(this.sessionId, this.view.state.olderMessages);
      if (turn !== this.opening || this.view.kind !== "ready") return;
      const { state } = this.view;
      const known = new Set(state.messages.map((message) => message.messageId));
      const older = page.messages.map(messageOf).filter((message) => !known.has(message.messageId));
      const messages = [...older, ...state.messages];
      this.show({ kind: "ready", state: { ...state, messages, olderMessages: page.next_cursor } });
    } finally {
      this.fetchingOlder = false;
    }
  };

  onFrames(frames: readonly SessionFrame[]): void {
    if (this.view.kind !== "ready") return;
    const state = reduceAll(this.view.state, frames);
    const events = frames.filter(isEvent);
    if (events.length > 0) for (const listener of this.logListeners) listener(events);
    if (state !== this.view.state) this.show({ kind: "ready", state });
  }

  onReset(): void {
    void this.openSnapshot();
  }

  onGone(): void {
    this.show({ kind: "gone" });
  }

  private async openSnapshot(): Promise<void> {
    const turn = (this.opening += 1);
    try {
      const state = await readSnapshot(this.sessionId);
      if (turn !== this.opening) return;
      this.show({ kind: "ready", state });
      this.unwatch?.();
      this.unwatch = this.stream.watch(this.sessionId, state.seq, this, state.epoch);
    } catch (error) {
      if (turn !== this.opening) return;
      const problem = asProblem(error);
      if (problem.status === 404 || problem.status === 422) this.show({ kind: "gone" });
      else if (this.view.kind !== "ready") this.show({ kind: "failed", problem });
    }
  }

  private close(): void {
    this.opening += 1;
    this.unwatch?.();
    this.unwatch = null;
  }

  private show(view: SessionView): void {
    this.view = view;
    for (const listener of this.listeners) listener();
  }
}

async function readSnapshot(sessionId: string): Promise<SessionState> {
  const detail = await getSession(sessionId);
  const [steps, approvals, files, costs, dag, beside] = await Promise.all([
    listSteps(sessionId),
    listApprovals(sessionId),
    listFiles(sessionId),
    getCosts(sessionId),
    getDag(sessionId),
    readBeside(sessionId, detail.as_of_seq),
  ]);
  const state = stateOf({ detail, steps, approvals, files, costs, dag });
  const { lines, tools, notices } = reduceAll({ ...state, seq: 0 }, beside);
  return { ...state, lines, tools, notices };
}

/** What only the log holds. */
const BESIDE = [
  "console",
  "workflow_resumed",
  "tool_call",
  "tool_result",
  "code_execution",
  "budget_warning",
  "budget_exceeded",
  "error",
];

/** The newest part of the log up to `through`, only what no other answer carries; older lines stay on the server. */
async function readBeside(sessionId: string, through: number): Promise<SessionFrame[]> {
  const frames: SessionFrame[] = [];
  let after = Math.max(0, through - MAX_LINES);
  for (;;) {
    const { events, hasMore } = await getEvents(sessionId, after, BESIDE);
    for (const value of events) {
      const event = readEvent(value);
      if (event && event.seq <= through) frames.push(event);
      if (event) after = Math.max(after, event.seq);
    }
    if (!hasMore || events.length === 0 || after >= through) return frames;
  }
}
