/**
 * Says that somebody looks at sessions, so that these do not expire: one request for all of them. What cannot be said
 * now is kept until the server can be reached, and the person hears nothing of it.
 */

import { asProblem } from "./problem";
import { touchSessions } from "./sessions";

export interface ActivityOptions {
  readonly send: (sessionIds: readonly string[]) => Promise<void>;
  readonly isSeen: () => boolean;
}

/** A session that is looked at is noted as often as this. */
export const NOTE_MS = 5 * 60_000;
/** So long a note waits for others to go with it. */
export const GATHER_MS = 2_000;
/** How many notes are kept at most; the server takes 500 at once. */
export const MOST = 200;
const FIRST_RETRY_MS = 30_000;

export class ActivityKeeper {
  /** In the order in which they were last noted. */
  private readonly noted = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private sending = false;

  constructor(private readonly options: ActivityOptions) {}

  /** Somebody looks at the session until the returned function is called. */
  look(sessionId: string): () => void {
    const timer = setInterval(() => {
      if (this.options.isSeen()) this.note(sessionId);
    }, NOTE_MS);
    return () => clearInterval(timer);
  }

  /** The server may be there again: what is kept is sent now and not at the next attempt. */
  retryNow(): void {
    if (this.failures === 0) return;
    this.failures = 0;
    this.sendAfter(0);
  }

  private note(sessionId: string): void {
    this.noted.delete(sessionId);
    this.noted.add(sessionId);
    for (const oldest of this.noted) {
      if (this.noted.size <= MOST) break;
      this.noted.delete(oldest);
    }
    if (this.timer === undefined) this.sendAfter(GATHER_MS);
  }

  private sendAfter(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.send(), ms);
  }

  private async send(): Promise<void> {
    this.timer = undefined;
    if (this.sending || this.noted.size === 0) return;
    const ids = [...this.noted];
    this.noted.clear();
    this.sending = true;
    try {
      await this.options.send(ids);
      this.failures = 0;
    } catch (error) {
      // the server looks the first one up; the others it passes over when they are gone
      const { status } = asProblem(error);
      const isFirstGone = status === 403 || status === 404;
      const kept = status === 422 ? [] : isFirstGone ? ids.slice(1) : ids;
      const since = [...this.noted];
      this.noted.clear();
      for (const id of [...kept, ...since]) this.noted.add(id);
      this.failures = kept.length === ids.length ? this.failures + 1 : 0;
    } finally {
      this.sending = false;
    }
    if (this.noted.size === 0) return;
    const wait = Math.min(NOTE_MS, FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 4));
    this.sendAfter(this.failures === 0 ? GATHER_MS : wait);
  }
}

/** This tab's keeper. */
export const activity = new ActivityKeeper({
  send: touchSessions,
  isSeen: () => document.visibilityState === "visible",
});
