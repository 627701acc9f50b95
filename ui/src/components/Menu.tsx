import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import styles from "./Menu.module.css";

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName;
  readonly onPress: () => void;
  readonly disabled?: string | false;
  readonly danger?: boolean;
}

/** More that can be done, behind one button. Arrows move, Enter does it, Escape goes back. */
export function Menu({
  label,
  items,
  icon = "more",
  text,
  up = false,
  face,
  head,
}: {
  label: string;
  items: readonly MenuItem[];
  icon?: IconName;
  text?: string;
  /** Open above the button. */
  up?: boolean;
  /** In place of the icon. */
  face?: ReactNode;
  /** Above the entries, to be read only. */
  head?: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const close = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    return () => document.removeEventListener("pointerdown", close);
  }, [open]);
  if (items.length === 0) return null;
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(root.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (event.key === "Escape" || event.key === "Tab") close();
    if (to !== undefined) all[to]?.focus();
    if (to !== undefined || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  return (
    <div className={styles.root} ref={root}>
      <button
        ref={button}
        type="button"
        className={face ? styles.bare : styles.button}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {face ?? <Icon name={icon} />}
        {text}
      </button>
      {open && (
        <div className={styles.list} data-up={up || undefined}>
          {head && <div className={styles.head}>{head}</div>}
          <div role="menu" id={id} aria-label={label} className={styles.items} onKeyDown={onKeyDown}>
            {items.map((item) => (
              <button
                key={item.label}
                type="button"
                role="menuitem"
                tabIndex={-1}
                className={styles.item}
                data-danger={item.danger || undefined}
                aria-disabled={item.disabled ? true : undefined}
                title={item.disabled || undefined}
                onClick={() => {
                  if (item.disabled) return;
                  close();
                  item.onPress();
                }}
              >
                {item.icon && <Icon name={item.icon} />}
                <span>{item.label}</span>
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
