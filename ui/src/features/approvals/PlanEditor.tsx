import { Button, TextInput } from "@mantine/core";
import { Icon } from "@/components/Icon";
import styles from "./ApprovalCard.module.css";
import type { PlannedStep } from "./plan";

interface Props {
  readonly steps: readonly PlannedStep[];
  readonly onChange: (steps: readonly PlannedStep[]) => void;
}

/** The plan with every goal open to change; steps can be dropped, added and moved. */
export function PlanEditor({ steps, onChange }: Props) {
  const change = (index: number, part: Partial<PlannedStep>) =>
    onChange(steps.map((step, at) => (at === index ? { ...step, ...part } : step)));
  const move = (index: number) => {
    const next = [...steps];
    next.splice(index - 1, 2, ...next.slice(index - 1, index + 1).reverse());
    onChange(next);
  };
  return (
    <ol className={styles.plan} aria-label="Plan">
      {steps.map((step, index) => (
        <li key={index}>
          <div className={styles.editRow}>
            <TextInput
              aria-label={`Name of step ${index + 1}`}
              value={step.name}
              onChange={(event) => change(index, { name: event.currentTarget.value })}
            />
            <Button variant="default" aria-label={`Move step ${index + 1} up`} disabled={index === 0} onClick={() => move(index)} px={9}>
              <Icon name="up" />
            </Button>
            <Button
              variant="default"
              aria-label={`Remove step ${index + 1}`}
              disabled={steps.length === 1}
              onClick={() => onChange(steps.filter((_, at) => at !== index))}
              px={9}
            >
              <Icon name="cross" />
            </Button>
          </div>
          <TextInput
            aria-label={`Goal of step ${index + 1}`}
            value={step.goal}
            onChange={(event) => change(index, { goal: event.currentTarget.value })}
          />
        </li>
      ))}
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="plus" />}
        onClick={() => onChange([...steps, { name: "", goal: "", agent: "engineer", points: [] }])}
        className={styles.addStep ?? ""}
      >
        Add a step
      </Button>
    </ol>
  );
}
