import { at, call } from "./http";
import type { ApprovalInfo } from "./types";

export interface Answer {
  readonly resolution: string;
  readonly feedback?: string;
  readonly modifications?: Readonly<Record<string, unknown>>;
}

export async function listApprovals(sessionId: string): Promise<readonly ApprovalInfo[]> {
  return (await call<{ approvals: ApprovalInfo[] }>("GET", at("/api/sessions", sessionId, "approvals"))).approvals;
}

export function answerApproval(approvalId: string, answer: Answer, idempotencyKey: string): Promise<ApprovalInfo> {
  return call("POST", at("/api/approvals", approvalId), { body: answer, idempotencyKey });
}
