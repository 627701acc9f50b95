import { at, call, send } from "./http";
import type { FileInfo } from "./types";

export async function listFiles(sessionId: string): Promise<readonly FileInfo[]> {
  return (await call<{ files: FileInfo[] }>("GET", at("/api/sessions", sessionId, "files"))).files;
}

export function fileUrl(sessionId: string, path: string): string {
  return at("/api/sessions", sessionId, "files", path);
}

export function uploadFile(sessionId: string, path: string, content: Blob): Promise<FileInfo> {
  return call("PUT", fileUrl(sessionId, path), {
    raw: content,
    headers: { "Content-Type": content.type || "application/octet-stream" },
  });
}

/** Text of a file, or null when it is too big to show or not text. */
export async function readText(sessionId: string, path: string, maxBytes: number): Promise<string | null> {
  const response = await send("GET", fileUrl(sessionId, path), { headers: { Accept: "*/*" } });
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength > maxBytes) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
