/** One session on the page: snapshot first, then the stream after it, as an external store for React. */

import { listApprovals } from "@/api/approvals";
import { listFiles } from "@/api/files";
import { asProblem, type Problem } from "@/api/problem";
import { getCosts, getEvents, getSession, listSteps } from "@/api/sessions";
import { readEvent, type SessionFrame } from "./frames";
import { reduceAll } from "./reducer";
import type { SessionState } from "./session-state";
import { stateOf } from "./snapshot";
import type { LiveStream, LogFollower } from "./stream";

export type SessionView =
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly state: SessionState }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly problem: Problem };

export class SessionStore implements LogFollower {
  private view: SessionView = { kind: "loading" };
  private readonly listeners = new Set<() => void>();
  private unwatch: (() => void) | null = null;
  private opening = 0;

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

  onFrames(frames: readonly SessionFrame[]): void {
    if (this.view.kind !== "ready") return;
    const state = reduceAll(this.view.state, frames);
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
  const [steps, approvals, files, costs, lines] = await Promise.all([
    listSteps(sessionId),
    listApprovals(sessionId),
    listFiles(sessionId),
    getCosts(sessionId),
    readConsole(sessionId, detail.as_of_seq ?? detail.last_seq ?? 0),
  ]);
  const state = stateOf({ detail, steps, approvals, files, costs });
  const withLines = reduceAll({ ...state, seq: 0 }, lines);
  return { ...state, lines: withLines.lines };
}

/** The console lines up to `through`, oldest first. */
async function readConsole(sessionId: string, through: number): Promise<SessionFrame[]> {
  const frames: SessionFrame[] = [];
  let after = 0;
  for (;;) {
    const { events, hasMore } = await getEvents(sessionId, after, ["console"]);
    for (const value of events) {
      const event = readEvent(value);
      if (event && event.seq <= through) frames.push(event);
      if (event) after = Math.max(after, event.seq);
    }
    if (!hasMore || events.length === 0 || after >= through) return frames;
  }
}
