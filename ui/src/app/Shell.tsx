import { useMantineColorScheme, useComputedColorScheme } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { activity } from "@/api/activity";
import { listWaiting } from "@/api/approvals";
import { Boundary } from "@/components/Boundary";
import { Brand } from "@/components/Brand";
import { Icon, type IconName } from "@/components/Icon";
import { OneAtATime } from "@/components/OneAtATime";
import { useKeys } from "@/lib/keys";
import { useSettled } from "@/lib/settled";
import { useConnection, useListHints } from "@/live/react";
import { UserMenu } from "@/features/people/UserMenu";
import { ModelNote } from "./ModelNote";
import type { Command } from "@/features/palette/Palette";
import { useNotices } from "./notices";
import { recallSession } from "./recent";
import type { SessionTab } from "./search";
import styles from "./Shell.module.css";

const loadPalette = () => import("@/features/palette/Palette");
const Palette = lazy(loadPalette);
const KeyHelp = lazy(() => import("@/features/palette/KeyHelp"));

export function Shell(): ReactNode {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [over, setOver] = useState<"palette" | "keys" | null>(null);
  const inbox = useQuery({ queryKey: ["inbox"], queryFn: listWaiting });
  const waiting = inbox.data?.total ?? 0;
  useNotices(inbox.data?.approvals);
  const refresh = useSettled(
    useCallback(() => {
      void queries.invalidateQueries({ queryKey: ["sessions"] });
      void queries.invalidateQueries({ queryKey: ["inbox"] });
    }, [queries]),
  );
  useListHints(refresh);
  useFocusOnNewPage();
  useEffect(() => {
    const timer = setTimeout(() => void loadPalette().catch(() => undefined), SOON_MS); // so that the first Ctrl K loses no key
    return () => clearTimeout(timer);
  }, []);

  const current = useCallback((): Promise<void> => {
    const id = recallSession();
    return id ? navigate({ to: "/sessions/$id", params: { id } }) : navigate({ to: "/" });
  }, [navigate]);
  const theme = useTheme();
  const shown = useRouterState({ select: (state) => /^\/sessions\/([^/]+)/.exec(state.location.pathname)?.[1] });
  const commands = useMemo<readonly Command[]>(
    () => [
      { label: "New session", icon: "plus" as const, keys: "g n", run: () => void navigate({ to: "/new" }) },
      { label: "Inbox", icon: "inbox" as const, keys: "g i", run: () => void navigate({ to: "/inbox" }) },
      { label: "Sessions", icon: "list" as const, keys: "g s", run: () => void navigate({ to: "/sessions" }) },
      { label: "Current session", icon: "play" as const, keys: "g c", run: () => void current() },
      { label: "Start page", icon: "up" as const, run: () => void navigate({ to: "/" }) },
      { label: "Settings", icon: "gear" as const, run: () => void navigate({ to: "/settings" }) },
      {
        label: "Trash",
        icon: "bin" as const,
        run: () => void navigate({ to: "/sessions", search: { status: "deleted" } }),
      },
      { label: `Use the ${theme.other} theme`, icon: theme.icon, run: theme.toggle },
      { label: "Keyboard", icon: "question" as const, keys: "?", run: () => setOver("keys") },
      ...(shown === undefined ? [] : EVERYWHERE).map(([tab, word]) => ({
        label: `${word} of this session`,
        icon: "right" as const,
        run: () => void navigate({ to: "/sessions/$id", params: { id: shown ?? "" }, search: { tab } }),
      })),
    ],
    [navigate, current, theme, shown],
  );
  useKeys({
    "mod+k": (event) => {
      event.preventDefault();
      setOver("palette");
    },
    "?": () => setOver("keys"),
    "g s": () => void navigate({ to: "/sessions" }),
    "g i": () => void navigate({ to: "/inbox" }),
    "g n": () => void navigate({ to: "/new" }),
    "g c": () => void current(),
    "/": (event) => {
      event.preventDefault();
      const box = document.querySelector<HTMLInputElement>("main input[type=search]");
      if (box) box.focus();
      else setOver("palette");
    },
  });

  return (
    <OneAtATime>
      <a href="#main" className={styles.skip}>
        Skip to content
      </a>
      <header className={styles.bar}>
        <Link to="/" className={styles.brand ?? ""} aria-label="Perdure, start page">
          <Brand />
          <span>Perdure</span>
        </Link>
        <button type="button" className={styles.find} onClick={() => setOver("palette")}>
          <Icon name="search" />
          <span>Search or jump</span>
          <kbd>Ctrl K</kbd>
        </button>
        <Live />
        <button
          type="button"
          className={styles.tool}
          aria-label={`Use the ${theme.other} theme`}
          title={`Use the ${theme.other} theme`}
          onClick={theme.toggle}
        >
          <Icon name={theme.icon} />
        </button>
        <UserMenu />
      </header>
      <div className={styles.frame}>
        <nav aria-label="Main" className={styles.nav}>
          <Place to="/new" icon="plus" word="New session" short="New" />
          <Place to="/" icon="play" word="Start" exact />
          <Place to="/inbox" icon="inbox" word="Inbox" count={waiting} />
          <Place to="/sessions" icon="list" word="Sessions" />
          <Place to="/settings" icon="gear" word="Settings" />
        </nav>
        <div className={styles.column}>
          <ModelNote />
          <main id="main" tabIndex={-1} className={styles.main}>
            <Boundary>
              <Outlet />
            </Boundary>
          </main>
        </div>
      </div>
      <Suspense fallback={null}>
        {over === "palette" && <Palette commands={commands} onClose={() => setOver(null)} />}
        {over === "keys" && <KeyHelp onClose={() => setOver(null)} />}
      </Suspense>
    </OneAtATime>
  );
}

interface PlaceProps {
  readonly to: "/" | "/new" | "/inbox" | "/sessions" | "/settings";
  readonly icon: IconName;
  readonly word: string;
  readonly short?: string;
  readonly count?: number;
  readonly exact?: boolean;
}

function Place({ to, icon, word, short, count = 0, exact = false }: PlaceProps) {
  return (
    <Link
      to={to}
      activeOptions={{ exact, includeSearch: false }}
      activeProps={{ "data-active": "", "aria-current": "page" }}
      title={word}
    >
      <Icon name={icon} />
      <span className={styles.word} data-short={short ?? word}>
        {word}
      </span>
      {count > 0 && (
        <span className={styles.badge}>
          {count}
          <span className="visually-hidden"> waiting</span>
        </span>
      )}
    </Link>
  );
}

const SOON_MS = 1_500;
/** The views that every session has. */
const EVERYWHERE: readonly (readonly [SessionTab, string])[] = [
  ["overview", "Overview"],
  ["dag", "DAG"],
  ["console", "Console"],
  ["events", "Events"],
  ["costs", "Costs"],
  ["files", "Files"],
  ["config", "Config"],
];

/** Only says something when it is wrong for longer than a moment; a session's own strip says it all. */
function Live() {
  const connection = useConnection();
  const [late, setLate] = useState(false);
  const isLive = connection.kind === "live" || connection.kind === "idle";
  useEffect(() => {
    setLate(false);
    if (isLive) return activity.retryNow();
    const timer = setTimeout(() => setLate(true), SOON_MS);
    return () => clearTimeout(timer);
  }, [isLive]);
  return (
    <span
      className={styles.live}
      data-late={(!isLive && late) || undefined}
      title={isLive ? "Changes appear by themselves" : "The server cannot be reached; this page tries again by itself"}
    >
      {isLive || !late ? "live" : "not connected"}
    </span>
  );
}

function useTheme() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const other = scheme === "dark" ? "light" : "dark";
  return useMemo(
    () => ({ other, icon: (other === "dark" ? "moon" : "sun") as IconName, toggle: () => setColorScheme(other) }),
    [other, setColorScheme],
  );
}

/** Who moves with the keyboard starts at the top of each new page. */
function useFocusOnNewPage(): void {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    window.scrollTo(0, 0);
    const main = document.getElementById("main");
    if (!main?.contains(document.activeElement)) main?.focus({ preventScroll: true });
  }, [path]);
}
