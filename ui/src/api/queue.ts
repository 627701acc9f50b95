import { authorOf, type Author } from "@/lib/authors";
import { api, body } from "./http";

export interface QueueItem {
  readonly id: string;
  readonly content: string;
  readonly at: string;
  /** Who wrote it. */
  readonly author: Author | null;
}

function read(items: readonly Readonly<Record<string, unknown>>[]): QueueItem[] {
  return items.map((item) => ({
    id: String(item["queue_item_id"] ?? item["id"]),
    content: String(item["content"] ?? ""),
    at: String(item["created_at"] ?? ""),
    author: authorOf(item["author"]),
  }));
}

const of = (sessionId: string) => ({ params: { path: { session_id: sessionId } } });
const at = (sessionId: string, itemId: string) => ({ params: { path: { session_id: sessionId, item_id: itemId } } });

/** The inputs that wait for the live run to end, next first. */
export async function listQueue(sessionId: string): Promise<QueueItem[]> {
  return read((await body(api.GET("/api/sessions/{session_id}/queue", of(sessionId)))).items);
}

export async function changeQueued(sessionId: string, itemId: string, content: string): Promise<void> {
  await api.PATCH("/api/sessions/{session_id}/queue/{item_id}", { ...at(sessionId, itemId), body: { content } });
}

export async function removeQueued(sessionId: string, itemId: string): Promise<void> {
  await api.DELETE("/api/sessions/{session_id}/queue/{item_id}", at(sessionId, itemId));
}

export async function reorderQueue(sessionId: string, itemIds: readonly string[]): Promise<void> {
  await api.PUT("/api/sessions/{session_id}/queue", { ...of(sessionId), body: { item_ids: [...itemIds] } });
}
