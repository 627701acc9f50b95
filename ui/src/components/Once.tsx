import { Button } from "@mantine/core";
import { useState } from "react";
import styles from "./Once.module.css";

/** A secret that can be read now and never again. */
export function Once({ label, text, about }: { label: string; text: string; about: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("Select it and copy it by hand");
    }
  };
  return (
    <div className={styles.once} role="group" aria-label={label}>
      <p>{about}</p>
      <div>
        <input
          readOnly
          aria-label={label}
          value={text}
          onFocus={(event) => event.currentTarget.select()}
          spellCheck={false}
        />
        <Button variant="default" onClick={() => void copy()} data-autofocus>
          Copy
        </Button>
      </div>
      <p role="status">{said}</p>
    </div>
  );
}
