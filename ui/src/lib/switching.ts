/** Which session is being paused for another, in this tab: a page that is loaded again goes on waiting for it. */

const KEY = "perdure.switching";

export function rememberSwitch(sessionId: string | null): void {
  try {
    if (sessionId === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, sessionId);
  } catch {
    // without storage the page forgets it with everything else
  }
}

export function recallSwitch(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
