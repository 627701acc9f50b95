/** The newest part of a session's log, as it is, kept in one window that grows backwards on demand. */

import { asProblem, type Problem } from "@/api/problem";
import { getEvents } from "@/api/sessions";
import { readEvent, type EventFrame } from "./frames";

export interface LogView {
  /** In log order, without holes. */
  readonly events: readonly EventFrame[];
  /** Events before the window are on the server. */
  readonly hasOlder: boolean;
  readonly loading: boolean;
  readonly problem: Problem | null;
}

/** More than this is not held; the oldest are let go and can be read again. */
export const MAX_EVENTS = 20_000;
export const PAGE = 1_000;

type Fetch = (after: number, limit: number) => Promise<readonly unknown[]>;

export class EventLog {
  private view: LogView = { events: [], hasOlder: true, loading: false, problem: null };
  private readonly listeners = new Set<() => void>();
  private closed = false;

  constructor(
    sessionId: string,
    /** The last event that is in the log already; later ones come through `add`. */
    private through: number,
    private readonly fetch: Fetch = async (after, limit) => (await getEvents(sessionId, after, [], limit)).events,
  ) {
    this.view = { ...this.view, hasOlder: through > 0 };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getView = (): LogView => this.view;

  close(): void {
    this.closed = true;
  }

  /** Append what came over the stream. Repeats are dropped; after a hole the window begins anew, older ones on demand. */
  add(events: readonly EventFrame[]): void {
    const last = this.view.events.at(-1)?.seq ?? this.through;
    const fresh = events.filter((event) => event.seq > last);
    if (fresh.length === 0) return;
    if (this.view.events.length === 0 && fresh[0]) this.through = fresh[0].seq - 1;
    const follows = (fresh[0]?.seq ?? 0) === last + 1;
    this.hold(follows ? [...this.view.events, ...fresh] : fresh);
  }

  /** Put the thousand events before the window in front of it. */
  async loadOlder(): Promise<void> {
    const { loading, hasOlder, events } = this.view;
    if (loading || !hasOlder) return;
    const before = events[0]?.seq ?? this.through + 1;
    const after = Math.max(0, before - 1 - PAGE);
    this.show({ ...this.view, loading: true, problem: null });
    try {
      const page = (await this.fetch(after, before - 1 - after)).map(readEvent).filter((event) => event !== null);
      const older = page.filter((event) => event.seq < (this.view.events[0]?.seq ?? before));
      this.show({ ...this.view, events: [...older, ...this.view.events], hasOlder: after > 0, loading: false });
    } catch (error) {
      this.show({ ...this.view, loading: false, problem: asProblem(error) });
    }
  }

  /** Read backwards until the event is in the window, or the log is at its beginning. */
  async reach(seq: number): Promise<void> {
    while (!this.closed && this.view.hasOlder && (this.view.events[0]?.seq ?? this.through + 1) > seq) {
      const before = this.view.events.length;
      await this.loadOlder();
      if (this.view.problem || this.view.events.length === before) return;
    }
  }

  private hold(events: readonly EventFrame[]): void {
    const kept = events.length > MAX_EVENTS + PAGE ? events.slice(-MAX_EVENTS) : events;
    this.show({ ...this.view, events: kept, hasOlder: (kept[0]?.seq ?? 1) > 1 });
  }

  private show(view: LogView): void {
    if (this.closed) return;
    this.view = view;
    for (const listener of this.listeners) listener();
  }
}
