import { api, body, repeatable } from "./http";
import type {
  CostSummary,
  DagInfo,
  HistoryInfo,
  ModeInfo,
  RunInfo,
  SessionDetail,
  SessionGroup,
  SessionInfo,
  SessionPage,
  StepInfo,
} from "./types";

export interface ListQuery {
  readonly q?: string | undefined;
  readonly status?: readonly string[] | undefined;
  readonly group?: readonly SessionGroup[] | undefined;
  /** Count the groups over all pages as well. */
  readonly groups?: boolean | undefined;
  readonly mode?: string | undefined;
  readonly sort?: string | undefined;
  /** Only what others shared with the caller, or only their own. */
  readonly shared?: boolean | undefined;
  /** Everybody's; for administrators. */
  readonly everybody?: boolean | undefined;
  readonly limit?: number | undefined;
  /** Where the page before ended. */
  readonly cursor?: string | undefined;
}

export function listSessions(asked: ListQuery, signal?: AbortSignal): Promise<SessionPage> {
  const { q, status, group, groups, mode, sort, shared, everybody, limit, cursor } = asked;
  const query = {
    ...(q ? { q } : {}),
    ...(status && status.length > 0 ? { status: [...status] } : {}),
    ...(group && group.length > 0 ? { group: [...group] } : {}),
    ...(groups ? { groups } : {}),
    ...(mode ? { mode } : {}),
    ...(sort ? { sort } : {}),
    ...(shared === undefined ? {} : { shared }),
    ...(everybody ? { user_id: "all" } : {}),
    ...(limit ? { limit } : {}),
    ...(cursor ? { cursor } : {}),
  };
  return body(api.GET("/api/sessions", { params: { query }, ...(signal ? { signal } : {}) }));
}

export function getSession(sessionId: string): Promise<SessionDetail> {
  return body(api.GET("/api/sessions/{session_id}", of(sessionId)));
}

export async function listModes(): Promise<readonly ModeInfo[]> {
  return (await body(api.GET("/api/sessions/modes/list"))).modes;
}

export interface NewSession {
  readonly mode: string;
  readonly name?: string;
  readonly config: Record<string, unknown>;
  readonly resource_limits?: Record<string, unknown>;
}

export function createSession(session: NewSession, key: string): Promise<Pick<SessionInfo, "session_id">> {
  return body(api.POST("/api/sessions", { body: { ...session }, ...repeatable(key) }));
}

export type OnBusy = "enqueue" | "steer" | "interrupt";

export async function sendMessage(sessionId: string, content: string, key: string, onBusy?: OnBusy): Promise<void> {
  const message = { content, ...(onBusy ? { on_busy: onBusy } : {}) };
  await api.POST("/api/sessions/{session_id}/messages", { ...of(sessionId), body: message, ...repeatable(key) });
}

/** Pause: at the next step boundary, or now, after which the step under way runs again on resume. */
export async function suspendSession(sessionId: string, when: "boundary" | "now"): Promise<void> {
  await api.POST("/api/sessions/{session_id}/suspend", { ...of(sessionId), body: { when } });
}

export interface Resume {
  /** Told to the run as it goes on. */
  readonly additional_context?: string;
  /** Where it goes on; that step and all after it run again. */
  readonly from_step?: string;
}

export async function resumeSession(sessionId: string, resume: Resume = {}): Promise<void> {
  await api.POST("/api/sessions/{session_id}/resume", { ...of(sessionId), body: { ...resume } });
}

export async function retryRun(runId: string, fromStep?: string): Promise<void> {
  const body = fromStep ? { from_step: fromStep } : {};
  await api.POST("/api/runs/{run_id}/retry", { params: { path: { run_id: runId } }, body });
}

export async function cancelRun(runId: string): Promise<void> {
  await api.POST("/api/runs/{run_id}/cancel", { params: { path: { run_id: runId } } });
}

export interface Fork {
  readonly from_seq?: number;
  readonly from_step?: string;
  readonly name?: string;
  readonly input?: string;
}

/** A new session with this one's past up to a point; returns its id. */
export async function forkSession(sessionId: string, fork: Fork, key: string): Promise<string> {
  const made = await body(
    api.POST("/api/sessions/{session_id}/fork", {
      ...of(sessionId),
      body: { config: {}, ...fork },
      ...repeatable(key),
    }),
  );
  return made.session_id;
}

export type SessionCommand = "complete" | "archive" | "restore";

export async function commandSession(sessionId: string, command: SessionCommand): Promise<void> {
  await api.POST(`/api/sessions/{session_id}/${command}`, of(sessionId));
}

/** Hide the session and all under it; it can be restored until it is purged. */
export async function deleteSession(sessionId: string, purge = false): Promise<void> {
  await api.DELETE("/api/sessions/{session_id}", {
    params: { path: { session_id: sessionId }, query: { purge } },
  });
}

export type BulkCommand = "suspend" | "resume" | "complete" | "archive" | "restore" | "delete";
export interface BulkResult {
  readonly succeeded: number;
  readonly failed: readonly { readonly session_id: string; readonly detail: string }[];
}

export async function commandMany(command: BulkCommand, sessionIds: readonly string[]): Promise<BulkResult> {
  const answer = await body(api.POST("/api/sessions/bulk", { body: { command, session_ids: [...sessionIds] } }));
  const failed = answer.results.flatMap((result) =>
    result["success"] === true
      ? []
      : [
          {
            session_id: String(result["session_id"]),
            detail: String(result["detail"] ?? result["message"] ?? result["code"] ?? "refused"),
          },
        ],
  );
  return { succeeded: answer.succeeded, failed };
}

/** Make this the caller's current session. */
export async function loadSession(sessionId: string): Promise<void> {
  await api.POST("/api/sessions/{session_id}/load", of(sessionId));
}

/** Say that somebody looks at them, so that they do not expire. Refused when the first one is gone. */
export async function touchSessions([first, ...others]: readonly string[]): Promise<void> {
  if (first === undefined) return;
  await api.POST("/api/sessions/{session_id}/activity", { ...of(first), body: { session_ids: others } });
}

export async function listRuns(sessionId: string): Promise<readonly RunInfo[]> {
  const params = { path: { session_id: sessionId }, query: { limit: 100 } };
  return (await body(api.GET("/api/sessions/{session_id}/runs", { params }))).runs;
}

export interface SessionChange {
  readonly name?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly resource_limits?: Readonly<Record<string, unknown>>;
}

/** Merge a change; null removes a key. Refused with `stale-version` when the session has changed since `version`. */
export async function changeSession(sessionId: string, change: SessionChange, version: number): Promise<void> {
  await api.PATCH("/api/sessions/{session_id}", {
    ...of(sessionId),
    body: { ...change },
    headers: { "If-Match": `"${version}"` },
  });
}

export async function listSteps(sessionId: string): Promise<readonly StepInfo[]> {
  return (await body(api.GET("/api/sessions/{session_id}/steps", of(sessionId)))).steps;
}

export function getCosts(sessionId: string): Promise<CostSummary> {
  return body(api.GET("/api/sessions/{session_id}/costs", of(sessionId)));
}

export function getDag(sessionId: string): Promise<DagInfo> {
  return body(api.GET("/api/sessions/{session_id}/dag", of(sessionId)));
}

/** A page of messages older than the cursor, oldest first. */
export function getHistory(sessionId: string, cursor: string): Promise<HistoryInfo> {
  const query = { cursor, limit: 50 };
  return body(api.GET("/api/sessions/{session_id}/history", { params: { path: { session_id: sessionId }, query } }));
}

const EVENTS_PER_PAGE = 1000;

/** One page of a session's log after an event; with `types` only events of these types. */
export async function getEvents(
  sessionId: string,
  after: number,
  types: string[] = [],
  limit = EVENTS_PER_PAGE,
): Promise<{ events: readonly unknown[]; hasMore: boolean }> {
  const query = { after, limit, ...(types.length > 0 ? { type: types } : {}) };
  const page = await body(
    api.GET("/api/sessions/{session_id}/events", { params: { path: { session_id: sessionId }, query } }),
  );
  return { events: page.events, hasMore: page.has_more };
}

export interface LogPage {
  /** Oldest first. */
  readonly events: readonly unknown[];
  /** Where older ones begin; null when there are none that were not looked at. */
  readonly nextBefore: number | null;
}

/** The newest events before one that say the words; an empty page can have more before it. */
export async function searchEvents(
  sessionId: string,
  search: string,
  before: number,
  types: string[],
  signal: AbortSignal,
): Promise<LogPage> {
  const query = { search, before, limit: 200, ...(types.length > 0 ? { type: types } : {}) };
  const page = await body(
    api.GET("/api/sessions/{session_id}/events", { params: { path: { session_id: sessionId }, query }, signal }),
  );
  return { events: page.events, nextBefore: page.has_more ? page.next_before : null };
}

function of(sessionId: string): { params: { path: { session_id: string } } } {
  return { params: { path: { session_id: sessionId } } };
}
