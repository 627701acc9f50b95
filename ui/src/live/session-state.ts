/** Everything the session page shows, in one plain value that only the reducer makes anew. */

import type { Author } from "@/lib/authors";

export interface MessageEntry {
  readonly messageId: string;
  readonly position: number;
  readonly role: string;
  readonly agent: string | null;
  /** Who wrote it; null: an agent, or nobody kept it. */
  readonly author: Author | null;
  readonly content: string;
  readonly at: string;
}

/** A message whose tokens are still coming. */
export interface OpenMessage {
  readonly messageId: string;
  readonly agent: string | null;
  readonly text: string;
  /** Length of `text` in code points, the unit of the wire's offsets. */
  readonly length: number;
}

export type StepStatus = "pending" | "running" | "completed" | "failed" | "skipped" | "cancelled";

export interface StepEntry {
  readonly stepId: string;
  readonly runId: string | null;
  readonly key: string;
  readonly number: number | null;
  readonly name: string;
  readonly goal: string | null;
  readonly agent: string | null;
  readonly phase: string | null;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly summary: string | null;
  readonly error: string | null;
  readonly startedAt: string | null;
  readonly durationMs: number | null;
}

export interface PlannedEntry {
  readonly number: number;
  readonly name: string;
  readonly goal: string | null;
  readonly agent: string | null;
  readonly status: string;
}

export interface ConsoleLine {
  /** `seq` of the event and number of the line in it: where the line is, for ever. */
  readonly id: string;
  readonly seq: number;
  readonly at: string;
  readonly stream: string;
  readonly text: string;
  /** The step that printed it. */
  readonly stepId: string | null;
}

export interface ApprovalEntry {
  readonly approvalId: string;
  readonly requestType: string;
  readonly title: string;
  readonly requestData: Readonly<Record<string, unknown>>;
  readonly options: readonly string[];
  readonly status: string;
  readonly resolution: string | null;
  readonly answerSchema: Readonly<Record<string, unknown>> | null;
  /** What happens when nobody answers in time: `pause`, `reject` or `approve`. */
  readonly onExpiry: string;
  /** What was said: feedback, modifications, answer. */
  readonly response: Readonly<Record<string, unknown>>;
  readonly respondedBy: string | null;
  readonly answeredBy: Author | null;
  readonly respondedAt: string | null;
  readonly deadline: string | null;
  readonly at: string;
}

/** A tool call or a piece of code that was run, joined with what came of it. */
export interface ToolEntry {
  /** The event that began it: its place in the log. */
  readonly seq: number;
  readonly kind: "tool" | "code";
  readonly callId: string;
  readonly runId: string | null;
  readonly stepId: string | null;
  readonly tool: string;
  readonly agent: string | null;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly status: "running" | "completed" | "failed";
  readonly result: string | null;
  readonly durationMs: number | null;
  /** Files it wrote that no later call has written again. */
  readonly files: readonly string[];
  readonly at: string;
}

export interface DagNode {
  readonly id: string;
  readonly type: string;
  readonly label: string;
  readonly status: string;
  readonly number: number | null;
  readonly agent: string | null;
  readonly goal: string | null;
  readonly steps: readonly Readonly<Record<string, unknown>>[] | null;
  readonly toolSteps: readonly Readonly<Record<string, unknown>>[] | null;
}

export interface DagEdge {
  readonly source: string;
  readonly target: string;
}

export interface Dag {
  readonly nodes: readonly DagNode[];
  readonly edges: readonly DagEdge[];
}

export interface FileEntry {
  readonly path: string;
  readonly size: number | null;
  readonly kind: string | null;
  readonly at: string;
}

export interface Cost {
  /** null: nothing with a known price so far. */
  readonly usd: number | null;
  readonly unpricedCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly calls: number;
}

export interface RunEntry {
  readonly runId: string;
  readonly status: string;
  readonly task: string;
  readonly attempt: number;
  readonly model: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Execution up to `activeSince`; waits for people and pauses are none. */
  readonly activeMs: number;
  /** Since when it works on; null while it stands still. */
  readonly activeSince: string | null;
  readonly error: string | null;
  readonly failedStep: string | null;
  readonly resumable: boolean;
  /** What the mode gave back, once it has. */
  readonly result: Readonly<Record<string, unknown>> | null;
}

export interface SessionFacts {
  readonly name: string;
  readonly mode: string;
  readonly status: string;
  readonly statusReason: string | null;
  readonly version: number;
  readonly phase: string | null;
  readonly stepNumber: number | null;
  readonly createdAt: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly limits: Readonly<Record<string, unknown>>;
  readonly queueLength: number;
  readonly forkedFrom: string | null;
  /** What the person on this page is to the session. */
  readonly role: string | null;
  readonly ownerName: string | null;
  /** Others may have written in it too. */
  readonly shared: boolean;
}

export interface Notice {
  readonly seq: number;
  readonly at: string;
  readonly code: string;
  readonly text: string;
}

export interface SessionState {
  readonly sessionId: string;
  /** Last applied event. */
  readonly seq: number;
  /** Which telling of the log `seq` belongs to; null: not known. */
  readonly epoch: number | null;
  readonly lastEventAt: string | null;
  /** What the server is to tell since the page began to follow the log, from an event to another. */
  readonly replay: { readonly from: number; readonly through: number } | null;
  readonly facts: SessionFacts;
  readonly run: RunEntry | null;
  readonly messages: readonly MessageEntry[];
  /** Where older messages begin; null when all are here. */
  readonly olderMessages: string | null;
  readonly tools: readonly ToolEntry[];
  readonly open: readonly OpenMessage[];
  /** What the plan says; a step of it that has begun is in `steps` too, under the same number. */
  readonly plan: readonly PlannedEntry[];
  readonly steps: readonly StepEntry[];
  readonly dag: Dag;
  /** Event of the last change of the plan. */
  readonly planChanges: number;
  readonly lines: readonly ConsoleLine[];
  /** Lines, tool calls and notices of events up to this one are on the server only; 0: all are here. */
  readonly linesFrom: number;
  readonly approvals: readonly ApprovalEntry[];
  readonly files: readonly FileEntry[];
  readonly cost: Cost;
  /** Model calls counted in `cost`, so that a replay counts none twice. */
  readonly countedThrough: number;
  readonly savedAt: string | null;
  readonly notices: readonly Notice[];
  /** Events of a type this console does not know: passed over, never an error. */
  readonly unknownEvents: number;
}

/** Older console lines are dropped from memory, not from the log. */
export const MAX_LINES = 20_000;
export const MAX_TOOLS = 2_000;

export function emptySession(sessionId: string): SessionState {
  return {
    sessionId,
    seq: 0,
    epoch: null,
    lastEventAt: null,
    replay: null,
    facts: {
      name: "",
      mode: "",
      status: "active",
      statusReason: null,
      version: 1,
      phase: null,
      stepNumber: null,
      createdAt: "",
      config: {},
      limits: {},
      queueLength: 0,
      forkedFrom: null,
      role: null,
      ownerName: null,
      shared: false,
    },
    run: null,
    messages: [],
    olderMessages: null,
    tools: [],
    open: [],
    plan: [],
    steps: [],
    dag: { nodes: [], edges: [] },
    planChanges: 0,
    lines: [],
    linesFrom: 0,
    approvals: [],
    files: [],
    cost: { usd: null, unpricedCalls: 0, inputTokens: 0, outputTokens: 0, calls: 0 },
    countedThrough: 0,
    savedAt: null,
    notices: [],
    unknownEvents: 0,
  };
}
