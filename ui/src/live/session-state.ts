/** Everything the session page shows, in one plain value that only the reducer makes anew. */

export interface MessageEntry {
  readonly messageId: string;
  readonly position: number;
  readonly role: string;
  readonly agent: string | null;
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
}

export interface ApprovalEntry {
  readonly approvalId: string;
  readonly requestType: string;
  readonly title: string;
  readonly requestData: Readonly<Record<string, unknown>>;
  readonly options: readonly string[];
  readonly status: string;
  readonly resolution: string | null;
  readonly feedback: string | null;
  readonly respondedBy: string | null;
  readonly respondedAt: string | null;
  readonly deadline: string | null;
  readonly at: string;
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
  readonly error: string | null;
  readonly failedStep: string | null;
  readonly resumable: boolean;
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
  readonly facts: SessionFacts;
  readonly run: RunEntry | null;
  readonly messages: readonly MessageEntry[];
  readonly open: readonly OpenMessage[];
  /** What the plan says; a step of it that has begun is in `steps` too, under the same number. */
  readonly plan: readonly PlannedEntry[];
  readonly steps: readonly StepEntry[];
  readonly lines: readonly ConsoleLine[];
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

export function emptySession(sessionId: string): SessionState {
  return {
    sessionId,
    seq: 0,
    epoch: null,
    lastEventAt: null,
    facts: {
      name: "",
      mode: "",
      status: "active",
      statusReason: null,
      version: 1,
      phase: null,
      stepNumber: null,
      createdAt: "",
    },
    run: null,
    messages: [],
    open: [],
    plan: [],
    steps: [],
    lines: [],
    approvals: [],
    files: [],
    cost: { usd: null, unpricedCalls: 0, inputTokens: 0, outputTokens: 0, calls: 0 },
    countedThrough: 0,
    savedAt: null,
    notices: [],
    unknownEvents: 0,
  };
}
