import { api, body } from "./http";
import type { Grants } from "./types";

export type Category = Grants["grants"][number];

/** What needs no question any more in a session. */
export async function listGrants(sessionId: string): Promise<readonly Category[]> {
  const params = { path: { session_id: sessionId } };
  return (await body(api.GET("/api/sessions/{session_id}/grants", { params }))).grants;
}

/** Ask again before each call of the category; returns what is still allowed. */
export async function takeBack(sessionId: string, category: Category): Promise<readonly Category[]> {
  const params = { path: { session_id: sessionId, category } };
  return (await body(api.DELETE("/api/sessions/{session_id}/grants/{category}", { params }))).grants;
}
