import { api, body, repeatable } from "./http";
import type { ApprovalInfo } from "./types";

export interface Answer {
  readonly resolution: string;
  readonly feedback?: string;
  readonly modifications?: unknown;
  readonly answer?: unknown;
}

export async function listApprovals(sessionId: string): Promise<readonly ApprovalInfo[]> {
  const params = { path: { session_id: sessionId }, query: { limit: 200 } };
  return (await body(api.GET("/api/sessions/{session_id}/approvals", { params }))).approvals;
}

/** What waits for an answer in all sessions, the nearest deadline first. */
export async function listWaiting(): Promise<{ approvals: readonly ApprovalInfo[]; total: number }> {
  return body(api.GET("/api/approvals", { params: { query: { status: "pending", limit: 200 } } }));
}

/** One question, answered or not. */
export function getApproval(approvalId: string): Promise<ApprovalInfo> {
  return body(api.GET("/api/approvals/{approval_id}", { params: { path: { approval_id: approvalId } } }));
}

export async function answerApproval(approvalId: string, answer: Answer, key: string): Promise<void> {
  const params = { path: { approval_id: approvalId } };
  await api.POST("/api/approvals/{approval_id}", { params, body: { ...answer }, ...repeatable(key) });
}
