import { api, body, send } from "./http";
import type { FileInfo } from "./types";

export async function listFiles(sessionId: string): Promise<readonly FileInfo[]> {
  const params = { path: { session_id: sessionId } };
  return (await body(api.GET("/api/sessions/{session_id}/files", { params }))).files;
}

export function fileUrl(sessionId: string, path: string): string {
  return `/api/sessions/${sessionId}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** All files as one archive. */
export function zipUrl(sessionId: string): string {
  return `/api/sessions/${sessionId}/files.zip`;
}

export async function uploadFile(sessionId: string, path: string, content: Blob): Promise<void> {
  await send("PUT", fileUrl(sessionId, path), content);
}

/** Text of a file, or null when it is too big to show or not text. */
export async function readText(sessionId: string, path: string, maxBytes: number): Promise<string | null> {
  const response = await send("GET", fileUrl(sessionId, path));
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength > maxBytes) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The bytes of a file under a type of the caller's choosing. */
export async function readBlob(sessionId: string, path: string, mediaType: string): Promise<Blob> {
  const response = await send("GET", fileUrl(sessionId, path));
  return new Blob([await response.arrayBuffer()], { type: mediaType });
}
