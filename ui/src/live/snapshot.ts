/** A session as REST gives it, turned into the state that the stream then carries on from. */

import type { ApprovalInfo, CostSummary, FileInfo, MessageInfo, SessionDetail, StepInfo } from "@/api/types";
import { authorOf } from "@/lib/authors";
import { asFields } from "./frames";
import { readEdges, readNodes, readPlan } from "./reduce-run";
import {
  emptySession,
  type ApprovalEntry,
  type MessageEntry,
  type SessionState,
  type StepEntry,
  type StepStatus,
} from "./session-state";
import { runAtWork, settledCosts } from "./under-way";

export interface SnapshotParts {
  readonly detail: SessionDetail;
  readonly steps: readonly StepInfo[];
  readonly approvals: readonly ApprovalInfo[];
  readonly files: readonly FileInfo[];
  readonly costs: CostSummary | null;
  readonly dag: { readonly nodes: readonly unknown[]; readonly edges: readonly unknown[] };
}

/**
 * `detail` must have been read first: its cursor is the oldest, and the reducer accepts that the other parts are newer
 * than the events that follow it.
 */
export function stateOf({ detail, steps, approvals, files, costs: ledger, dag }: SnapshotParts): SessionState {
  const run = detail.current_run ?? null;
  const atWork = runAtWork(run && { id: run.run_id, status: run.status });
  const costs = ledger && settledCosts(ledger, atWork).costs;
  return {
    ...emptySession(detail.session_id),
    seq: detail.as_of_seq ?? detail.last_seq ?? 0,
    epoch: detail.log_epoch ?? null,
    lastEventAt: detail.last_active_at,
    facts: {
      name: detail.name,
      mode: detail.mode,
      status: detail.status,
      statusReason: detail.status_reason ?? null,
      version: detail.version,
      phase: detail.current_phase ?? null,
      stepNumber: detail.current_step ?? null,
      createdAt: detail.created_at,
      config: detail.config,
      limits: detail.resource_limits,
      queueLength: detail.queue_length,
      forkedFrom: detail.forked_from_session,
      role: detail.role ?? null,
      ownerName: detail.owner_name ?? null,
      shared: detail.shared ?? false,
    },
    run: run && {
      runId: run.run_id,
      status: run.status,
      task: run.task,
      attempt: run.attempt ?? 1,
      model: run.model ?? null,
      startedAt: run.started_at ?? null,
      endedAt: run.completed_at ?? null,
      activeMs: run.active_ms ?? 0,
      activeSince: run.active_since ?? null,
      error: errorOf(run.error),
      failedStep: stringOrNull(asFields(run.error)["failed_step"]),
      resumable: asFields(run.error)["resumable"] === true,
      result: run.result,
    },
    messages: detail.conversation_history.map(messageOf),
    olderMessages: detail.history_cursor,
    plan: readPlan(detail.plan_data),
    dag: { nodes: readNodes(dag.nodes), edges: readEdges(dag.edges) },
    steps: [...steps].sort((a, b) => (a.started_at ?? "").localeCompare(b.started_at ?? "")).map(stepOf),
    approvals: [...approvals].sort((a, b) => a.created_at.localeCompare(b.created_at)).map(approvalOf),
    files: files.map((file) => ({
      path: file.path,
      size: file.size ?? null,
      kind: file.media_type ?? null,
      at: "",
    })),
    cost: costs
      ? {
          usd: costs.calls > costs.unpriced_calls ? costs.total_cost_usd : null,
          unpricedCalls: costs.unpriced_calls,
          inputTokens: costs.input_tokens,
          outputTokens: costs.output_tokens,
          calls: costs.calls,
        }
      : emptySession("").cost,
    countedThrough: costs?.as_of_seq ?? 0,
    savedAt: steps.reduce<string | null>(
      (latest, step) => (step.completed_at && step.completed_at > (latest ?? "") ? step.completed_at : latest),
      null,
    ),
  };
}

export function messageOf(message: MessageInfo): MessageEntry {
  return {
    messageId: message.message_id,
    position: message.position,
    role: message.role,
    agent: message.agent ?? null,
    author: authorOf(message.author),
    content: message.content,
    at: message.timestamp,
  };
}

function stepOf(step: StepInfo): StepEntry {
  const ended =
    step.completed_at && step.started_at ? Date.parse(step.completed_at) - Date.parse(step.started_at) : null;
  return {
    stepId: step.step_id,
    runId: step.run_id,
    key: step.key,
    number: numberOf(step.key),
    name: step.name,
    goal: step.goal ?? null,
    agent: step.agent ?? null,
    phase: step.phase ?? null,
    status: step.status as StepStatus,
    attempt: step.attempt,
    summary: step.summary ?? null,
    error: errorOf(step.error),
    startedAt: step.started_at ?? null,
    durationMs: ended,
  };
}

function numberOf(key: string): number | null {
  const digits = /^step-(\d+)/.exec(key)?.[1];
  return digits === undefined ? null : Number(digits);
}

export function approvalOf(approval: ApprovalInfo): ApprovalEntry {
  return {
    approvalId: approval.approval_id,
    requestType: approval.request_type,
    title: approval.title,
    requestData: approval.request_data,
    options: approval.options,
    status: approval.status,
    resolution: approval.resolution ?? null,
    answerSchema: approval.answer_schema,
    onExpiry: approval.on_expiry,
    response: approval.response_data ?? {},
    respondedBy: approval.responded_by ?? null,
    answeredBy: authorOf(approval.answered_by),
    respondedAt: approval.responded_at ?? null,
    deadline: approval.deadline ?? null,
    at: approval.created_at,
  };
}

function errorOf(error: unknown): string | null {
  const fields = asFields(error);
  return stringOrNull(fields["message"]) ?? stringOrNull(fields["code"]);
}

function stringOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
