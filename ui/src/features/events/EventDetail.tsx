import { ActionIcon, Button } from "@mantine/core";
import { Icon } from "@/components/Icon";
import { JsonView } from "@/components/JsonView";
import { integer } from "@/lib/format";
import type { EventFrame } from "@/live/frames";
import styles from "./Events.module.css";

interface Props {
  readonly event: EventFrame;
  readonly onClose: () => void;
  readonly onStep: (by: 1 | -1) => void;
  readonly onFork: (seq: number) => void;
}

/** One event whole, with the ones beside it a press away. */
export function EventDetail({ event, onClose, onStep, onFork }: Props) {
  return (
    <section className={styles.detail} aria-label={`Event ${event.seq}`} tabIndex={0}>
      <header>
        <h2>
          {event.type} <span className={styles.seq}>{integer(event.seq)}</span>
        </h2>
        <span>
          <ActionIcon variant="subtle" color="gray" aria-label="Event before" onClick={() => onStep(-1)}>
            <Icon name="up" />
          </ActionIcon>
          <ActionIcon variant="subtle" color="gray" aria-label="Next event" onClick={() => onStep(1)}>
            <Icon name="down" />
          </ActionIcon>
          <ActionIcon variant="subtle" color="gray" aria-label="Close the event" onClick={onClose}>
            <Icon name="cross" />
          </ActionIcon>
        </span>
      </header>
      <p className={styles.when}>{new Date(event.timestamp).toLocaleString()}</p>
      <JsonView key={event.seq} value={event.data} label={`Data of event ${event.seq}`} />
      <dl className={styles.ids}>
        {event.run_id && (
          <div>
            <dt>run</dt>
            <dd>{event.run_id}</dd>
          </div>
        )}
        {event.step && (
          <div>
            <dt>step</dt>
            <dd>{event.step}</dd>
          </div>
        )}
      </dl>
      <Button size="xs" variant="default" leftSection={<Icon name="fork" />} onClick={() => onFork(event.seq)}>
        Fork after this event
      </Button>
    </section>
  );
}
