import { beforeEach, describe, expect, it, vi } from "vitest";
import { writeStored } from "@/lib/stored";
import { SignInKeeper, type KeeperOptions } from "./keeper";

type Answer = (request: Request) => Response | Promise<Response>;

const json = (status: number, value: object) =>
  new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });
const expired = () => json(401, { code: "sign-in-expired", detail: "It has expired." });

/** Several tabs of one browser: they share the storage, the lock and the channel, and the server's tokens. */
class Browser {
  readonly sent: string[] = [];
  readonly channels: { onmessage: KeeperOptions["channel"] extends null ? never : unknown }[] = [];
  others = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly answer: Answer) {}

  tab(): SignInKeeper {
    const channel = {
      onmessage: null as ((event: MessageEvent) => void) | null,
      postMessage: (word: unknown) => {
        for (const each of this.channels) {
          if (each !== channel) (each.onmessage as ((event: { data: unknown }) => void) | null)?.({ data: word });
        }
      },
    };
    this.channels.push(channel);
    return new SignInKeeper({
      fetch: async (request) => {
        this.sent.push(`${request.method} ${new URL(request.url).pathname}`);
        return this.answer(request);
      },
      exclusive: (work) => {
        const mine = this.last.then(work);
        this.last = mine.catch(() => undefined);
        return mine;
      },
      channel: channel as unknown as BroadcastChannel,
      now: () => (this.clock += 1),
      onOther: () => (this.others += 1),
    });
  }

  clock = 1_000_000;
  count(line: string): number {
    return this.sent.filter((each) => each === line).length;
  }
}

const REFRESH = "POST /api/auth/refresh";
const get = (path = "/api/sessions") => new Request(`http://test${path}`);

beforeEach(() => localStorage.clear());

/** A server whose access token has run out until it is refreshed, with tokens that are good for one use. */
function lapsed(refresh: () => Response = () => json(200, { expires_in: 600 })): Answer & { good: boolean } {
  const answer = Object.assign(
    async (request: Request) => {
      if (request.url.endsWith("/refresh")) {
        const said = refresh();
        answer.good = said.ok;
        return said;
      }
      return answer.good ? json(200, { echo: await request.text() }) : expired();
    },
    { good: false },
  );
  return answer;
}

describe("a lapsed access token", () => {
  it("is renewed in silence and the request is sent again, body and all", async () => {
    const browser = new Browser(lapsed());
    const post = new Request("http://test/api/sessions", { method: "POST", body: "the text" });
    const response = await browser.tab().fetch(post);
    expect(await response.json()).toEqual({ echo: "the text" });
    expect(browser.sent).toEqual(["POST /api/sessions", REFRESH, "POST /api/sessions"]);
  });

  it("is renewed once for all requests of all tabs", async () => {
    const browser = new Browser(lapsed());
    const tabs = [browser.tab(), browser.tab(), browser.tab()];
    const answers = await Promise.all(tabs.flatMap((tab) => [tab.fetch(get("/api/a")), tab.fetch(get("/api/b"))]));
    expect(answers.map((each) => each.status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(browser.count(REFRESH)).toBe(1);
  });

  it("is renewed again when it runs out again", async () => {
    const server = lapsed();
    const browser = new Browser(server);
    const tab = browser.tab();
    await tab.fetch(get());
    server.good = false;
    expect((await tab.fetch(get())).status).toBe(200);
    expect(browser.count(REFRESH)).toBe(2);
  });

  it("a request that is refused after the renewal is not sent a third time", async () => {
    const browser = new Browser((request) =>
      request.url.endsWith("/refresh") ? json(200, { expires_in: 600 }) : expired(),
    );
    expect((await browser.tab().fetch(get())).status).toBe(401);
    expect(browser.sent).toHaveLength(3);
  });
});

describe("a sign-in that has ended", () => {
  const ended = () => lapsed(() => json(401, { code: "sign-in-ended", detail: "An administrator ended it." }));

  it("is told with the server's reason, and nobody asks for a renewal again", async () => {
    const browser = new Browser(ended());
    const tab = browser.tab();
    tab.known("ann", false);
    const seen = vi.fn();
    tab.subscribe(seen);
    await Promise.all([tab.fetch(get("/api/a")), tab.fetch(get("/api/b"))]);
    await tab.fetch(get("/api/c"));
    expect(tab.getState()).toEqual({ kind: "out", why: "An administrator ended it.", left: false });
    expect([seen.mock.calls.length, browser.count(REFRESH)]).toEqual([1, 1]);
  });

  it("goes on when the person signs in again, here or in another tab", async () => {
    const browser = new Browser(ended());
    const [here, there] = [browser.tab(), browser.tab()];
    for (const tab of [here, there]) {
      tab.known("ann", false);
      await tab.fetch(get());
    }
    there.signedIn("ann", 600);
    expect([here.getState(), there.getState()]).toEqual([
      { kind: "in", userId: "ann" },
      { kind: "in", userId: "ann" },
    ]);
    expect(browser.others).toBe(0);
  });

  it("a server that cannot renew just now has ended nothing", async () => {
    const browser = new Browser(lapsed(() => json(503, {})));
    const tab = browser.tab();
    tab.known("ann", false);
    expect((await tab.fetch(get())).status).toBe(401);
    expect(tab.getState().kind).toBe("in");
  });

  it("wrong passwords are not mistaken for it", async () => {
    const browser = new Browser(() => json(401, { code: "wrong-credentials" }));
    const tab = browser.tab();
    const response = await tab.fetch(new Request("http://test/api/auth/login", { method: "POST", body: "{}" }));
    expect(response.status).toBe(401);
    expect(browser.sent).toEqual(["POST /api/auth/login"]);
  });
});

it("signing out in one tab signs out the others", () => {
  const browser = new Browser(lapsed());
  const [here, there] = [browser.tab(), browser.tab()];
  for (const tab of [here, there]) tab.known("ann", false);
  there.signedOut();
  expect(here.getState()).toEqual({ kind: "out", why: "You signed out in another tab.", left: true });
});

it("another person who signs in in another tab takes this page over", () => {
  const browser = new Browser(lapsed());
  browser.tab().known("ann", false);
  const first = browser.tab();
  first.known("ann", false);
  browser.tab().signedIn("ben", 600);
  expect(browser.others).toBe(2);
});

it("what one person typed in this browser is not there for the next, but for the same one it is", () => {
  const tab = new Browser(lapsed()).tab();
  writeStored("theme", "dark");
  tab.known("ann", false);
  localStorage.setItem("perdure.draft.message.1", "dear Ben");
  tab.known("ann", false);
  expect(localStorage.getItem("perdure.draft.message.1")).toBe("dear Ben");
  tab.known("ben", false);
  expect(localStorage.getItem("perdure.draft.message.1")).toBeNull();
  expect(localStorage.getItem("perdure.theme")).not.toBeNull();
});

it("a page that is looked at renews shortly before the token runs out, not earlier", async () => {
  const browser = new Browser(lapsed());
  const tab = browser.tab();
  tab.signedIn("ann", 600);
  await tab.keepFresh();
  expect(browser.count(REFRESH)).toBe(0);
  browser.clock += 550_000;
  await tab.keepFresh();
  expect(browser.count(REFRESH)).toBe(1);
});

it("what changes something says that it comes from the console; what reads does not", async () => {
  const seen: (string | null)[] = [];
  const browser = new Browser((request) => {
    seen.push(request.headers.get("X-Perdure-Request"));
    return json(200, {});
  });
  const tab = browser.tab();
  await tab.fetch(get());
  await tab.fetch(new Request("http://test/api/sessions", { method: "DELETE" }));
  expect(seen).toEqual([null, "console"]);
});

describe("tickets", () => {
  it("are asked for, by way of a renewal when needed", async () => {
    const server = lapsed();
    const browser = new Browser(async (request) =>
      request.url.endsWith("/tickets") && server.good ? json(200, { ticket: "pdt_1" }) : server(request),
    );
    expect(await browser.tab().ticket()).toBe("pdt_1");
    expect(browser.sent).toEqual(["POST /api/auth/tickets", REFRESH, "POST /api/auth/tickets"]);
  });

  it("are not needed by the one local user", async () => {
    const browser = new Browser(expired);
    const tab = browser.tab();
    tab.known("local", true);
    expect(await tab.ticket()).toBeNull();
    expect(browser.sent).toEqual([]);
  });

  it("are refused with 401 to whoever is signed out", async () => {
    const tab = new Browser(lapsed(() => expired())).tab();
    await expect(tab.ticket()).rejects.toMatchObject({ status: 401 });
  });

  it("a server that is away is an outage, not the end of a sign-in", async () => {
    const tab = new Browser(() => {
      throw new TypeError("network");
    }).tab();
    await expect(tab.ticket()).rejects.toMatchObject({ code: "offline" });
  });
});

it("what an older page left in the storage does not break the keeper", async () => {
  writeStored("sign-in.renewed", "nonsense");
  const browser = new Browser(lapsed());
  expect((await browser.tab().fetch(get())).status).toBe(200);
});
