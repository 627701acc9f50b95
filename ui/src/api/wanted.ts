/** Until the routes are in the schema: JSON in, JSON out. */
import { newKey, send } from "./http";

export async function json<T>(method: string, path: string, content?: unknown): Promise<T> {
  void newKey;
  const blob = content === undefined ? undefined : new Blob([JSON.stringify(content)], { type: "application/json" });
  return (await (await send(method, path, blob)).json()) as T;
}
