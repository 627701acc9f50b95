import { api, body } from "./http";
import { keeper } from "./keeper";
import type { KeyInfo, KeyMade, Me, Methods, SignInInfo } from "./types";

/** Who is on this page; says to the keeper whether anybody has to be. */
export async function getMe(): Promise<Me> {
  const me = await body(api.GET("/api/auth/me"));
  keeper.known(me.user_id, me.auth === "local");
  return me;
}

export function getMethods(): Promise<Methods> {
  return body(api.GET("/api/auth/methods"));
}

export async function signIn(email: string, password: string): Promise<void> {
  const answer = await body(api.POST("/api/auth/login", { body: { email, password, cookies: true } }));
  keeper.signedIn(answer.user.user_id, answer.expires_in);
}

export async function register(email: string, name: string, password: string): Promise<void> {
  const answer = await body(api.POST("/api/auth/register", { body: { email, name, password, cookies: true } }));
  keeper.signedIn(answer.user.user_id, answer.expires_in);
}

/** Where an identity provider is asked; it leads back to `next`, an address of this console. */
export function oidcUrl(provider: string, next: string): string {
  return `/api/auth/oidc/${encodeURIComponent(provider)}/login?next=${encodeURIComponent(next)}`;
}

export async function signOut(): Promise<void> {
  await api.POST("/api/auth/logout");
  keeper.signedOut();
}

/** End all sign-ins of this person, this one too. */
export async function signOutEverywhere(): Promise<void> {
  await api.POST("/api/auth/logout-everywhere");
  keeper.signedOut();
}

export interface ProfileChange {
  readonly name?: string;
  readonly current_password?: string;
  readonly new_password?: string;
}

export function changeMe(change: ProfileChange): Promise<Me> {
  return body(api.PATCH("/api/auth/me", { body: { ...change } }));
}

export async function listSignIns(): Promise<readonly SignInInfo[]> {
  return (await body(api.GET("/api/auth/sign-ins", { params: { query: { limit: 200 } } }))).sign_ins;
}

export async function endSignIn(signInId: string): Promise<void> {
  await api.DELETE("/api/auth/sign-ins/{sign_in_id}", { params: { path: { sign_in_id: signInId } } });
}

export async function listKeys(): Promise<readonly KeyInfo[]> {
  return (await body(api.GET("/api/auth/keys", { params: { query: { limit: 200 } } }))).keys;
}

export type Scope = KeyInfo["scopes"][number];

export interface NewKey {
  readonly name: string;
  readonly scopes: Scope[];
  readonly expires_in_days?: number;
}

/** Returns the key itself too; nobody can ask for it again. */
export function makeKey(wanted: NewKey): Promise<KeyMade> {
  return body(api.POST("/api/auth/keys", { body: wanted }));
}

export async function revokeKey(keyId: string): Promise<void> {
  await api.DELETE("/api/auth/keys/{key_id}", { params: { path: { key_id: keyId } } });
}
