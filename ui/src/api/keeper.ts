/**
 * Keeps this browser signed in. The tokens are in cookies that no script can read; what is kept here is whether there
 * are any, and when they were last renewed. A refresh token is good for one use, and using it twice ends the sign-in:
 * so only one tab renews at a time, and the others go on with what it got.
 */

import { acrossTabs, type Exclusive } from "@/lib/exclusive";
import { forgetStored, readStored, writeStored } from "@/lib/stored";
import { asProblem, offline, problemOf } from "./problem";

export type SignedIn =
  | { readonly kind: "unknown" }
  /** The server has one local user and asks nobody. */
  | { readonly kind: "local" }
  | { readonly kind: "in"; readonly userId: string }
  /** `why`: what the server said when it was more than "not signed in". `left`: the person wanted it, in another tab. */
  | { readonly kind: "out"; readonly why: string | null; readonly left: boolean };

/** What one tab tells the others. */
type Word = { readonly said: "in"; readonly userId: string } | { readonly said: "out" };

export interface KeeperOptions {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly exclusive: Exclusive;
  readonly channel: Pick<BroadcastChannel, "postMessage" | "onmessage"> | null;
  readonly now: () => number;
  /** Another person signed in in this browser: nothing on this page is theirs. */
  readonly onOther: () => void;
}

const RENEWED = "sign-in.renewed";
const USER = "sign-in.user";
/** Beginnings of the names under which a browser keeps what a person typed or saw. */
const OF_A_PERSON: readonly string[] = ["draft.", "request.", "new-", "last-session", "seen."];
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const RENEW_BEFORE_MS = 60_000;

interface Renewed {
  readonly at: number;
  readonly until: number;
}

export class SignInKeeper {
  private state: SignedIn = { kind: "unknown" };
  private readonly listeners = new Set<() => void>();
  private renewing: Promise<boolean> | null = null;

  constructor(private readonly options: KeeperOptions) {
    if (options.channel) options.channel.onmessage = (event: MessageEvent) => this.hear(event.data as Word);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): SignedIn => this.state;

  /** Send a request; when the access token has run out, renew it and send once more. */
  readonly fetch = async (request: Request): Promise<Response> => {
    if (!SAFE.has(request.method)) request.headers.set("X-Perdure-Request", "console");
    const again = request.clone();
    const begun = this.options.now();
    const response = await this.options.fetch(request);
    if (response.status !== 401 || (await isAboutPassword(response.clone()))) return response;
    return (await this.renew(begun)) ? this.options.fetch(again) : response;
  };

  /** What opens a socket: a ticket for one use, or null where none is needed. */
  readonly ticket = async (): Promise<string | null> => {
    if (this.state.kind === "local") return null;
    const request = new Request(new URL("/api/auth/tickets", window.location.href), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    let response: Response;
    try {
      response = await this.fetch(request);
    } catch {
      throw offline();
    }
    if (!response.ok) throw await problemOf(response);
    return ((await response.json()) as { ticket: string }).ticket;
  };

  /** The server said who this is. */
  known(userId: string, local: boolean): void {
    if (!local) this.makeRoomFor(userId);
    this.become(local ? { kind: "local" } : { kind: "in", userId });
  }

  /** Somebody signed in on this page; the cookies are good for so many seconds. */
  signedIn(userId: string, expiresIn: number): void {
    this.remember(expiresIn);
    this.known(userId, false);
    this.tell({ said: "in", userId });
  }

  /** The person signed out on this page, which goes on to another address; the other tabs have to be told. */
  signedOut(): void {
    writeStored(RENEWED, null);
    this.tell({ said: "out" });
  }

  /** Renew a little before the token runs out, so that links to files work too; for a page that somebody looks at. */
  async keepFresh(): Promise<void> {
    const renewed = readStored<Renewed>(RENEWED);
    const now = this.options.now();
    if (this.state.kind === "in" && renewed && renewed.until - now < RENEW_BEFORE_MS) await this.renew(now);
  }

  /** Renew the access token unless a tab has done so since `begun`; false: whoever wants to go on has to sign in. */
  private renew(begun: number): Promise<boolean> {
    if (this.state.kind === "out") return Promise.resolve(false);
    this.renewing ??= this.options
      .exclusive(() => this.renewNow(begun))
      .finally(() => {
        this.renewing = null;
      });
    return this.renewing;
  }

  private async renewNow(begun: number): Promise<boolean> {
    if ((readStored<Renewed>(RENEWED)?.at ?? 0) > begun) return true;
    const request = new Request(new URL("/api/auth/refresh", window.location.href), {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Perdure-Request": "console" },
      body: "{}",
    });
    const response = await this.options.fetch(request);
    if (response.ok) {
      this.remember(((await response.json()) as { expires_in: number }).expires_in);
      return true;
    }
    if (response.status !== 401 && response.status !== 403) return false; // not now; that says nothing of the sign-in
    const problem = asProblem(await problemOf(response));
    this.become({ kind: "out", why: problem.code === "sign-in-needed" ? null : problem.message, left: false });
    return false;
  }

  /** Drafts and the like that somebody else left in this browser are not for this person's eyes. */
  private makeRoomFor(userId: string): void {
    const before = readStored<string>(USER);
    if (before === userId) return;
    if (before !== null) forgetStored(OF_A_PERSON);
    writeStored(USER, userId);
  }

  private remember(expiresIn: number): void {
    const at = this.options.now();
    writeStored(RENEWED, { at, until: at + expiresIn * 1000 });
  }

  private hear(word: Word): void {
    if (word.said === "out") {
      if (this.state.kind === "in") this.become({ kind: "out", why: "You signed out in another tab.", left: true });
    } else if (this.state.kind === "in" && this.state.userId !== word.userId) {
      this.options.onOther();
    } else if (this.state.kind === "out") {
      this.become({ kind: "in", userId: word.userId });
    }
  }

  private tell(word: Word): void {
    this.options.channel?.postMessage(word);
  }

  private become(state: SignedIn): void {
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

/** A 401 that says that what was typed is wrong, not that a sign-in is needed. */
async function isAboutPassword(response: Response): Promise<boolean> {
  return (await problemOf(response)).code === "wrong-credentials";
}

/** This tab's keeper. */
export const keeper = new SignInKeeper({
  fetch: (request) => globalThis.fetch(request),
  exclusive: acrossTabs("sign-in"),
  channel: typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("perdure.sign-in"),
  now: Date.now,
  onOther: () => window.location.reload(),
});
