/**
 * The one socket of this tab. It follows any number of session logs from a cursor each, and the session list.
 *
 * A log is handed over without holes and without repetition: what was applied is remembered, a repeat is dropped, a
 * hole ends the connection and the next one resumes after the last applied event. Commands never travel here, so a
 * reconnect can never repeat an approval.
 */

import { CLOSE, Connection, type ConnectionOptions, type ConnectionState } from "./connection";
import { asFields, readDelta, readEvent, type EventFrame, type ListHint, type SessionFrame } from "./frames";

/** What a follower of one session is told. */
export interface LogFollower {
  /** New frames in log order, at most one call per animation frame. */
  onFrames(frames: readonly SessionFrame[]): void;
  /** The log was restored or trimmed: start again from a snapshot. */
  onReset(): void;
  /** There is no such session (any more), or this caller may not see it. */
  onGone(): void;
}

export interface StreamOptions extends ConnectionOptions {
  /** Calls back at the next animation frame, or a little later when nobody is looking. */
  readonly schedule?: (flush: () => void) => void;
}

interface Watch {
  last: number;
  readonly epoch: number | null;
  /** Holes met since the last event that fitted. */
  gaps: number;
  follower: LogFollower;
  buffer: SessionFrame[];
}

const NOBODY: LogFollower = { onFrames: () => undefined, onReset: () => undefined, onGone: () => undefined };

export class LiveStream {
  private readonly watches = new Map<string, Watch>();
  private readonly listeners = new Map<string, Set<(event: EventFrame) => void>>();
  private readonly listListeners = new Set<(hint: ListHint) => void>();
  private readonly presenceListeners = new Set<(sessionId: string, viewers: readonly unknown[]) => void>();
  private readonly connection: Connection;
  private flushDue = false;
  private readonly schedule: (flush: () => void) => void;
  readonly subscribeState: Connection["subscribeState"];
  readonly getState: () => ConnectionState;

  constructor(options: StreamOptions) {
    this.schedule = options.schedule ?? nextFrame;
    this.connection = new Connection(options, {
      onOpen: () => {
        for (const [sessionId, watch] of this.watches) this.sendWatch(sessionId, watch);
      },
      onText: (text) => this.receive(text),
      onLost: () => this.flush(),
    });
    this.subscribeState = this.connection.subscribeState;
    this.getState = this.connection.getState;
  }

  start(): void {
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
  }

  /** Skip the wait before the next attempt. */
  retryNow(): void {
    this.connection.retryNow();
  }

  /** The network went away, which an open socket may not notice for long: whether the server is there still is found out now. */
  checkNow(): void {
    if (this.getState().kind === "live") this.connection.drop(CLOSE.ownSilence, "network");
  }

  /** Follow a session's log after event `after`; returns the function that stops it. */
  watch(sessionId: string, after: number, follower: LogFollower, epoch: number | null = null): () => void {
    const watch: Watch = { last: after, epoch, gaps: 0, follower, buffer: [] };
    this.watches.set(sessionId, watch);
    this.sendWatch(sessionId, watch);
    return () => {
      if (this.watches.get(sessionId) !== watch) return;
      this.watches.delete(sessionId);
      this.connection.send({ type: "unwatch", session_id: sessionId });
    };
  }

  /** Be told of a session's events as they come, whoever follows its log; when nobody does it is followed from `after`. */
  listen(sessionId: string, after: number, listener: (event: EventFrame) => void): () => void {
    const listeners = this.listeners.get(sessionId) ?? new Set();
    this.listeners.set(sessionId, listeners.add(listener));
    const stop = this.watches.has(sessionId) ? null : this.watch(sessionId, after, NOBODY);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(sessionId) === listeners) this.listeners.delete(sessionId);
      stop?.();
    };
  }

  /** Be told of changes in the session list, and with `resync` after each connect: hints are not replayed. */
  onList(listener: (hint: ListHint) => void): () => void {
    this.listListeners.add(listener);
    return () => this.listListeners.delete(listener);
  }

  /** Be told who watches a session, each time that changes. */
  onPresence(listener: (sessionId: string, viewers: readonly unknown[]) => void): () => void {
    this.presenceListeners.add(listener);
    return () => this.presenceListeners.delete(listener);
  }

  private receive(text: string): void {
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    const fields = asFields(frame);
    if (fields["type"] === "events" && Array.isArray(fields["events"])) {
      const socket = this.connection.current;
      for (const event of fields["events"]) if (this.connection.current === socket) this.receiveOne(event);
    } else {
      this.receiveOne(frame);
    }
  }

  private receiveOne(value: unknown): void {
    const event = readEvent(value);
    if (event) return this.receiveEvent(event);
    const delta = readDelta(value);
    if (delta) {
      this.connection.cameThrough();
      this.watches.get(delta.session_id)?.buffer.push(delta);
      return this.flushSoon();
    }
    this.receiveControl(asFields(value));
  }

  private receiveEvent(event: EventFrame): void {
    const { session_id: sessionId, seq } = event;
    const watch = this.watches.get(sessionId);
    if (!watch) return this.connection.cameThrough();
    if (seq <= watch.last) return;
    if (seq > watch.last + 1) {
      watch.gaps += 1;
      if (watch.gaps > 1) return watch.follower.onReset(); // asking again did not help: this log has no such events
      return this.connection.drop(CLOSE.ownGap, "gap");
    }
    this.connection.cameThrough();
    watch.last = seq;
    watch.gaps = 0;
    watch.buffer.push(event);
    this.flushSoon();
    for (const listener of this.listeners.get(sessionId) ?? []) listener(event);
  }

  private receiveControl(fields: Readonly<Record<string, unknown>>): void {
    const type = typeof fields["type"] === "string" ? fields["type"] : "";
    const sessionId = typeof fields["session_id"] === "string" ? fields["session_id"] : "";
    if (type === "ping") return this.connection.send({ type: "pong" });
    if (type === "lag" || type === "pong") return;
    if (type === "reset" || (type === "error" && sessionId)) {
      this.flush();
      const follower = this.watches.get(sessionId)?.follower;
      if (type === "reset") follower?.onReset();
      else if (fields["code"] === "not-found" || fields["code"] === "session-not-found") follower?.onGone();
      return;
    }
    if (type === "sync") {
      this.connection.cameThrough();
      const through = fields["through_seq"];
      const sync = { type, session_id: sessionId, ...(typeof through === "number" ? { through_seq: through } : {}) };
      this.watches.get(sessionId)?.buffer.push(sync as SessionFrame);
      return this.flushSoon();
    }
    if (type === "presence" && Array.isArray(fields["viewers"])) {
      for (const listener of this.presenceListeners) listener(sessionId, fields["viewers"]);
      return;
    }
    const first = this.getState().kind !== "live";
    this.connection.cameThrough();
    if (type === "status" || type === "sessions" || type === "snapshot") {
      if (first || type !== "status") this.tellList({ type: "resync" });
    } else if (type.startsWith("session:") || type === "message:received") {
      this.tellList({ ...fields, type });
    }
  }

  private tellList(hint: ListHint): void {
    for (const listener of this.listListeners) listener(hint);
  }

  private sendWatch(sessionId: string, watch: Watch): void {
    const epoch = watch.epoch === null ? {} : { epoch: watch.epoch };
    this.connection.send({ type: "watch", session_id: sessionId, after: watch.last, batch: true, ...epoch });
  }

  private flushSoon(): void {
    if (this.flushDue) return;
    this.flushDue = true;
    this.schedule(() => this.flush());
  }

  private flush(): void {
    this.flushDue = false;
    for (const watch of this.watches.values()) {
      if (watch.buffer.length === 0) continue;
      const frames = watch.buffer;
      watch.buffer = [];
      watch.follower.onFrames(frames);
    }
  }
}

const HIDDEN_FLUSH_MS = 250;

function nextFrame(flush: () => void): void {
  if (document.visibilityState === "hidden") setTimeout(flush, HIDDEN_FLUSH_MS);
  else requestAnimationFrame(flush);
}
