/** One session on the page: snapshot first, then the stream after it, as an external store for React. */

import { listApprovals } from "@/api/approvals";
import { listFiles } from "@/api/files";
import { asProblem, type Problem } from "@/api/problem";
import { getCosts, getDag, getHistory, getSession, listSteps } from "@/api/sessions";
import { fetchBeside, readBeside, STRETCH, stretchBefore, withOlder } from "./beside";
import { isEvent, type EventFrame, type SessionFrame } from "./frames";
import { reduceAll } from "./reducer";
import { type SessionState } from "./session-state";
import { messageOf, stateOf } from "./snapshot";
import type { LiveStream, LogFollower } from "./stream";

export type SessionView =
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly state: SessionState }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly problem: Problem };

/** Tool calls of very old messages come with the messages around them. */
const MOST_TURNS = 4;

export class SessionStore implements LogFollower {
  private view: SessionView = { kind: "loading" };
  private readonly listeners = new Set<() => void>();
  private readonly logListeners = new Set<(events: readonly EventFrame[]) => void>();
  private unwatch: (() => void) | null = null;
  private opening = 0;
  private fetchingOlder = false;
  private fetchingLines: Promise<void> | null = null;

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
    void this.coverMessages();
  };

  /**
   * Put the printed lines before the oldest in front, at least back to event `to`; does nothing when all are here.
   * Looks further back until there are some, at most `stretches` times.
   */
  readonly loadOlderLines = async (
    to = Number.POSITIVE_INFINITY,
    stretches = Number.POSITIVE_INFINITY,
  ): Promise<void> => {
    const begun = this.fetchingLines;
    if (begun) await begun; // what is on its way counts, but may not go back as far as is asked here
    if (begun && !(this.view.kind === "ready" && this.view.state.linesFrom >= to)) return;
    this.fetchingLines ??= this.readOlderLines(to, stretches).finally(() => {
      this.fetchingLines = null;
    });
    await this.fetchingLines;
  };

  private async readOlderLines(to: number, stretches: number): Promise<void> {
    const turn = this.opening;
    const fetch = fetchBeside(this.sessionId);
    for (let empty = 0; empty < stretches && this.view.kind === "ready" && this.view.state.linesFrom > 0; ) {
      const before = this.view.state;
      const from = stretchBefore(before.linesFrom, empty);
      const older = await readBeside(fetch, from, before.linesFrom);
      if (turn !== this.opening || this.view.kind !== "ready") return;
      this.show({ kind: "ready", state: withOlder(this.view.state, older, from) });
      empty = older.lines.length > 0 ? 0 : empty + 1;
      if (older.lines.length > 0 && !(from >= to)) return;
    }
  }

  /** Read tool calls as far back as the messages that are shown; they stand between them. */
  private async coverMessages(): Promise<void> {
    for (let turns = 0; turns < MOST_TURNS && this.view.kind === "ready"; turns += 1) {
      const { linesFrom, messages, lines, tools } = this.view.state;
      const oldest = messages[0]?.at ?? "";
      const reached = [lines[0]?.at, tools[0]?.at].some((at) => at !== undefined && at < oldest);
      if (linesFrom === 0 || oldest === "" || reached) return;
      try {
        await this.loadOlderLines(undefined, 1);
      } catch {
        return; // the console says so when somebody asks for more
      }
    }
  }

  onFrames(frames: readonly SessionFrame[]): void {
    if (this.view.kind !== "ready") return;
    const state = reduceAll(this.view.state, frames);
    const events = frames.filter(isEvent);
    if (events.length > 0) for (const listener of this.logListeners) listener(events);
    const changed = events.some((event) => event.type === "session_update") && isChangedBeside(this.view.state, state);
    if (state !== this.view.state) this.show({ kind: "ready", state });
    if (changed) void this.readFacts();
  }

  /** Limits and configuration are in no event: that the session has another version is all the log says of them. */
  private async readFacts(): Promise<void> {
    const turn = this.opening;
    try {
      const detail = await getSession(this.sessionId);
      if (turn !== this.opening || this.view.kind !== "ready") return;
      const { state } = this.view;
      if (detail.version < state.facts.version) return; // another change is on its way, and is read after it
      const facts = { ...state.facts, config: detail.config, limits: detail.resource_limits };
      this.show({ kind: "ready", state: { ...state, facts } });
    } catch {
      // what was known stays; the next change, or opening the page anew, reads it
    }
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
      void this.coverMessages();
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

/** Something about the session was changed that its name and its status do not show. */
function isChangedBeside(before: SessionState, after: SessionState): boolean {
  return (
    after.facts.version > before.facts.version &&
    after.facts.status === before.facts.status &&
    after.facts.name === before.facts.name
  );
}

async function readSnapshot(sessionId: string): Promise<SessionState> {
  const detail = await getSession(sessionId);
  const from = Math.max(0, detail.as_of_seq - STRETCH);
  const [steps, approvals, files, costs, dag, beside] = await Promise.all([
    listSteps(sessionId),
    listApprovals(sessionId),
    listFiles(sessionId),
    getCosts(sessionId),
    getDag(sessionId),
    readBeside(fetchBeside(sessionId), from, detail.as_of_seq),
  ]);
  return { ...stateOf({ detail, steps, approvals, files, costs, dag }), ...beside, linesFrom: from };
}
