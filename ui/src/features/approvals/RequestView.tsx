import styles from "./ApprovalCard.module.css";
import { plannedSteps } from "./plan";

/** What the question is about: a plan as a list, anything else as its fields. */
export function RequestView({ data }: { data: Readonly<Record<string, unknown>> }) {
  const steps = plannedSteps(data);
  if (steps) {
    return (
      <ol className={styles.plan} aria-label="Plan">
        {steps.map((step, index) => (
          <li key={index}>
            <div className={styles.stepName}>
              {step.name}
              {step.agent && <span>{step.agent}</span>}
            </div>
            {step.goal && step.goal !== step.name && <p>{step.goal}</p>}
            {step.points.length > 0 && (
              <ul>
                {step.points.map((point, number) => (
                  <li key={number}>{point}</li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ol>
    );
  }
  const fields = Object.entries(data);
  if (fields.length === 0) return null;
  return (
    <dl className={styles.fields}>
      {fields.map(([name, value]) => (
        <div key={name}>
          <dt>{name.replaceAll("_", " ")}</dt>
          <dd>{typeof value === "string" ? value : <code>{JSON.stringify(value, null, 2)}</code>}</dd>
        </div>
      ))}
    </dl>
  );
}
