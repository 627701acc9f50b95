import { json } from "./wanted";

export type ShareRole = "view" | "edit" | "admin";
export interface ShareInfo {
  readonly share_id: string;
  readonly user_id: string;
  readonly name: string;
  readonly email: string | null;
  readonly role: ShareRole;
  readonly expires_at: string | null;
  readonly created_at: string;
}
export interface ShareLinkInfo {
  readonly share_link_id: string;
  readonly role: ShareRole;
  readonly expires_at: string | null;
  readonly created_at: string;
}
export interface Viewer {
  readonly user_id: string;
  readonly name: string;
  readonly since: string;
  readonly connections: number;
}

export async function listShares(sessionId: string): Promise<readonly ShareInfo[]> {
  return (await json<{ shares: ShareInfo[] }>("GET", `/api/sessions/${sessionId}/shares`)).shares;
}

export function addShare(
  sessionId: string,
  share: { email: string; role: ShareRole; expires_at?: string },
): Promise<ShareInfo> {
  return json("POST", `/api/sessions/${sessionId}/shares`, share);
}

export async function changeShare(
  sessionId: string,
  shareId: string,
  change: { role?: ShareRole; expires_at?: string | null },
): Promise<void> {
  await json("PATCH", `/api/sessions/${sessionId}/shares/${shareId}`, change);
}

/** Take it away, or leave when it is one's own. */
export async function removeShare(sessionId: string, shareId: string): Promise<void> {
  await json("DELETE", `/api/sessions/${sessionId}/shares/${shareId}`);
}

export async function listShareLinks(sessionId: string): Promise<readonly ShareLinkInfo[]> {
  return (await json<{ share_links: ShareLinkInfo[] }>("GET", `/api/sessions/${sessionId}/share-links`)).share_links;
}

/** Returns the path with the token too; nobody can ask for it again. */
export function makeShareLink(
  sessionId: string,
  link: { role: ShareRole; expires_in_hours: number },
): Promise<ShareLinkInfo & { readonly path: string }> {
  return json("POST", `/api/sessions/${sessionId}/share-links`, link);
}

export async function revokeShareLink(sessionId: string, linkId: string): Promise<void> {
  await json("DELETE", `/api/sessions/${sessionId}/share-links/${linkId}`);
}

export function acceptShareLink(token: string): Promise<{ session_id: string; role: ShareRole }> {
  return json("POST", "/api/share-links/accept", { token });
}

export async function listViewers(sessionId: string): Promise<readonly Viewer[]> {
  return (await json<{ viewers: Viewer[] }>("GET", `/api/sessions/${sessionId}/viewers`)).viewers;
}
