import { api, body, newKey, repeatable } from "./http";
import type { MissionDetail, MissionInfo } from "./types";

/** The missions of a session, newest first. */
export async function listMissions(sessionId: string): Promise<readonly MissionInfo[]> {
  return (await body(api.GET("/api/missions", { params: { query: { session_id: sessionId, limit: 20 } } }))).missions;
}

export function getMission(missionId: string): Promise<MissionDetail> {
  return body(api.GET("/api/missions/{mission_id}", { params: { path: { mission_id: missionId } } }));
}

const of = (missionId: string) => ({ params: { path: { mission_id: missionId } }, ...repeatable(newKey()) });

/** Refused with `stale-version` when the plan was revised since. */
export async function acceptMission(missionId: string, revision: number): Promise<void> {
  await api.POST("/api/missions/{mission_id}/accept", { ...of(missionId), body: { revision } });
}

export async function rejectMission(missionId: string, feedback: string): Promise<void> {
  await api.POST("/api/missions/{mission_id}/reject", { ...of(missionId), body: feedback ? { feedback } : {} });
}

export async function reviseMission(missionId: string, feedback: string): Promise<void> {
  await api.POST("/api/missions/{mission_id}/revise", { ...of(missionId), body: { feedback } });
}

export async function cancelMission(missionId: string): Promise<void> {
  await api.POST("/api/missions/{mission_id}/cancel", of(missionId));
}
