import { api, body } from "./http";
import type { AuditPage } from "./types";

export interface AuditFilter {
  readonly action?: string;
  readonly actorId?: string;
}

const PAGE = 100;

/** A page of who did what to a session, newest first. */
export function listSessionAudit(sessionId: string, cursor: string | null): Promise<AuditPage> {
  const query = { limit: PAGE, ...(cursor ? { cursor } : {}) };
  return body(
    api.GET("/api/sessions/{session_id}/audit", { params: { path: { session_id: sessionId }, query } }),
  );
}

/** A page of who did what on the server, newest first; for administrators. */
export function listAudit(filter: AuditFilter, cursor: string | null): Promise<AuditPage> {
  const query = {
    limit: PAGE,
    ...(cursor ? { cursor } : {}),
    ...(filter.action ? { action: filter.action } : {}),
    ...(filter.actorId ? { actor_id: filter.actorId } : {}),
  };
  return body(api.GET("/api/audit", { params: { query } }));
}
