import { api, body } from "./http";
import type { UserInfo } from "./types";

export type UserRole = UserInfo["role"];

export function listUsers(q: string): Promise<{ users: readonly UserInfo[]; total: number }> {
  return body(api.GET("/api/users", { params: { query: { limit: 200, ...(q ? { q } : {}) } } }));
}

export interface NewUser {
  readonly email: string;
  readonly name: string;
  readonly role: UserRole;
  readonly password: string;
}

export function createUser(user: NewUser): Promise<UserInfo> {
  return body(api.POST("/api/users", { body: { ...user } }));
}

export interface UserChange {
  readonly name?: string;
  readonly role?: UserRole;
  readonly disabled?: boolean;
  readonly password?: string;
}

/** Refused with `last-admin` when nobody would be left to administer the server. */
export function changeUser(userId: string, change: UserChange): Promise<UserInfo> {
  return body(api.PATCH("/api/users/{user_id}", { params: { path: { user_id: userId } }, body: { ...change } }));
}

export async function signOutUser(userId: string): Promise<void> {
  await api.POST("/api/users/{user_id}/sign-out", { params: { path: { user_id: userId } } });
}
