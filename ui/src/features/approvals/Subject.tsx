import { CodeBlock } from "@/components/CodeBlock";
import { Markdown } from "@/components/Markdown";
import { asFields } from "@/live/frames";
import { CATEGORY_DOES } from "@/lib/tools";
import type { ApprovalEntry } from "@/live/session-state";
import { plannedSteps } from "./plan";
import styles from "./requests.module.css";
import { optionsOf } from "./selection";

/** What a question is about, to read. */
export function Subject({ approval }: { approval: ApprovalEntry }) {
  const data = approval.requestData;
  switch (approval.requestType) {
    case "plan":
      return <Plan data={data} />;
    case "tool":
      return <ToolCall data={data} />;
    case "step":
    case "turn":
      return <Step data={data} />;
    case "error":
      return <Failure data={data} />;
    case "selection":
      return <Options data={data} />;
    case "question":
    case "budget":
      return null; // the form says it all
    default:
      return <Facts data={data} />;
  }
}

type Data = Readonly<Record<string, unknown>>;

function Plan({ data }: { data: Data }) {
  const steps = plannedSteps(data);
  if (!steps) return <Facts data={data} />;
  return (
    <ol className={styles.plan} aria-label="Plan">
      {steps.map((step) => (
        <li key={step.id}>
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
          {step.inputs.length + step.outputs.length > 0 && (
            <p className={styles.flow}>
              {step.inputs.length > 0 && <>takes {step.inputs.join(", ")} </>}
              {step.outputs.length > 0 && <>makes {step.outputs.join(", ")}</>}
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

function ToolCall({ data }: { data: Data }) {
  const args = asFields(data["arguments"]);
  const command = ["command", "code", "script"].find((name) => typeof args[name] === "string");
  const rest = Object.entries(args).filter(([name]) => name !== command);
  const category = String(data["category"] ?? "");
  return (
    <div className={styles.tool}>
      <p className={styles.line}>
        {typeof data["agent"] === "string" && (
          <>
            Agent <strong>{data["agent"]}</strong> wants to call{" "}
          </>
        )}
        <code>{String(data["tool"] ?? "")}</code>
        {category && (
          <span className={styles.category} data-category={category}>
            {CATEGORY_DOES[category] ?? category}
          </span>
        )}
      </p>
      {command && <CodeBlock text={String(args[command])} label={command === "command" ? "Command" : "Code"} />}
      {rest.length > 0 && <Facts data={Object.fromEntries(rest)} />}
    </div>
  );
}

function Step({ data }: { data: Data }) {
  const goal = text(data["goal"]);
  const result = text(data["result"]);
  const context = text(data["context"]);
  return (
    <div className={styles.step}>
      {goal && <p className={styles.goal}>{goal}</p>}
      {text(data["agent"]) && (
        <p className={styles.line}>
          Done by <code>{text(data["agent"])}</code>
          {typeof data["attempt"] === "number" && data["attempt"] > 1 && <>, attempt {data["attempt"]}</>}
        </p>
      )}
      {result && (
        <section className={styles.result} aria-label="Result of the step" tabIndex={0}>
          <Markdown text={result} />
        </section>
      )}
      {context && (
        <details>
          <summary>What earlier steps found</summary>
          <section className={styles.result} aria-label="Earlier results" tabIndex={0}>
            <Markdown text={context} />
          </section>
        </details>
      )}
    </div>
  );
}

function Failure({ data }: { data: Data }) {
  const error = asFields(data["error"]);
  const message = text(error["message"]) || text(error["detail"]) || text(error["code"]) || text(data["error"]);
  return (
    <div className={styles.step}>
      {text(data["goal"]) && <p className={styles.goal}>{text(data["goal"])}</p>}
      <CodeBlock text={message || JSON.stringify(data["error"], null, 2)} label="What went wrong" tone="bad" />
    </div>
  );
}

function Options({ data }: { data: Data }) {
  return (
    <ol className={styles.plan}>
      {optionsOf(data).map((option) => (
        <li key={option.number}>
          <div className={styles.stepName}>{option.title}</div>
          {option.text && <p>{option.text}</p>}
        </li>
      ))}
    </ol>
  );
}

/** Anything else, field by field. */
export function Facts({ data }: { data: Data }) {
  const entries = Object.entries(data).filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (entries.length === 0) return null;
  return (
    <dl className={styles.facts}>
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name.replaceAll("_", " ")}</dt>
          <dd>{typeof value === "string" ? value : <code>{JSON.stringify(value, null, 2)}</code>}</dd>
        </div>
      ))}
    </dl>
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
