import { Button } from "@mantine/core";
import { useRef } from "react";
import { newKey } from "@/api/http";
import { Icon } from "@/components/Icon";
import { capital } from "@/lib/schema";
import fields from "@/components/form/form.module.css";
import { moved, type PlannedStep } from "./plan";
import styles from "./requests.module.css";

interface Props {
  readonly steps: readonly PlannedStep[];
  readonly agents: readonly string[];
  readonly errors: Readonly<Record<string, string>>;
  readonly onChange: (steps: readonly PlannedStep[]) => void;
}

/** The plan with everything open to change; steps can be moved, taken out and added anywhere. */
export function PlanEditor({ steps, agents, errors, onChange }: Props) {
  const list = useRef<HTMLOListElement>(null);
  const change = (index: number, part: Partial<PlannedStep>) =>
    onChange(steps.map((step, at) => (at === index ? { ...step, ...part } : step)));
  const move = (from: number, to: number) => {
    onChange(moved(steps, from, to));
    setTimeout(() =>
      list.current
        ?.querySelector<HTMLElement>(`[data-move="${to}-${to < from ? "up" : "down"}"]:not(:disabled)`)
        ?.focus(),
    );
  };
  const add = (at: number) => {
    const step = { id: newKey(), name: "", goal: "", agent: agents[0] ?? "", points: [], inputs: [], outputs: [] };
    onChange([...steps.slice(0, at), step, ...steps.slice(at)]);
    setTimeout(() => list.current?.querySelector<HTMLElement>(`[data-name="${at}"]`)?.focus());
  };
  return (
    <ol className={styles.editor} aria-label="Plan" ref={list}>
      {steps.map((step, index) => {
        const said = (name: string) => errors[`modifications.steps.${index}.${name}`];
        const wrong = ["name", "goal", "agent", "bullet_points", "inputs", "outputs"].flatMap((name) => {
          const error = said(name);
          return error ? [`${capital(name.replace("_", " "))}: ${error}`] : [];
        });
        const whole = errors[`modifications.steps.${index}`];
        return (
          <li key={step.id} aria-label={`Step ${index + 1}`}>
            <div className={styles.editRow}>
              <input
                className={fields.control}
                aria-label={`Name of step ${index + 1}`}
                aria-invalid={said("name") ? true : undefined}
                data-name={index}
                placeholder="Name"
                value={step.name}
                onChange={(event) => change(index, { name: event.currentTarget.value })}
              />
              {agents.length > 0 && (
                <select
                  className={fields.control}
                  aria-label={`Agent of step ${index + 1}`}
                  aria-invalid={said("agent") ? true : undefined}
                  value={step.agent}
                  onChange={(event) => change(index, { agent: event.currentTarget.value })}
                >
                  {[...new Set([...agents, step.agent])].map((agent) => (
                    <option key={agent} value={agent}>
                      {agent || "any agent"}
                    </option>
                  ))}
                </select>
              )}
              <span className={styles.editTools}>
                <Tool
                  label={`Move step ${index + 1} up`}
                  icon="up"
                  mark={`${index}-up`}
                  disabled={index === 0}
                  onPress={() => move(index, index - 1)}
                />
                <Tool
                  label={`Move step ${index + 1} down`}
                  icon="down"
                  mark={`${index}-down`}
                  disabled={index === steps.length - 1}
                  onPress={() => move(index, index + 1)}
                />
                <Tool
                  label={`Remove step ${index + 1}`}
                  icon="cross"
                  disabled={steps.length === 1}
                  onPress={() => onChange(steps.filter((_, at) => at !== index))}
                />
              </span>
            </div>
            <textarea
              className={fields.control}
              rows={1}
              aria-label={`Goal of step ${index + 1}`}
              aria-invalid={said("goal") ? true : undefined}
              placeholder="What it is to reach"
              value={step.goal}
              onChange={(event) => change(index, { goal: event.currentTarget.value })}
            />
            <textarea
              className={fields.control}
              rows={1}
              aria-label={`Points of step ${index + 1}`}
              placeholder="Points to keep to, one per line"
              value={step.points.join("\n")}
              onChange={(event) =>
                change(index, { points: event.currentTarget.value ? event.currentTarget.value.split("\n") : [] })
              }
            />
            {(wrong.length > 0 || whole) && (
              <p className={fields.error}>{[whole, ...wrong].filter(Boolean).join(" ")}</p>
            )}
            <Button
              variant="subtle"
              size="compact-xs"
              leftSection={<Icon name="plus" size={12} />}
              onClick={() => add(index + 1)}
            >
              Add a step here
            </Button>
          </li>
        );
      })}
    </ol>
  );
}

function Tool(props: {
  label: string;
  icon: "up" | "down" | "cross";
  mark?: string;
  disabled: boolean;
  onPress: () => void;
}) {
  return (
    <Button
      variant="default"
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      onClick={props.onPress}
      px={8}
      data-move={props.mark}
    >
      <Icon name={props.icon} />
    </Button>
  );
}
