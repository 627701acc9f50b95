/** The wire under the names this console uses; the shapes are made from the server's own (`./dev codegen`). */

import type { components } from "@/gen/api";

type Schemas = components["schemas"];

export type ModeInfo = Schemas["ModeOut"];
export type SessionInfo = Schemas["SessionSummary"];
export type SessionGroup = Schemas["SessionGroup"];
export type SessionPage = Schemas["SessionPage"];
export type SessionDetail = Schemas["SessionDetail"];
export type RunInfo = Schemas["RunOut"];
export type StepInfo = Schemas["StepOut"];
export type ApprovalInfo = Schemas["ApprovalOut"];
export type MessageInfo = Schemas["MessageOut"];
export type MissionInfo = Schemas["MissionOut"];
export type MissionDetail = Schemas["MissionDetailOut"];
export type HopInfo = Schemas["HopOut"];
export type AssetInfo = Schemas["AssetOut"];
export type ToolStepInfo = Schemas["ToolStepOut"];
export type HistoryInfo = Schemas["HistoryOut"];
export type DagInfo = Schemas["DagOut"];
export type CostRow = Schemas["CostRow"];
export type RunPage = Schemas["RunPage"];
export type FileInfo = Schemas["FileOut"];
export type CostSummary = Schemas["CostSummary"];
export type Methods = Schemas["AuthMethods"];
export type Me = Schemas["Me"];
export type SignInInfo = Schemas["SignInOut"];
export type KeyInfo = Schemas["KeyOut"];
export type KeyMade = Schemas["KeyMade"];
export type UserInfo = Schemas["UserOut"];
export type ShareInfo = Schemas["ShareOut"];
export type ShareLinkInfo = Schemas["ShareLinkOut"];
export type ShareLinkMade = Schemas["ShareLinkMade"];
export type SecretInfo = Schemas["SecretOut"];
export type Grants = Schemas["GrantsOut"];
export type Viewer = Schemas["ViewerOut"];
export type AuditEntry = Schemas["AuditEntryOut"];
export type AuditPage = Schemas["AuditPage"];

/** `GET /ready`: the server leaves its shape open. */
export interface Readiness {
  readonly ready: boolean;
  readonly version?: string;
  readonly model?: {
    readonly name?: string;
    readonly status?: string;
    readonly label?: string;
    /** Share of the preparation that is done. */
    readonly progress?: number | null;
    readonly reason?: string | null;
  };
}
