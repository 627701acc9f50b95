import { api, body } from "./http";
import { Problem } from "./problem";
import type { Readiness } from "./types";

/** Ask `/ready`; a server that is up but not ready answers 503 with the same body. */
export async function getReadiness(): Promise<Readiness> {
  let response: Response;
  try {
    response = await fetch("/ready", { headers: { Accept: "application/json" } });
  } catch {
    throw new Problem(0, "offline", "The server cannot be reached.");
  }
  return (await response.json()) as Readiness;
}

/** Figures for people: sessions, connections, storage. */
export function getStats(): Promise<Readonly<Record<string, unknown>>> {
  return body(api.GET("/api/stats"));
}

export function socketUrl(location: Location): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/sessions`;
}
