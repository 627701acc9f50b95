/**
 * The one socket of this tab. It follows any number of session logs from a cursor each, and the session list.
 *
 * A log is handed over without holes and without repetition: what was applied is remembered, a repeat is dropped, a
 * hole ends the connection and the next one resumes after the last applied event. Commands never travel here, so a
 * reconnect can never repeat an approval.
 */

import { asFields, readDelta, readEvent, type ListHint, type SessionFrame } from "./frames";

export type ConnectionState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "live" }
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAt: number; readonly since: number }
  | { readonly kind: "closed"; readonly code: number };

/** What a follower of one session is told. */
export interface LogFollower {
  /** New frames in log order, at most one call per animation frame. */
  onFrames(frames: readonly SessionFrame[]): void;
  /** The log was restored or trimmed: start again from a snapshot. */
  onReset(): void;
  /** There is no such session (any more), or this caller may not see it. */
  onGone(): void;
}

export interface StreamOptions {
  readonly url: () => string;
  readonly open?: (url: string) => WebSocket;
  readonly now?: () => number;
  readonly random?: () => number;
  /** Calls back at the next animation frame, or a little later when nobody is looking. */
  readonly schedule?: (flush: () => void) => void;
}

export const CLOSE = {
  signIn: 4401,
  origin: 4403,
  notFound: 4404,
  tooSlow: 4408,
  superseded: 4409,
  reset: 4410,
  tooMany: 4429,
  goingAway: 1012,
  ownGap: 4001,
  ownSilence: 4002,
} as const;

/** After these it makes no sense to come back by oneself. */
const FINAL: ReadonlySet<number> = new Set([CLOSE.signIn, CLOSE.origin, CLOSE.superseded]);
const FIRST_RETRY_MS = 50;
const BASE_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
const CROWDED_RETRY_MS = 10_000;
const SILENCE_MS = 45_000;

interface Watch {
  last: number;
  readonly epoch: number | null;
  /** Holes met since the last event that fitted. */
  gaps: number;
  follower: LogFollower;
  buffer: SessionFrame[];
}

export class LiveStream {
  private readonly watches = new Map<string, Watch>();
  private readonly stateListeners = new Set<() => void>();
  private readonly listListeners = new Set<(hint: ListHint) => void>();
  private state: ConnectionState = { kind: "idle" };
  private socket: WebSocket | null = null;
  private attempt = 0;
  private outageSince = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private flushDue = false;
  private started = false;
  private readonly open: (url: string) => WebSocket;
  private readonly now: () => number;
  private readonly random: () => number;
  private readonly schedule: (flush: () => void) => void;

  constructor(private readonly options: StreamOptions) {
    this.open = options.open ?? ((url) => new WebSocket(url));
    this.now = options.now ?? Date.now;
    this.random = options.random ?? Math.random;
    this.schedule = options.schedule ?? nextFrame;
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    this.connect();
  }

  stop(): void {
    this.started = false;
    clearTimeout(this.retryTimer);
    clearTimeout(this.watchdog);
    this.detach()?.close(1000);
    this.attempt = 0;
    this.setState({ kind: "idle" });
  }

  /** Skip the wait: the network is back, the tab is shown again, or somebody pressed the button. */
  retryNow(): void {
    if (this.state.kind !== "waiting" && this.state.kind !== "closed") return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  /** Follow a session's log after event `after`; returns the function that stops it. */
  watch(sessionId: string, after: number, follower: LogFollower, epoch: number | null = null): () => void {
    const watch: Watch = { last: after, epoch, gaps: 0, follower, buffer: [] };
    this.watches.set(sessionId, watch);
    this.sendWatch(sessionId, watch);
    return () => {
      if (this.watches.get(sessionId) !== watch) return;
      this.watches.delete(sessionId);
      this.send({ type: "unwatch", session_id: sessionId });
    };
  }

  readonly subscribeState = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  };

  readonly getState = (): ConnectionState => this.state;

  /** Be told of changes in the session list, and with `resync` after each connect: hints are not replayed. */
  onList(listener: (hint: ListHint) => void): () => void {
    this.listListeners.add(listener);
    return () => this.listListeners.delete(listener);
  }

  private connect(): void {
    if (!this.started) return;
    this.detach()?.close(1000);
    this.setState({ kind: "connecting", attempt: this.attempt });
    const socket = this.open(this.options.url());
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.armWatchdog();
      for (const [sessionId, watch] of this.watches) this.sendWatch(sessionId, watch);
    };
    socket.onmessage = (message: MessageEvent) => {
      if (this.socket === socket) this.receive(String(message.data));
    };
    socket.onclose = (event: CloseEvent) => {
      if (this.socket === socket) this.closed(event.code);
    };
    this.armWatchdog();
  }

  private detach(): WebSocket | null {
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }

  private drop(code: number, reason: string): void {
    this.detach()?.close(code, reason);
    this.closed(code);
  }

  private closed(code: number): void {
    clearTimeout(this.watchdog);
    this.socket = null;
    this.flush();
    if (!this.started) return;
    if (FINAL.has(code)) return this.setState({ kind: "closed", code });
    if (this.attempt === 0) this.outageSince = this.now();
    this.attempt += 1;
    const delay = this.retryDelay(code);
    this.setState({ kind: "waiting", attempt: this.attempt, retryAt: this.now() + delay, since: this.outageSince });
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }

  private retryDelay(code: number): number {
    const jitter = 0.5 + this.random() / 2;
    if (code === CLOSE.tooMany) return CROWDED_RETRY_MS * jitter;
    if (this.attempt === 1) return FIRST_RETRY_MS;
    return Math.min(LONGEST_RETRY_MS, BASE_RETRY_MS * 2 ** Math.min(this.attempt - 1, 5)) * jitter;
  }

  private receive(text: string): void {
    this.armWatchdog();
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    const fields = asFields(frame);
    if (fields["type"] === "events" && Array.isArray(fields["events"])) {
      const socket = this.socket;
      for (const event of fields["events"]) if (this.socket === socket) this.receiveOne(event);
    } else {
      this.receiveOne(frame);
    }
  }

  private receiveOne(value: unknown): void {
    const event = readEvent(value);
    if (event) return this.receiveEvent(event.session_id, event.seq, event);
    const delta = readDelta(value);
    if (delta) {
      this.cameThrough();
      this.watches.get(delta.session_id)?.buffer.push(delta);
      return this.flushSoon();
    }
    this.receiveControl(asFields(value));
  }

  private receiveEvent(sessionId: string, seq: number, frame: SessionFrame): void {
    const watch = this.watches.get(sessionId);
    if (!watch) return this.cameThrough();
    if (seq <= watch.last) return;
    if (seq > watch.last + 1) {
      watch.gaps += 1;
      if (watch.gaps > 1) return watch.follower.onReset(); // asking again did not help: this log has no such events
      return this.drop(CLOSE.ownGap, "gap");
    }
    this.cameThrough();
    watch.last = seq;
    watch.gaps = 0;
    watch.buffer.push(frame);
    this.flushSoon();
  }

  private receiveControl(fields: Readonly<Record<string, unknown>>): void {
    const type = typeof fields["type"] === "string" ? fields["type"] : "";
    const sessionId = typeof fields["session_id"] === "string" ? fields["session_id"] : "";
    if (type === "ping") return this.send({ type: "pong" });
    if (type === "lag" || type === "pong") return;
    if (type === "reset" || (type === "error" && sessionId)) {
      this.flush();
      const follower = this.watches.get(sessionId)?.follower;
      if (type === "reset") follower?.onReset();
      else if (fields["code"] === "not-found" || fields["code"] === "session-not-found") follower?.onGone();
      return;
    }
    if (type === "sync") {
      this.cameThrough();
      this.watches.get(sessionId)?.buffer.push({ type, session_id: sessionId });
      return this.flushSoon();
    }
    const first = this.state.kind !== "live";
    this.cameThrough();
    if (type === "status" || type === "sessions" || type === "snapshot") {
      if (first || type !== "status") this.tellList({ type: "resync" });
    } else if (type.startsWith("session:") || type === "message:received") {
      this.tellList({ ...fields, type });
    }
  }

  /** A frame that makes sense, not the open socket, ends an outage. */
  private cameThrough(): void {
    this.attempt = 0;
    if (this.state.kind !== "live") this.setState({ kind: "live" });
  }

  private tellList(hint: ListHint): void {
    for (const listener of this.listListeners) listener(hint);
  }

  private sendWatch(sessionId: string, watch: Watch): void {
    const epoch = watch.epoch === null ? {} : { epoch: watch.epoch };
    this.send({ type: "watch", session_id: sessionId, after: watch.last, batch: true, ...epoch });
  }

  private send(frame: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  private armWatchdog(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.drop(CLOSE.ownSilence, "silence"), SILENCE_MS);
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

  private setState(state: ConnectionState): void {
    this.state = state;
    for (const listener of this.stateListeners) listener();
  }
}

const HIDDEN_FLUSH_MS = 250;

function nextFrame(flush: () => void): void {
  if (document.visibilityState === "hidden") setTimeout(flush, HIDDEN_FLUSH_MS);
  else requestAnimationFrame(flush);
}
