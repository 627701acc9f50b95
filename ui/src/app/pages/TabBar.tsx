import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Icon, type IconName } from "@/components/Icon";
import { compact, integer } from "@/lib/format";
import type { SessionTab } from "../search";
import styles from "./session.module.css";

export interface TabHead {
  readonly id: SessionTab;
  readonly label: string;
  readonly icon: IconName;
  readonly count: number;
}

interface Props {
  readonly tabs: readonly TabHead[];
  readonly current: SessionTab;
  readonly onChange: (tab: SessionTab) => void;
}

/** The views of a session; the row scrolls by itself where it does not fit. */
export function TabBar({ tabs, current, onChange }: Props) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>("[aria-selected=true]");
    const box = list.current;
    if (tab && box) box.scrollLeft = tab.offsetLeft - box.clientWidth / 2 + tab.clientWidth / 2;
  }, [current]);
  const [hidden, setHidden] = useState({ before: false, after: false });
  useEffect(() => {
    const box = list.current;
    if (!box) return;
    const look = () => {
      const before = box.scrollLeft > 2;
      const after = box.scrollWidth - box.clientWidth - box.scrollLeft > 2;
      setHidden((known) => (known.before === before && known.after === after ? known : { before, after }));
    };
    const observer = new ResizeObserver(look);
    observer.observe(box);
    box.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, [tabs.length]);
  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === current);
    const to = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at - 1 + tabs.length) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    }[event.key];
    const next = to === undefined ? undefined : tabs[to];
    if (!next) return;
    event.preventDefault();
    onChange(next.id);
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div
      className={styles.tabs}
      role="tablist"
      aria-label="Views of the session"
      ref={list}
      onKeyDown={onKeyDown}
      data-before={hidden.before || undefined}
      data-after={hidden.after || undefined}
    >
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={tab.id === current}
          aria-controls={tab.id === current ? `panel-${tab.id}` : undefined}
          tabIndex={tab.id === current ? 0 : -1}
          onClick={() => onChange(tab.id)}
        >
          <Icon name={tab.icon} />
          {tab.label}
          {tab.count > 0 && (
            <span className={styles.count} title={integer(tab.count)}>
              {compact(tab.count)}
            </span>
          )}
        </button>
      ))}
    </div>
  );
}
