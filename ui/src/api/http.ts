import { offline, problemOf } from "./problem";

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly raw?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
  /** Refuse the write unless the session still has this version. */
  readonly ifVersion?: number;
  /** The same key gets the first answer again; give one per press of a button. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Do one request; every failure is a `Problem`. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const response = await send(method, path, options);
  const type = response.headers.get("content-type") ?? "";
  return (type.includes("json") ? await response.json() : await response.text()) as T;
}

export async function send(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.ifVersion !== undefined) headers["If-Match"] = `"${options.ifVersion}"`;
  if (method === "POST") headers["Idempotency-Key"] = options.idempotencyKey ?? newKey();
  const body = options.body === undefined ? options.raw : JSON.stringify(options.body);
  let response: Response;
  try {
    response = await fetch(path + queryOf(options.query), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw offline();
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** `crypto.randomUUID` exists in secure contexts only, and a console on a company's http address is none. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function queryOf(query: CallOptions["query"]): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === "") continue;
    if (typeof value === "object") for (const one of value) parameters.append(name, one);
    else parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

/** A path with each part encoded: `at("/api/sessions", id, "files", "a/b.md")`. */
export function at(base: string, ...parts: readonly string[]): string {
  return [base, ...parts.map((part) => part.split("/").map(encodeURIComponent).join("/"))].join("/");
}
