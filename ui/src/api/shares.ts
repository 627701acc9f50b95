import { api, body } from "./http";
import type { ShareInfo, ShareLinkInfo, ShareLinkMade, Viewer } from "./types";

export type ShareRole = ShareInfo["role"];

export async function listShares(sessionId: string): Promise<readonly ShareInfo[]> {
  return (await body(api.GET("/api/sessions/{session_id}/shares", of(sessionId)))).shares;
}

/** Share with somebody who has an account; shared with them already, it is changed. */
export function addShare(
  sessionId: string,
  share: { email: string; role: ShareRole; expires_at?: string },
): Promise<ShareInfo> {
  return body(api.POST("/api/sessions/{session_id}/shares", { ...of(sessionId), body: share }));
}

export interface ShareChange {
  readonly role?: ShareRole;
  /** null: it does not end. */
  readonly expires_at?: string | null;
}

export async function changeShare(sessionId: string, shareId: string, change: ShareChange): Promise<void> {
  const params = { path: { session_id: sessionId, share_id: shareId } };
  await api.PATCH("/api/sessions/{session_id}/shares/{share_id}", { params, body: { ...change } });
}

/** Take it away, or leave when it is one's own. */
export async function removeShare(sessionId: string, shareId: string): Promise<void> {
  const params = { path: { session_id: sessionId, share_id: shareId } };
  await api.DELETE("/api/sessions/{session_id}/shares/{share_id}", { params });
}

export async function listShareLinks(sessionId: string): Promise<readonly ShareLinkInfo[]> {
  return (await body(api.GET("/api/sessions/{session_id}/share-links", of(sessionId)))).share_links;
}

/** Returns the path with the token too; nobody can ask for it again. */
export function makeShareLink(
  sessionId: string,
  link: { role: ShareRole; expires_in_hours: number },
): Promise<ShareLinkMade> {
  return body(api.POST("/api/sessions/{session_id}/share-links", { ...of(sessionId), body: link }));
}

export async function revokeShareLink(sessionId: string, linkId: string): Promise<void> {
  const params = { path: { session_id: sessionId, share_link_id: linkId } };
  await api.DELETE("/api/sessions/{session_id}/share-links/{share_link_id}", { params });
}

/** Get what a link gives; returns the session it leads to. */
export async function acceptShareLink(token: string): Promise<string> {
  return (await body(api.POST("/api/share-links/accept", { body: { token } }))).session_id;
}

export async function listViewers(sessionId: string): Promise<readonly Viewer[]> {
  return (await body(api.GET("/api/sessions/{session_id}/viewers", of(sessionId)))).viewers;
}

function of(sessionId: string): { params: { path: { session_id: string } } } {
  return { params: { path: { session_id: sessionId } } };
}
