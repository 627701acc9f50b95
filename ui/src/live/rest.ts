/** Waiting until a session works no more: its log says so on the tab's socket; only without that the server is asked. */

import type { LiveStream } from "./stream";

export interface Standing {
  readonly run_status?: string | null;
  readonly as_of_seq: number;
}

export interface Resting<T extends Standing> {
  readonly stream: Pick<LiveStream, "listen" | "subscribeState" | "getState">;
  readonly sessionId: string;
  readonly ask: () => Promise<T>;
  /** What it is at, each time that may have changed. */
  readonly onNow: (now: T) => void;
  readonly signal: AbortSignal;
}

const STILL: ReadonlySet<string> = new Set(["running", "queued", "pausing"]);
/** Without the socket, which is when nobody says anything. */
export const ASK_MS = 400;
/** With it: a word may get lost. */
export const CHECK_MS = 15_000;

export function isAtWork(session: Pick<Standing, "run_status">): boolean {
  return STILL.has(session.run_status ?? "");
}

/** Resolve when the session works no more, or when it does not matter any more. */
export async function untilAtRest<T extends Standing>(resting: Resting<T>): Promise<void> {
  const { stream, sessionId, ask, onNow, signal } = resting;
  let isDue = false;
  let wake = (): void => undefined;
  const look = () => {
    isDue = true;
    wake();
  };
  const stops = [stream.subscribeState(look)];
  signal.addEventListener("abort", look);
  try {
    for (let isFirst = true; ; isFirst = false) {
      isDue = false;
      const now = await ask();
      if (signal.aborted || !isAtWork(now)) return;
      onNow(now);
      if (isFirst) stops.push(stream.listen(sessionId, now.as_of_seq, ({ type }) => void (isTelling(type) && look())));
      if (isDue) continue;
      const longest = stream.getState().kind === "live" ? CHECK_MS : ASK_MS;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        wake = resolve;
        timer = setTimeout(resolve, longest);
      });
      clearTimeout(timer);
      if (signal.aborted) return;
    }
  } finally {
    signal.removeEventListener("abort", look);
    for (const stop of stops) stop();
  }
}

/** Which events can mean that it stopped, or that another step is under way. */
function isTelling(type: string): boolean {
  return type.startsWith("workflow_") || type.startsWith("step_") || type === "phase_change" || type === "session_update";
}
