import { ActionIcon } from "@mantine/core";
import { useEffect, useRef, type ReactNode } from "react";
import styles from "./Dialog.module.css";
import { Icon } from "./Icon";

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  /** Buttons, the safe one first; it has the focus. */
  readonly footer?: ReactNode;
  readonly wide?: boolean;
  readonly top?: boolean;
}

/**
 * A question over the page, with the browser's own focus trap; Escape and a press beside it close it.
 * What is marked `data-autofocus` has the focus first.
 */
export function Dialog({ title, onClose, children, footer, wide = false, top = false }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = box.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      className={styles.dialog}
      data-wide={wide || undefined}
      data-top={top || undefined}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === box.current) onClose();
      }}
    >
      <div className={styles.inner}>
        <header className={styles.head}>
          <h2>{title}</h2>
          <ActionIcon variant="subtle" color="gray" size={30} aria-label="Close" onClick={onClose}>
            <Icon name="cross" />
          </ActionIcon>
        </header>
        <div className={styles.body}>{children}</div>
        {footer && <footer className={styles.foot}>{footer}</footer>}
      </div>
    </dialog>
  );
}
