import createClient from "openapi-fetch";
import type { paths } from "@/gen/api";
import { keeper } from "./keeper";
import { offline, problemOf } from "./problem";

/** The typed client. Every failure is thrown as a `Problem`; every POST carries an Idempotency-Key. */
export const api = createClient<paths>({
  querySerializer: { array: { style: "form", explode: true } },
  fetch: keeper.fetch,
});

api.use({
  onRequest({ request }) {
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", newKey());
    }
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await problemOf(response);
  },
  onError({ error }) {
    if (isAbort(error)) return error;
    return offline();
  },
});

/** The body of an answer; `openapi-fetch` cannot know that failures are thrown. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** A key that makes a repeat of the same press get the first answer. */
export function repeatable(key: string): { headers: { "Idempotency-Key": string } } {
  return { headers: { "Idempotency-Key": key } };
}

/** A request whose body or answer is not JSON. */
export async function send(method: string, path: string, content?: Blob): Promise<Response> {
  let response: Response;
  try {
    const request = new Request(new URL(path, window.location.href), {
      method,
      ...(content ? { body: content, headers: { "Content-Type": content.type || "application/octet-stream" } } : {}),
    });
    response = await keeper.fetch(request);
  } catch (error) {
    if (isAbort(error)) throw error;
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

function isAbort(error: unknown): error is DOMException {
  return error instanceof DOMException && error.name === "AbortError";
}
