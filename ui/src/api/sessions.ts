import { api, body, repeatable } from "./http";
import type { CostSummary, DagInfo, HistoryInfo, ModeInfo, SessionDetail, SessionInfo, SessionPage, StepInfo } from "./types";

export interface ListQuery {
  readonly q?: string;
  readonly limit?: number;
}

export function listSessions({ q, limit }: ListQuery, signal?: AbortSignal): Promise<SessionPage> {
  const query = { ...(q ? { q } : {}), ...(limit ? { limit } : {}) };
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
}

export function createSession(session: NewSession, key: string): Promise<Pick<SessionInfo, "session_id">> {
  return body(api.POST("/api/sessions", { body: { ...session }, ...repeatable(key) }));
}

export type OnBusy = "enqueue" | "steer" | "reject";

export async function sendMessage(sessionId: string, content: string, key: string, onBusy?: OnBusy): Promise<void> {
  const message = { content, ...(onBusy ? { on_busy: onBusy } : {}) };
  await api.POST("/api/sessions/{session_id}/messages", { ...of(sessionId), body: message, ...repeatable(key) });
}

/** Pause: at the next step boundary, or now, after which the step under way runs again on resume. */
export async function suspendSession(sessionId: string, when: "boundary" | "now"): Promise<void> {
  await api.POST("/api/sessions/{session_id}/suspend", { ...of(sessionId), body: { when } });
}

export async function resumeSession(sessionId: string): Promise<void> {
  await api.POST("/api/sessions/{session_id}/resume", { ...of(sessionId), body: {} });
}

export async function retryRun(runId: string): Promise<void> {
  await api.POST("/api/runs/{run_id}/retry", { params: { path: { run_id: runId } }, body: {} });
}

export async function cancelRun(runId: string): Promise<void> {
  await api.POST("/api/runs/{run_id}/cancel", { params: { path: { run_id: runId } } });
}

/** Refused with `stale-version` when the session has changed since `version`. */
export async function renameSession(sessionId: string, name: string, version: number): Promise<void> {
  await api.PATCH("/api/sessions/{session_id}", {
    ...of(sessionId),
    body: { name },
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
  return body(
    api.GET("/api/sessions/{session_id}/history", { params: { path: { session_id: sessionId }, query } }),
  );
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

function of(sessionId: string): { params: { path: { session_id: string } } } {
  return { params: { path: { session_id: sessionId } } };
}
