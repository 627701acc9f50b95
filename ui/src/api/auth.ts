import { keeper } from "./keeper";
import { json } from "./wanted";

export interface Methods {
  readonly auth: "local" | "password";
  readonly password: boolean;
  readonly registration: boolean;
  readonly oidc: readonly { readonly id: string; readonly label: string }[];
}
export interface Me {
  readonly user_id: string;
  readonly email: string | null;
  readonly name: string;
  readonly role: "admin" | "member";
  readonly auth: "local" | "password";
  readonly credential: string;
}
interface SignedInAnswer {
  readonly expires_in: number;
  readonly user: { readonly user_id: string };
}
export interface SignInInfo {
  readonly sign_in_id: string;
  readonly method: string;
  readonly source: string | null;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
  readonly current: boolean;
}
export type Scope = "read" | "work" | "manage" | "admin";
export interface KeyInfo {
  readonly key_id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
}

/** Who is on this page; says to the keeper whether anybody has to be. */
export async function getMe(): Promise<Me> {
  const me = await json<Me>("GET", "/api/auth/me");
  keeper.known(me.user_id, me.auth === "local");
  return me;
}

export function getMethods(): Promise<Methods> {
  return json("GET", "/api/auth/methods");
}

export async function signIn(email: string, password: string): Promise<void> {
  const answer = await json<SignedInAnswer>("POST", "/api/auth/login", { email, password, cookies: true });
  keeper.signedIn(answer.user.user_id, answer.expires_in);
}

export async function register(email: string, name: string, password: string): Promise<void> {
  const body = { email, name, password, cookies: true };
  const answer = await json<SignedInAnswer>("POST", "/api/auth/register", body);
  keeper.signedIn(answer.user.user_id, answer.expires_in);
}

/** Where an identity provider is asked; it leads back to `next`, an address of this console. */
export function oidcUrl(provider: string, next: string): string {
  return `/api/auth/oidc/${encodeURIComponent(provider)}/login?next=${encodeURIComponent(next)}`;
}

export async function signOut(): Promise<void> {
  await json("POST", "/api/auth/logout");
  keeper.signedOut();
}

/** End all sign-ins of this person, this one too. */
export async function signOutEverywhere(): Promise<void> {
  await json("POST", "/api/auth/logout-everywhere");
  keeper.signedOut();
}

export interface ProfileChange {
  readonly name?: string;
  readonly current_password?: string;
  readonly new_password?: string;
}

export function changeMe(change: ProfileChange): Promise<Me> {
  return json("PATCH", "/api/auth/me", change);
}

export async function listSignIns(): Promise<readonly SignInInfo[]> {
  return (await json<{ sign_ins: SignInInfo[] }>("GET", "/api/auth/sign-ins")).sign_ins;
}

export async function endSignIn(signInId: string): Promise<void> {
  await json("DELETE", `/api/auth/sign-ins/${signInId}`);
}

export async function listKeys(): Promise<readonly KeyInfo[]> {
  return (await json<{ keys: KeyInfo[] }>("GET", "/api/auth/keys")).keys;
}

export interface NewKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expires_in_days?: number;
}

/** Returns the key itself too; nobody can ask for it again. */
export function makeKey(wanted: NewKey): Promise<KeyInfo & { readonly key: string }> {
  return json("POST", "/api/auth/keys", wanted);
}

export async function revokeKey(keyId: string): Promise<void> {
  await json("DELETE", `/api/auth/keys/${keyId}`);
}
