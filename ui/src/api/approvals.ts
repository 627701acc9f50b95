import { api, body, repeatable } from "./http";
import type { ApprovalInfo } from "./types";

export interface Answer {
  readonly resolution: string;
  readonly feedback?: string;
  readonly modifications?: Readonly<Record<string, unknown>>;
}

export async function listApprovals(sessionId: string): Promise<readonly ApprovalInfo[]> {
  const params = { path: { session_id: sessionId } };
  return (await body(api.GET("/api/sessions/{session_id}/approvals", { params }))).approvals;
}

export async function answerApproval(approvalId: string, answer: Answer, key: string): Promise<void> {
  const params = { path: { approval_id: approvalId } };
  await api.POST("/api/approvals/{approval_id}", { params, body: { ...answer }, ...repeatable(key) });
}
