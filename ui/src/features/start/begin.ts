import { newKey } from "@/api/http";
import { uploadFile } from "@/api/files";
import { createSession, sendMessage, type NewSession } from "@/api/sessions";

export interface Attempt {
  readonly key: string;
  sessionId: string;
  readonly made: string;
  readonly uploaded: Set<string>;
}

export const NO_ATTEMPT: Attempt = { key: "", sessionId: "", made: "", uploaded: new Set() };

/** The same attempt while the same is wanted, so that a repeat after a failure goes on with the same session. */
export function attemptFor(before: Attempt, wanted: NewSession, task: string): Attempt {
  const made = JSON.stringify([wanted, task]);
  return before.made === made ? before : { key: newKey(), sessionId: "", made, uploaded: new Set() };
}

/** Create, then put the files in, then start. */
export async function begin(
  attempt: Attempt,
  wanted: NewSession,
  task: string,
  uploads: readonly (readonly [string, Blob])[],
  say: (stage: string) => void,
): Promise<string> {
  if (!attempt.sessionId) {
    say("Creating the session");
    attempt.sessionId = (await createSession(wanted, attempt.key)).session_id;
  }
  for (const [path, content] of uploads) {
    const mark = `${path} ${content.size}`;
    if (attempt.uploaded.has(mark)) continue;
    say(`Uploading ${path}`);
    await uploadFile(attempt.sessionId, path, content);
    attempt.uploaded.add(mark);
  }
  say("Starting");
  await sendMessage(attempt.sessionId, task, `${attempt.key}-start`);
  return attempt.sessionId;
}
