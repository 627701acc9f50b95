import { Dialog } from "@/components/Dialog";
import styles from "./Palette.module.css";

const KEYS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Everywhere",
    [
      ["Ctrl K", "search or jump"],
      ["/", "search the list"],
      ["g s", "sessions"],
      ["g i", "inbox"],
      ["g n", "new session"],
      ["g c", "current session"],
      ["?", "this page"],
    ],
  ],
  [
    "Lists",
    [
      ["j  k", "next, previous"],
      ["Enter", "open"],
      ["x", "select"],
      ["Esc", "select none, then back"],
    ],
  ],
  [
    "Session",
    [
      ["1 … 9", "tabs"],
      ["p", "pause or resume"],
      ["a", "approve or go on"],
      ["e", "edit what is asked about"],
      ["r", "reject"],
      ["Ctrl Enter", "send the answer"],
    ],
  ],
  [
    "Views",
    [
      ["f", "fit the picture, follow the console"],
      ["0", "show what is running"],
      ["n  N", "next, previous match"],
    ],
  ],
];

export default function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose} wide>
      <div className={styles.keys}>
        {KEYS.map(([where, keys]) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p>Single keys can be switched off in the settings. None works while you type.</p>
    </Dialog>
  );
}
