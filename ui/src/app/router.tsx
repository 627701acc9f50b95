import { createRootRoute, createRoute, createRouter, Link, redirect } from "@tanstack/react-router";
import { lazy, Suspense, type ComponentType, type ReactNode } from "react";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { asProblem } from "@/api/problem";
import { listSearch, newSearch, nextSearch, sessionSearch, startSearch } from "./search";
import { Shell } from "./Shell";

/** Each screen is a part of its own, fetched when it is first opened; pages know the routes, so their types stay out. */
function screen(load: () => Promise<unknown>): () => ReactNode {
  const Page = lazy(load as () => Promise<{ default: ComponentType }>);
  return () => (
    <Suspense fallback={<Loading rows={8} label="Loading the page" />}>
      <Page />
    </Suspense>
  );
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <>
      <h1>Nothing here</h1>
      <EmptyState action={<Link to="/sessions">All sessions</Link>}>There is nothing at this address.</EmptyState>
    </>
  ),
  errorComponent: ({ error, reset }) => <ErrorState problem={asProblem(error)} onRetry={reset} />,
});
const getParentRoute = () => root;

const start = createRoute({
  getParentRoute,
  path: "/",
  validateSearch: startSearch,
  beforeLoad: ({ search }) => {
    if (search.resumeSessionId)
      throw redirect({ to: "/sessions/$id", params: { id: search.resumeSessionId }, search: { resume: true } });
  },
  component: screen(() => import("./pages/StartPage")),
});
const sessions = createRoute({
  getParentRoute,
  path: "/sessions",
  validateSearch: listSearch,
  component: screen(() => import("./pages/SessionsPage")),
});
const inbox = createRoute({ getParentRoute, path: "/inbox", component: screen(() => import("./pages/InboxPage")) });
const newSession = createRoute({
  getParentRoute,
  path: "/new",
  validateSearch: newSearch,
  component: screen(() => import("./pages/NewSessionPage")),
});
const settings = createRoute({
  getParentRoute,
  path: "/settings",
  component: screen(() => import("./pages/SettingsPage")),
});
const settingsPart = createRoute({
  getParentRoute,
  path: "/settings/$part",
  component: screen(() => import("./pages/SettingsPage")),
});
const join = createRoute({ getParentRoute, path: "/join", component: screen(() => import("./pages/JoinPage")) });
/** Whoever gets here is signed in already, and goes on to where they wanted. */
const signIn = createRoute({
  getParentRoute,
  path: "/sign-in",
  validateSearch: nextSearch,
  beforeLoad: ({ search }) => {
    throw redirect({ href: nextSearch({ ...search }).next ?? "/", replace: true }); // what is not valid is in it still
  },
});
const session = createRoute({
  getParentRoute,
  path: "/sessions/$id",
  validateSearch: sessionSearch,
  component: screen(() => import("./pages/SessionPage")),
});

export const router = createRouter({
  routeTree: root.addChildren([start, sessions, inbox, newSession, settings, settingsPart, join, signIn, session]),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
