import { json } from "./wanted";

export type UserRole = "admin" | "member";
export interface UserInfo {
  readonly user_id: string;
  readonly email: string;
  readonly name: string;
  readonly role: UserRole;
  readonly disabled_at: string | null;
  readonly created_at: string;
  readonly last_seen_at: string | null;
}

export function listUsers(q: string): Promise<{ users: readonly UserInfo[]; total: number }> {
  return json("GET", `/api/users?limit=200${q ? `&q=${encodeURIComponent(q)}` : ""}`);
}

export interface NewUser {
  readonly email: string;
  readonly name: string;
  readonly role: UserRole;
  readonly password: string;
}

export function createUser(user: NewUser): Promise<UserInfo> {
  return json("POST", "/api/users", user);
}

export interface UserChange {
  readonly name?: string;
  readonly role?: UserRole;
  readonly disabled?: boolean;
  readonly password?: string;
}

/** Refused with `last-admin` when nobody would be left to administer the server. */
export function changeUser(userId: string, change: UserChange): Promise<UserInfo> {
  return json("PATCH", `/api/users/${userId}`, change);
}

export async function signOutUser(userId: string): Promise<void> {
  await json("POST", `/api/users/${userId}/sign-out`);
}
