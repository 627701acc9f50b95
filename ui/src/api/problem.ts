/** What went wrong, as the server says it (RFC 9457), or as the browser found it. */

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = "Problem";
  }

  get isOffline(): boolean {
    return this.code === "offline";
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get("x-request-id");
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // a proxy's page or an empty body: the status has to do
  }
  const code = typeof body["code"] === "string" ? body["code"] : `http-${response.status}`;
  const detail = [body["detail"], body["title"]].find((text) => typeof text === "string");
  return new Problem(response.status, code, detail ?? `The server answered ${response.status}.`, body, requestId);
}

/** What the server said of single fields, by their path; a list's entries count from 0. */
export function fieldErrors(problem: Problem | null): Readonly<Record<string, string>> {
  const errors = problem?.fields["errors"];
  if (!Array.isArray(errors)) return {};
  return Object.fromEntries(
    errors.flatMap((each: unknown) => {
      const { field, message } = (each ?? {}) as Record<string, unknown>;
      return typeof field === "string" && typeof message === "string" ? [[field, message]] : [];
    }),
  );
}

/** The same for a form: also where the server named one field only. */
export function formErrors(problem: Problem | null): Readonly<Record<string, string>> {
  const { field, errors } = problem?.fields ?? {};
  if (problem && typeof field === "string" && !Array.isArray(errors)) return { [field]: problem.message };
  return fieldErrors(problem);
}

export function offline(): Problem {
  return new Problem(0, "offline", "The server cannot be reached. What you typed is kept.");
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "console-error", error instanceof Error ? error.message : String(error));
}
