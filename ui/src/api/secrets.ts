import { api, body } from "./http";
import type { SecretInfo } from "./types";

/** Names and dates; a value never comes back. */
export async function listSecrets(): Promise<readonly SecretInfo[]> {
  return (await body(api.GET("/api/secrets", { params: { query: { limit: 200 } } }))).secrets;
}

/** Set a secret, or give the one of this name another value. */
export async function putSecret(name: string, value: string): Promise<void> {
  await api.PUT("/api/secrets/{name}", { params: { path: { name } }, body: { value } });
}

export async function deleteSecret(name: string): Promise<void> {
  await api.DELETE("/api/secrets/{name}", { params: { path: { name } } });
}
