import { createRootRoute, createRoute, createRouter, Link } from "@tanstack/react-router";
import { EmptyState, ErrorState } from "@/components/States";
import { asProblem } from "@/api/problem";
import { NewSessionPage } from "./pages/NewSessionPage";
import { SessionPage } from "./pages/SessionPage";
import { SessionsPage } from "./pages/SessionsPage";
import { Shell } from "./Shell";

const TABS = ["chat", "steps", "console", "files"] as const;
export type SessionTab = (typeof TABS)[number];

interface ListSearch {
  q?: string;
}
interface SessionSearch {
  tab?: SessionTab;
}

function listSearch({ q }: Record<string, unknown>): ListSearch {
  return typeof q === "string" && q ? { q } : {};
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <EmptyState action={<Link to="/sessions">All sessions</Link>}>There is nothing at this address.</EmptyState>
  ),
  errorComponent: ({ error, reset }) => <ErrorState problem={asProblem(error)} onRetry={reset} />,
});

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: listSearch,
  component: () => <SessionsPage route="/" />,
});

const sessions = createRoute({
  getParentRoute: () => root,
  path: "/sessions",
  validateSearch: listSearch,
  component: () => <SessionsPage route="/sessions" />,
});

const newSession = createRoute({ getParentRoute: () => root, path: "/new", component: NewSessionPage });

const session = createRoute({
  getParentRoute: () => root,
  path: "/sessions/$id",
  validateSearch: ({ tab }: Record<string, unknown>): SessionSearch => {
    const known = TABS.find((each) => each === tab);
    return known ? { tab: known } : {};
  },
  component: SessionPage,
});

export const router = createRouter({ routeTree: root.addChildren([start, sessions, newSession, session]) });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
