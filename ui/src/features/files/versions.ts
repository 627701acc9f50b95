/** The versions of files, as the log tells them. Pure. */

import { readEvent } from "@/live/frames";

export interface Version {
  readonly path: string;
  readonly seq: number;
  readonly at: string;
  readonly change: string;
  readonly size: number | null;
  readonly sha256: string | null;
  readonly runId: string | null;
  readonly stepId: string | null;
}

/** The newest first; other events are passed over. */
export function versionsOf(events: readonly unknown[]): Version[] {
  return events
    .flatMap((value): Version[] => {
      const event = readEvent(value);
      const path = event?.data["path"];
      if (event?.type !== "file_update" || typeof path !== "string") return [];
      const { change, size, sha256 } = event.data;
      return [
        {
          path,
          seq: event.seq,
          at: event.timestamp,
          change: typeof change === "string" ? change : "changed",
          size: typeof size === "number" ? size : null,
          sha256: typeof sha256 === "string" ? sha256 : null,
          runId: event.run_id,
          stepId: event.step,
        },
      ];
    })
    .sort((a, b) => b.seq - a.seq);
}
