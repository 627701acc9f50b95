import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useId, useMemo, useState, type KeyboardEvent } from "react";
import { listSessions } from "@/api/sessions";
import { Dialog } from "@/components/Dialog";
import { Icon, type IconName } from "@/components/Icon";
import fields from "@/components/form/form.module.css";
import { shownStatus, WORD } from "@/lib/status";
import styles from "./Palette.module.css";

export interface Command {
  readonly label: string;
  readonly icon: IconName;
  readonly keys?: string;
  readonly run: () => void;
}

interface Props {
  readonly commands: readonly Command[];
  readonly onClose: () => void;
}

/** Everything by name: sessions, places, things to do. */
export default function Palette({ commands, onClose }: Props) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const wanted = useDeferredValue(text.trim());
  const navigate = useNavigate();
  const id = useId();
  const found = useQuery({
    queryKey: ["sessions", "palette", wanted],
    queryFn: ({ signal }) => listSessions({ q: wanted, limit: 8 }, signal),
    placeholderData: keepPreviousData,
  });
  const entries = useMemo(() => {
    const matching = commands
      .filter((command) => command.label.toLowerCase().includes(wanted.toLowerCase()))
      .map((command) => ({ ...command, note: command.keys ?? "" }));
    const sessions = (found.data?.sessions ?? []).map((session) => ({
      label: session.name,
      icon: "right" as const,
      note: `${WORD[shownStatus(session.status, session.run_status, session.pending_approvals)]} · ${session.mode}`,
      run: () => void navigate({ to: "/sessions/$id", params: { id: session.session_id } }),
    }));
    return wanted ? [...sessions, ...matching] : [...matching.slice(0, 5), ...sessions, ...matching.slice(5)];
  }, [commands, found.data, wanted, navigate]);
  useEffect(() => setAt(0), [wanted]);

  const choose = (index: number) => {
    const entry = entries[index];
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(entries.length - 1, at + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, at - 1));
    else if (event.key === "Enter") choose(at);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Search or jump" onClose={onClose} top>
      <input
        className={fields.control}
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={`${id}-${at}`}
        aria-label="Search sessions and commands"
        placeholder="Session, place or command"
        data-autofocus
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <ul role="listbox" id={id} aria-label="Results" className={styles.list}>
        {entries.map((entry, index) => (
          <li
            key={`${entry.label} ${index}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseMove={() => setAt(index)}
            onClick={() => choose(index)}
            ref={index === at ? (element) => element?.scrollIntoView({ block: "nearest" }) : undefined}
          >
            <Icon name={entry.icon} />
            <span>{entry.label}</span>
            <small>{entry.note}</small>
          </li>
        ))}
      </ul>
      {entries.length === 0 && <p role="status">Nothing matches “{wanted}”.</p>}
    </Dialog>
  );
}
