import { api, body } from "./http";
import { Problem, problemOf } from "./problem";
import type { Readiness } from "./types";

/** Ask `/ready`; a server that is up but not ready answers 503 with the same body. */
export async function getReadiness(): Promise<Readiness> {
  let response: Response;
  try {
    response = await fetch("/ready", { headers: { Accept: "application/json" } });
  } catch {
    throw new Problem(0, "offline", "The server cannot be reached.");
  }
  if (!response.ok && response.status !== 503) throw await problemOf(response);
  return (await response.json()) as Readiness;
}

/** Whether the server answers at all; what stands before it and says 502 to 504 is not it. */
export async function answers(): Promise<boolean> {
  try {
    const { status } = await fetch("/health", { headers: { Accept: "application/json" }, cache: "no-store" });
    return status < 502;
  } catch {
    return false;
  }
}

/** Figures for people: sessions, connections, storage. */
export function getStats(): Promise<Readonly<Record<string, unknown>>> {
  return body(api.GET("/api/stats"));
}

export function socketUrl(location: Location): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/sessions`;
}
