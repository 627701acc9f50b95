import { Button } from "@mantine/core";
import { useState } from "react";
import { SchemaFields } from "@/components/form/SchemaFields";
import fields from "@/components/form/form.module.css";
import { integer } from "@/lib/format";
import { fieldOf, fieldsOf, type Values } from "@/lib/schema";
import { asFields } from "@/live/frames";
import type { ApprovalEntry } from "@/live/session-state";
import { editableSchema, type Draft } from "./form";
import { agentsOf } from "./plan";
import { PlanEditor } from "./PlanEditor";
import styles from "./requests.module.css";
import { optionsOf } from "./selection";
import { Facts, Subject } from "./Subject";

interface Props {
  readonly approval: ApprovalEntry;
  readonly draft: Draft;
  readonly onChange: (change: Partial<Draft>) => void;
  readonly errors: Readonly<Record<string, string>>;
}

/** The subject of a question: to read, to choose from, to fill in, or open for editing. */
export function Inputs({ approval, draft, onChange, errors }: Props) {
  const data = approval.requestData;
  if (draft.preparing === "modify") {
    if (draft.steps)
      return (
        <PlanEditor
          steps={draft.steps}
          agents={agentsOf(data)}
          errors={errors}
          onChange={(steps) => onChange({ steps })}
        />
      );
    const path = approval.requestType === "tool" ? "modifications.arguments" : "modifications";
    return (
      <Edited
        approval={approval}
        values={draft.edited ?? {}}
        errors={errors}
        path={path}
        onChange={(edited) => onChange({ edited })}
      />
    );
  }
  switch (approval.requestType) {
    case "question":
      return <Question approval={approval} draft={draft} onChange={onChange} errors={errors} />;
    case "selection":
      return <Choice approval={approval} draft={draft} onChange={onChange} />;
    case "budget":
      return <Budget approval={approval} draft={draft} onChange={onChange} errors={errors} />;
    default:
      return <Subject approval={approval} />;
  }
}

function Question({ approval, draft, onChange, errors }: Props) {
  const schema = approval.answerSchema;
  const asked = typeof approval.requestData["question"] === "string" ? approval.requestData["question"] : null;
  const reason = typeof approval.requestData["reason"] === "string" ? approval.requestData["reason"] : null;
  const isForm = schema !== null && schema["properties"];
  const single = fieldOf("answer", { title: "Your answer", ...(schema ?? { type: "string" }) }, true);
  return (
    <div className={styles.step}>
      {asked && asked !== approval.title && <p className={styles.goal}>{asked}</p>}
      {reason && <p className={styles.line}>{reason}</p>}
      <SchemaFields
        open
        fields={isForm ? fieldsOf(schema) : [single]}
        values={draft.answer}
        errors={isForm ? errors : { ...errors, "answer.answer": errors["answer"] ?? "" }}
        path="answer"
        onChange={(answer) => onChange({ answer })}
      />
    </div>
  );
}

function Choice({ approval, draft, onChange }: Omit<Props, "errors">) {
  const recommended = Number(approval.requestData["recommended"] ?? 0);
  return (
    <fieldset className={fields.options}>
      <legend className="visually-hidden">{approval.title}</legend>
      {optionsOf(approval.requestData).map((option) => (
        <label key={option.number} className={`${fields.option} ${styles.choice}`}>
          <input
            type="radio"
            name={approval.approvalId}
            checked={draft.answer["choice"] === option.number}
            onChange={() => onChange({ answer: { choice: option.number } })}
          />
          <span>
            <span className={styles.choiceHead}>
              <strong>{option.title}</strong>
              {option.score !== null && <span className={styles.score}>{option.score}/10</span>}
              {option.number === recommended && <span className={styles.score}>recommended</span>}
            </span>
            {option.text && <span className={styles.about}>{option.text}</span>}
            {option.notes.map((note) => (
              <span key={note} className={styles.about}>
                {note}
              </span>
            ))}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

const UNIT: Readonly<Record<string, string>> = {
  max_cost_usd: "US dollars",
  max_tokens: "tokens",
  max_seconds: "seconds",
  max_steps: "steps",
};

function Budget({ approval, draft, onChange, errors }: Props) {
  const { used, allowed, limit, scope } = approval.requestData as Record<string, unknown>;
  const share = typeof used === "number" && typeof allowed === "number" && allowed > 0 ? used / allowed : 1;
  return (
    <div className={styles.step}>
      <div className={styles.meter} role="img" aria-label={`${Math.round(share * 100)} % of the limit is used`}>
        <span style={{ width: `${Math.min(100, share * 100)}%` }} />
      </div>
      <p className={styles.line}>
        Used {amount(used)} of {amount(allowed)} {UNIT[String(limit)] ?? ""}; the limit is the {String(scope)}’s. What
        is done stays done either way.
      </p>
      {approval.answerSchema && (
        <SchemaFields
          fields={fieldsOf(approval.answerSchema)}
          values={draft.answer}
          errors={errors}
          path="answer"
          onChange={(answer) => onChange({ answer })}
        />
      )}
    </div>
  );
}

function amount(value: unknown): string {
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? integer(value) : String(Number(value.toPrecision(4)));
}

/** Editing as a form where the shape is known, or as JSON. */
function Edited(props: {
  approval: ApprovalEntry;
  values: Values;
  errors: Readonly<Record<string, string>>;
  path: string;
  onChange: (values: Values) => void;
}) {
  const { approval, values, errors, path, onChange } = props;
  const schema = editableSchema(approval);
  const [asJson, setAsJson] = useState(schema === null);
  const [text, setText] = useState("");
  const [bad, setBad] = useState("");
  return (
    <div className={styles.step}>
      {approval.requestType === "tool" && (
        <p className={styles.line}>
          The call of <code>{String(approval.requestData["tool"])}</code>, to be made with:
        </p>
      )}
      {asJson ? (
        <div className={fields.field}>
          <textarea
            className={`${fields.control} ${fields.mono}`}
            aria-label="Arguments as JSON"
            aria-invalid={bad ? true : undefined}
            rows={6}
            spellCheck={false}
            value={text || JSON.stringify(values, null, 2)}
            onChange={(event) => {
              const next = event.currentTarget.value;
              setText(next);
              try {
                const parsed: unknown = JSON.parse(next);
                setBad("");
                onChange(asFields(parsed));
              } catch (error) {
                setBad(`This is not JSON yet: ${error instanceof Error ? error.message : ""}`);
              }
            }}
          />
          {bad && <p className={fields.error}>{bad}</p>}
          {Object.entries(errors).map(([field, message]) => (
            <p key={field} className={fields.error}>
              {field.replace(`${path}.`, "")}: {message}
            </p>
          ))}
        </div>
      ) : (
        schema && (
          <SchemaFields fields={fieldsOf(schema)} values={values} errors={errors} path={path} onChange={onChange} />
        )
      )}
      {schema && (
        <Button
          variant="subtle"
          size="compact-xs"
          className={styles.toggle ?? ""}
          onClick={() => setAsJson(!asJson)}
          disabled={bad !== ""}
        >
          {asJson ? "Edit as a form" : "Edit as JSON"}
        </Button>
      )}
    </div>
  );
}

export function Given({ approval }: { approval: ApprovalEntry }) {
  const { answer, modifications } = approval.response;
  const value = answer ?? modifications;
  if (value === undefined || value === null) return null;
  if (typeof value !== "object") return <p className={styles.said}>“{String(value)}”</p>;
  return <Facts data={asFields(value)} />;
}
