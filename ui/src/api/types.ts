/** The wire, as this console reads it. */

export interface ModeInfo {
  readonly id: string;
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly icon: string;
  readonly supports_resume: boolean;
  readonly supports_hitl: boolean;
  readonly config_schema: Readonly<Record<string, unknown>>;
}

export interface RunInfo {
  readonly run_id: string;
  readonly task: string;
  readonly status: string;
  readonly mode: string;
  readonly model?: string | null;
  readonly attempt?: number;
  readonly error?: Readonly<Record<string, unknown>> | null;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
}

export interface SessionInfo {
  readonly session_id: string;
  readonly name: string;
  readonly mode: string;
  readonly status: string;
  readonly status_reason?: string | null;
  readonly version: number;
  readonly current_phase?: string | null;
  readonly current_step?: number | null;
  readonly created_at: string;
  readonly last_active_at: string;
  readonly message_count: number;
  readonly last_seq?: number;
  readonly run_status?: string | null;
  readonly cost_usd?: number | null;
  readonly unpriced_calls?: number;
  readonly pending_approvals?: number | readonly unknown[];
}

export interface SessionPage {
  readonly sessions: readonly SessionInfo[];
  readonly total: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly current_session_id?: string | null;
}

export interface MessageInfo {
  readonly message_id: string;
  readonly position: number;
  readonly role: string;
  readonly agent?: string | null;
  readonly content: string;
  readonly run_id?: string | null;
  readonly timestamp: string;
}

export interface ApprovalInfo {
  readonly approval_id: string;
  readonly session_id: string;
  readonly request_type: string;
  readonly title: string;
  readonly request_data: Readonly<Record<string, unknown>>;
  readonly options: readonly string[];
  readonly status: string;
  readonly resolution?: string | null;
  readonly response_data?: Readonly<Record<string, unknown>> | null;
  readonly responded_by?: string | null;
  readonly responded_at?: string | null;
  readonly deadline?: string | null;
  readonly created_at: string;
}

export interface StepInfo {
  readonly step_id: string;
  readonly run_id: string;
  readonly key: string;
  readonly position: number;
  readonly phase?: string | null;
  readonly name: string;
  readonly goal?: string | null;
  readonly agent?: string | null;
  readonly status: string;
  readonly attempt: number;
  readonly summary?: string | null;
  readonly error?: Readonly<Record<string, unknown>> | null;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
}

export interface FileInfo {
  readonly path: string;
  readonly size?: number | null;
  readonly media_type?: string | null;
}

export interface SessionDetail extends SessionInfo {
  readonly conversation_history: readonly MessageInfo[];
  readonly history_cursor?: string | null;
  readonly current_run?: RunInfo | null;
  readonly plan_data?: Readonly<Record<string, unknown>> | null;
  readonly log_epoch?: number;
  readonly as_of_seq?: number;
}

export interface CostSummary {
  readonly total_cost_usd: number | null;
  readonly unpriced_calls: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly calls: number;
  readonly as_of_seq: number;
}

export interface CommandAnswer {
  readonly success?: boolean;
  readonly session_id: string;
  readonly status: string;
  readonly message?: string;
  readonly run_id?: string | null;
}

/** `GET /ready`. */
export interface Readiness {
  readonly ready: boolean;
  readonly version?: string;
  readonly model?: {
    readonly status?: string;
    readonly label?: string;
    /** Share of the preparation that is done. */
    readonly progress?: number | null;
    readonly reason?: string | null;
  };
}
