/** What only the log holds: printed lines, tool calls with what they wrote, notices. Read backwards, a stretch at a time. */

import { getEvents } from "@/api/sessions";
import { readEvent, type EventFrame } from "./frames";
import { reduceAll } from "./reducer";
import { emptySession, type SessionState, type ToolEntry } from "./session-state";

const TYPES = [
  "console",
  "workflow_resumed",
  "tool_call",
  "tool_result",
  "code_execution",
  "file_update",
  "budget_warning",
  "budget_exceeded",
  "error",
];
const PAGE = 1_000;
/** How much of the log is read at once. */
export const STRETCH = 2_000;
const MOST_AT_ONCE = 8;

export type Beside = Pick<SessionState, "lines" | "tools" | "notices">;
type Fetch = (after: number, limit: number) => Promise<readonly unknown[]>;

export function fetchBeside(sessionId: string): Fetch {
  return async (after, limit) => (await getEvents(sessionId, after, TYPES, limit)).events;
}

/** What stands after one event up to another; the pages are asked for side by side. */
export async function readBeside(fetch: Fetch, after: number, through: number): Promise<Beside> {
  const starts: number[] = [];
  for (let start = after; start < through; start += PAGE) starts.push(start);
  const pages = await Promise.all(
    starts.map(async (start) => {
      const end = Math.min(start + PAGE, through);
      const events = (await fetch(start, end - start)).map(readEvent);
      return events.filter((event): event is EventFrame => event !== null && event.seq <= end);
    }),
  );
  const { lines, tools, notices } = reduceAll(emptySession(""), pages.flat());
  return { lines, tools, notices };
}

/** Put what was read from before `linesFrom` in front; `from` is where that began. */
export function withOlder(state: SessionState, older: Beside, from: number): SessionState {
  const first = state.lines[0]?.seq ?? Number.POSITIVE_INFINITY;
  const lines = older.lines.filter((line) => line.seq < first);
  return {
    ...state,
    linesFrom: from,
    lines: lines.length > 0 ? [...lines, ...state.lines] : state.lines,
    tools: joined(older.tools, state.tools),
    notices: [...older.notices, ...state.notices].slice(-20),
  };
}

/** Calls whose results came later than where reading began are put together again. */
function joined(older: readonly ToolEntry[], newer: readonly ToolEntry[]): readonly ToolEntry[] {
  if (older.length === 0) return newer;
  const known = new Set(newer.map((tool) => tool.seq));
  const written = new Set(newer.flatMap((tool) => tool.files));
  const taken = new Set<ToolEntry>();
  const before = older
    .filter((tool) => !known.has(tool.seq))
    .map((each) => {
      const tool = { ...each, files: each.files.filter((path) => !written.has(path)) };
      if (tool.status !== "running") return tool;
      const end = newer.find((each) => each.callId === tool.callId && each.runId === tool.runId);
      if (!end) return tool;
      taken.add(end);
      return { ...tool, status: end.status, result: end.result, durationMs: end.durationMs };
    });
  return [...before, ...newer.filter((tool) => !taken.has(tool))];
}

/** Where to begin next: further back each time that nothing was found. */
export function stretchBefore(from: number, empty: number): number {
  return Math.max(0, from - Math.min(STRETCH * 2 ** empty, MOST_AT_ONCE * PAGE));
}
