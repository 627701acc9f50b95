import { at, call } from "./http";
import type { CommandAnswer, CostSummary, ModeInfo, RunInfo, SessionDetail, SessionInfo, SessionPage, StepInfo } from "./types";

const BASE = "/api/sessions";

export interface ListQuery {
  readonly q?: string;
  readonly status?: readonly string[];
  readonly mode?: string;
  readonly limit?: number;
}

export function listSessions(query: ListQuery, signal?: AbortSignal): Promise<SessionPage> {
  return call("GET", BASE, { query: { ...query }, ...(signal ? { signal } : {}) });
}

export function getSession(sessionId: string): Promise<SessionDetail> {
  return call("GET", at(BASE, sessionId));
}

export async function listModes(): Promise<readonly ModeInfo[]> {
  return (await call<{ modes: ModeInfo[] }>("GET", `${BASE}/modes/list`)).modes;
}

export interface NewSession {
  readonly mode: string;
  readonly name?: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export function createSession(body: NewSession, idempotencyKey: string): Promise<SessionInfo> {
  return call("POST", BASE, { body, idempotencyKey });
}

export function sendMessage(
  sessionId: string,
  content: string,
  idempotencyKey: string,
  onBusy?: "enqueue" | "steer" | "reject",
): Promise<unknown> {
  const body = { content, ...(onBusy ? { on_busy: onBusy } : {}) };
  return call("POST", at(BASE, sessionId, "messages"), { body, idempotencyKey });
}

export function suspendSession(sessionId: string, when: "boundary" | "now"): Promise<CommandAnswer> {
  return call("POST", at(BASE, sessionId, "suspend"), { body: { when } });
}

export function resumeSession(sessionId: string): Promise<CommandAnswer> {
  return call("POST", at(BASE, sessionId, "resume"), { body: {} });
}

export function retryRun(runId: string): Promise<unknown> {
  return call("POST", at("/api/runs", runId, "retry"), { body: {} });
}

export function cancelRun(runId: string): Promise<unknown> {
  return call("POST", at("/api/runs", runId, "cancel"), { body: {} });
}

export function renameSession(sessionId: string, name: string, version: number): Promise<SessionInfo> {
  return call("PATCH", at(BASE, sessionId), { body: { name }, ifVersion: version });
}

export async function listRuns(sessionId: string): Promise<readonly RunInfo[]> {
  return (await call<{ runs: RunInfo[] }>("GET", at(BASE, sessionId, "runs"))).runs;
}

export async function listSteps(sessionId: string): Promise<readonly StepInfo[]> {
  return (await call<{ steps: StepInfo[] }>("GET", at(BASE, sessionId, "steps"))).steps;
}

export function getCosts(sessionId: string): Promise<CostSummary> {
  return call("GET", at(BASE, sessionId, "costs"));
}

export function getEvents(sessionId: string, after: number, types: readonly string[]): Promise<{ events: unknown[] }> {
  return call("GET", at(BASE, sessionId, "events"), { query: { after, limit: 200, type: types } });
}
