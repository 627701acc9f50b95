import { useNavigate } from "@tanstack/react-router";
import { Icon } from "@/components/Icon";
import { Menu } from "@/components/Menu";
import type { SessionTab } from "../search";
import styles from "./PhoneBar.module.css";
import type { TabHead } from "./TabBar";

interface Props {
  readonly tabs: readonly TabHead[];
  readonly current: SessionTab;
  readonly onChange: (tab: SessionTab) => void;
}

/** What a thumb reaches most often; the rest of the views, and the way out, are behind More. */
const FIRST: Readonly<Partial<Record<SessionTab, string>>> = { chat: "Chat", overview: "Steps", console: "Console" };

/** On a phone this stands where the other pages have their navigation. */
export function PhoneBar({ tabs, current, onChange }: Props) {
  const navigate = useNavigate();
  const rest = tabs.filter((tab) => !(tab.id in FIRST));
  const other = rest.find((tab) => tab.id === current);
  return (
    <nav aria-label="Session" className={styles.bar} data-session-bar="">
      {tabs
        .filter((tab) => tab.id in FIRST)
        .map((tab) => (
          <button
            key={tab.id}
            type="button"
            aria-current={tab.id === current ? "page" : undefined}
            onClick={() => onChange(tab.id)}
          >
            <Icon name={tab.icon} />
            {FIRST[tab.id]}
          </button>
        ))}
      <div className={styles.more} data-current={other ? "" : undefined}>
        <Menu
          up
          label={other ? `More, now ${other.label}` : "More"}
          icon={other?.icon ?? "more"}
          text={other?.label ?? "More"}
          items={[
            ...rest.map((tab) => ({ label: tab.label, icon: tab.icon, onPress: () => onChange(tab.id) })),
            { label: "All sessions", icon: "list", onPress: () => void navigate({ to: "/sessions" }) },
            { label: "Inbox", icon: "inbox", onPress: () => void navigate({ to: "/inbox" }) },
            { label: "New session", icon: "plus", onPress: () => void navigate({ to: "/new" }) },
          ]}
        />
      </div>
    </nav>
  );
}
