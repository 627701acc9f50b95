import type { ModeInfo } from "@/api/types";
import { Icon } from "@/components/Icon";
import { iconOf } from "./modes";
import styles from "./NewTask.module.css";

interface Props {
  readonly modes: readonly ModeInfo[];
  readonly chosen: string | undefined;
  readonly onChoose: (id: string) => void;
}

export function ModeCards({ modes, chosen, onChoose }: Props) {
  return (
    <fieldset className={styles.modes}>
      <legend>How</legend>
      {modes.map((mode) => (
        <label key={mode.id} className={styles.mode}>
          <input
            type="radio"
            name="mode"
            value={mode.id}
            checked={mode.id === chosen}
            onChange={() => onChoose(mode.id)}
          />
          <span>
            <strong>
              <Icon name={iconOf(mode)} size={15} /> {mode.label}
            </strong>
            <span className={styles.about}>{mode.description}</span>
            <span className={styles.badges}>
              <span>can pause</span>
              {mode.supports_resume && <span>goes on after a failure</span>}
              {mode.supports_hitl && <span>can ask you</span>}
            </span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
