import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { Link, Outlet } from "@tanstack/react-router";
import { Icon } from "@/components/Icon";
import { ModelNote } from "./ModelNote";
import styles from "./Shell.module.css";

export function Shell() {
  return (
    <>
      <a href="#main" className={styles.skip}>
        Skip to content
      </a>
      <header className={styles.bar}>
        <Link to="/" className={styles.brand ?? ""} aria-label="Perdure, start page">
          <svg aria-hidden="true" width="20" height="20" viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round">
            <path d="M6 17V7.5a4.5 4.5 0 1 1 4.5 4.5H9" />
            <path d="M14.5 15.5h.01" strokeWidth="3" />
          </svg>
          Perdure
        </Link>
        <nav aria-label="Main">
          <Link to="/sessions" activeProps={{ "data-active": "" }}>
            Sessions
          </Link>
          <Link to="/new" activeProps={{ "data-active": "" }}>
            New
          </Link>
        </nav>
        <ThemeSwitch />
      </header>
      <ModelNote />
      <main id="main" tabIndex={-1} className={styles.main}>
        <Outlet />
      </main>
    </>
  );
}

function ThemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon variant="subtle" color="gray" size={32} aria-label={`Use the ${other} theme`} onClick={() => setColorScheme(other)}>
      <Icon name={other === "dark" ? "moon" : "sun"} />
    </ActionIcon>
  );
}
