/** One socket that comes back by itself: when to wait, when to give up, and what is told meanwhile. */

import { asProblem } from "@/api/problem";

export type ConnectionState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "live" }
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAt: number; readonly since: number }
  | { readonly kind: "closed"; readonly code: number };

export interface ConnectionOptions {
  readonly url: () => string;
  /** What the first frame of each socket shows, where the server asks for it; its 401 ends the attempts. */
  readonly ticket?: () => Promise<string | null>;
  readonly open?: (url: string) => WebSocket;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface ConnectionUser {
  /** The socket is open: say what is wanted. */
  onOpen(): void;
  onText(text: string): void;
  /** Nothing more comes from this socket. */
  onLost(): void;
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
const BASE_RETRY_MS = 250;
/** A server that was only restarted is back within seconds; nobody should have to wait for it longer than this. */
const LONGEST_RETRY_MS = 5_000;
const CROWDED_RETRY_MS = 10_000;
const RENEWED_RETRY_MS = 400;
const SILENCE_MS = 45_000;

export class Connection {
  private readonly stateListeners = new Set<() => void>();
  private state: ConnectionState = { kind: "idle" };
  private socket: WebSocket | null = null;
  private attempt = 0;
  private asked = 0;
  private outageSince = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private started = false;
  private readonly open: (url: string) => WebSocket;
  private readonly now: () => number;
  private readonly random: () => number;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly user: ConnectionUser,
  ) {
    this.open = options.open ?? ((url) => new WebSocket(url));
    this.now = options.now ?? Date.now;
    this.random = options.random ?? Math.random;
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
    this.asked += 1;
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

  readonly subscribeState = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  };

  readonly getState = (): ConnectionState => this.state;

  /** Which socket this is: another one after each connect. */
  get current(): unknown {
    return this.socket;
  }

  send(frame: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  /** End this socket and come back. */
  drop(code: number, reason: string): void {
    this.detach()?.close(code, reason);
    this.closed(code);
  }

  /** A frame that makes sense, not the open socket, ends an outage. */
  cameThrough(): void {
    this.attempt = 0;
    if (this.state.kind !== "live") this.setState({ kind: "live" });
  }

  private connect(): void {
    if (!this.started) return;
    this.detach()?.close(1000);
    this.setState({ kind: "connecting", attempt: this.attempt });
    const asked = (this.asked += 1);
    if (!this.options.ticket) return this.openSocket(null);
    this.options.ticket().then(
      (ticket) => {
        if (this.started && asked === this.asked) this.openSocket(ticket);
      },
      (error: unknown) => {
        if (!this.started || asked !== this.asked) return;
        if (asProblem(error).status === 401) this.setState({ kind: "closed", code: CLOSE.signIn });
        else this.closed(CLOSE.goingAway);
      },
    );
  }

  private openSocket(ticket: string | null): void {
    const socket = this.open(this.options.url());
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.armWatchdog();
      if (ticket !== null) this.send({ type: "auth", ticket });
      this.user.onOpen();
    };
    socket.onmessage = (message: MessageEvent) => {
      if (this.socket === socket) this.heard(String(message.data));
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

  private heard(text: string): void {
    this.armWatchdog();
    this.user.onText(text);
  }

  private closed(code: number): void {
    clearTimeout(this.watchdog);
    this.socket = null;
    this.user.onLost();
    if (!this.started) return;
    // a sign-in that ended may be one that only has to be renewed, which asking for the next ticket finds out
    const mayRenew = code === CLOSE.signIn && this.options.ticket !== undefined && this.attempt === 0;
    if (FINAL.has(code) && !mayRenew) return this.setState({ kind: "closed", code });
    if (this.attempt === 0) this.outageSince = this.now();
    this.attempt += 1;
    const delay = this.retryDelay(code);
    this.setState({ kind: "waiting", attempt: this.attempt, retryAt: this.now() + delay, since: this.outageSince });
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }

  private retryDelay(code: number): number {
    const jitter = 0.5 + this.random() / 2;
    if (code === CLOSE.signIn) return RENEWED_RETRY_MS * jitter;
    if (code === CLOSE.tooMany) return CROWDED_RETRY_MS * jitter;
    if (this.attempt === 1) return FIRST_RETRY_MS;
    return Math.min(LONGEST_RETRY_MS, BASE_RETRY_MS * 2 ** Math.min(this.attempt - 1, 5)) * jitter;
  }

  private armWatchdog(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.drop(CLOSE.ownSilence, "silence"), SILENCE_MS);
  }

  private setState(state: ConnectionState): void {
    this.state = state;
    for (const listener of this.stateListeners) listener();
  }
}
