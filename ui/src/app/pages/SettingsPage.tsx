import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, type ComponentType } from "react";
import { useMe } from "@/components/Access";
import { Boundary } from "@/components/Boundary";
import { EmptyState, Loading } from "@/components/States";
import { Settings } from "@/features/settings/Settings";
import { useTitle } from "../title";
import styles from "./pages.module.css";

interface Part {
  readonly word: string;
  readonly Content: ComponentType;
  /** Not on a server with one local user. */
  readonly several?: boolean;
  readonly admin?: boolean;
}

const PARTS: Readonly<Record<string, Part>> = {
  general: { word: "General", Content: Settings },
  profile: { word: "Profile", Content: lazy(() => import("@/features/settings/Profile")), several: true },
  keys: { word: "API keys", Content: lazy(() => import("@/features/settings/Keys")), several: true },
  secrets: { word: "Secrets", Content: lazy(() => import("@/features/settings/Secrets")) },
  people: { word: "People", Content: lazy(() => import("@/features/people/People")), several: true, admin: true },
  audit: { word: "Audit log", Content: lazy(() => import("@/features/audit/Audit")), admin: true },
};

export default function SettingsPage() {
  const { part = "general" } = useParams({ strict: false });
  const me = useMe();
  const shown = Object.entries(PARTS).filter(([, each]) => !each.several || me?.auth === "password");
  const mine = shown.filter(([, each]) => !each.admin || me?.role === "admin");
  const current = shown.find(([name]) => name === part)?.[1];
  const allowed = mine.some(([name]) => name === part);
  useTitle(current && part !== "general" ? `${current.word} · Settings` : "Settings");
  return (
    <>
      <div className={styles.head}>
        <h1>Settings</h1>
      </div>
      <div className={styles.parts}>
        {mine.length > 1 && (
          <nav aria-label="Settings" className={styles.partNav}>
            {mine.map(([name, each]) => (
              <Link
                key={name}
                to={name === "general" ? "/settings" : "/settings/$part"}
                params={{ part: name }}
                activeOptions={{ exact: true }}
                aria-current={name === part ? "page" : undefined}
              >
                {each.word}
              </Link>
            ))}
          </nav>
        )}
        <div className={styles.part}>
          {!current ? (
            <EmptyState action={<Link to="/settings">General settings</Link>}>There is nothing at this address.</EmptyState>
          ) : !allowed ? (
            <EmptyState action={<Link to="/settings">General settings</Link>}>
              {current.word} is for administrators of this server. Ask one of them if you need it.
            </EmptyState>
          ) : (
            <Boundary key={part}>
              <Suspense fallback={<Loading />}>
                <current.Content />
              </Suspense>
            </Boundary>
          )}
        </div>
      </div>
    </>
  );
}
